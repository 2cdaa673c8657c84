"""Names and addresses of the network after a restart, on generated machines.

The oracle is a small model of udev: a .link file with a name wins always, the policy where it is at
work, the kernel's count else.
"""

from __future__ import annotations

import fnmatch
import itertools
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from support.files import put
from support.hardware_trees import CARDS, Tree
from support.machines import make_machine

from warmboot.core.boot.cmdline import parse
from warmboot.core.fit.kernel_fit import KernelFit
from warmboot.core.host import read_host
from warmboot.core.host.essentials import read_essentials
from warmboot.core.plan.checks.base import Finding, Verdict
from warmboot.core.plan.checks.fit_subject import FitSubject
from warmboot.core.plan.checks.network import NETWORK

CLIENT = "192.0.2.99"
POLICY = "enp3s0"
KINDS = ("policy", "no policy name", "link file")
WORDS = {"": True, "net.ifnames=0": False, "net.ifnames=no": False, "net.ifnames=1": True}
#: How an interface is configured, and the patterns that it is found by; None: not at all.
SETUPS: dict[str, tuple[str, ...] | None] = {
    "nothing": None,
    "its name": ("{}",),
    "any ethernet": ("en*", "eth*"),
    "its address": (),
}


class Made(NamedTuple):
    """A machine with one card, and the name that the card has there."""

    root: Path
    name: str


def name_of(kind: str, *, policy: bool) -> str:
    """What udev makes of a card (systemd.link(5))."""
    if kind == "link file":
        return "lan0"
    return POLICY if policy and kind == "policy" else "eth0"


def make(root: Path, kind: str, setup: str, *, policy: bool, dhcp: bool = False) -> Made:
    name = name_of(kind, policy=policy)
    tree = Tree(make_machine(root))
    folder = tree.card(CARDS["igb"], name)
    put(tree.root, f"{folder}/name_assign_type", "1\n" if name == "eth0" else "4\n")
    link = "10-lan.link" if kind == "link file" else "99-default.link"
    put(tree.root, "etc/systemd/network/10-lan.link", "[Match]\nPath=x\n[Link]\nName = lan0\n")
    put(tree.root, "usr/lib/systemd/network/99-default.link", "[Link]\nNamePolicy=keep path\n")
    place = "etc" if kind == "link file" else "usr/lib"
    lines = [f"E:ID_NET_LINK_FILE=/{place}/systemd/network/{link}", "I:12345"]
    lines += [] if kind == "no policy name" else [f"E:ID_NET_NAME_PATH={POLICY}"]
    put(tree.root, "run/udev/data/n2", "\n".join(lines) + "\n")
    tree.default_route(name)
    patterns = SETUPS[setup]
    if patterns is not None:
        match = " ".join(one.format(name) for one in patterns)
        match = f"Name={match}" if match else "MACAddress=52:54:00:00:00:01"
        way = "DHCP=yes" if dhcp else "Address=192.0.2.7/24"
        put(tree.root, "etc/systemd/network/20.network", f"[Match]\n{match}\n[Network]\n{way}\n")
        put(tree.root, "run/systemd/netif/links/2", "NETWORK_FILE=/etc/systemd/network/20.network")
    return Made(tree.root, name)


def judge(made: Made, old: str, new: str, *, remote: bool, release: str = "new") -> list[Finding]:
    client = CLIENT if remote else None
    host = replace(read_host(made.root), cmdline=f"root=/dev/vda1 {old}", remote=client)
    essentials = read_essentials(made.root, client)
    fit = KernelFit(essentials, release, None, (), True)
    return list(NETWORK.run(FitSubject(host, fit, parse(f"root=/dev/vda1 {new}"))))


def one(findings: list[Finding], check: str) -> Finding:
    (found,) = [finding for finding in findings if finding.check == check]
    return found


@pytest.mark.parametrize("setup", SETUPS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("old", WORDS)
def test_a_name_that_changes_is_told_and_fails_where_nothing_serves_it(
    tmp_path: Path, kind: str, setup: str, old: str
) -> None:
    made = make(tmp_path, kind, setup, policy=WORDS[old])
    for new, remote in itertools.product(WORDS, (True, False)):
        later = name_of(kind, policy=WORDS[new])
        found = one(judge(made, old, new, remote=remote), "interface-names")
        if later == made.name:
            assert found.verdict is Verdict.PASS, (new, found)
            continue
        patterns = SETUPS[setup]
        served = patterns is not None and (
            not patterns or any(fnmatch.fnmatch(later, p.format(made.name)) for p in patterns)
        )
        sure = patterns is not None and not served
        assert found.verdict is (Verdict.FAIL if sure and remote else Verdict.WARN), (new, found)
        assert found.forceable is (found.verdict is Verdict.FAIL)
        assert made.name in found.text
        if later == POLICY:
            assert POLICY in found.text
        if sure:
            assert f"is for {made.name}" in found.text


@pytest.mark.parametrize("release", ["6.1.0", "new"])
@pytest.mark.parametrize("setup", SETUPS)
def test_several_cards_that_are_counted_may_change_places(
    tmp_path: Path, setup: str, release: str
) -> None:
    made = make(tmp_path, "no policy name", setup, policy=True)
    tree = Tree(made.root)
    folder = tree.card(CARDS["r8169"], "eth1")
    put(made.root, f"{folder}/name_assign_type", "1\n")
    running = read_host(made.root).release
    assert running == "6.1.0"
    found = one(judge(made, "", "", remote=True, release=release), "interface-names")
    by_name = SETUPS[setup] != ()
    expected = Verdict.WARN if release != running and by_name else Verdict.PASS
    assert found.verdict is expected, found
    assert ("2 cards" in found.text) is (expected is Verdict.WARN)


@pytest.mark.parametrize("remote", [True, False])
@pytest.mark.parametrize("dhcp", [True, False])
@pytest.mark.parametrize("setup", SETUPS)
def test_where_the_address_comes_from(tmp_path: Path, setup: str, dhcp: bool, remote: bool) -> None:
    made = make(tmp_path, "policy", setup, policy=True, dhcp=dhcp)
    findings = [f for f in judge(made, "", "", remote=remote) if f.check == "address"]
    if SETUPS[setup] is None:
        assert [f.verdict for f in findings] == [Verdict.WARN] * remote
        assert all("was not found" in f.text for f in findings)
        return
    (found,) = findings
    assert found.verdict is (Verdict.WARN if dhcp else Verdict.PASS)
    assert "/etc/systemd/network/20.network" in found.text
    assert ("DHCP only" in found.text) is dhcp


@pytest.mark.parametrize("remote", [True, False])
def test_of_another_root_nothing_is_said_but_that(tmp_path: Path, remote: bool) -> None:
    made = make(tmp_path, "policy", "its name", policy=True)
    host = replace(read_host(made.root), remote=CLIENT if remote else None)
    essentials = read_essentials(made.root, host.remote)
    fit = KernelFit(essentials, "new", None, (), True, same_root=False)
    found = list(NETWORK.run(FitSubject(host, fit, parse("net.ifnames=0"))))
    assert [(f.check, f.verdict) for f in found] == [("interface-names", Verdict.WARN)] * remote


def test_a_bond_of_cards_that_are_renamed_is_named(tmp_path: Path) -> None:
    made = make(tmp_path, "policy", "nothing", policy=True)
    tree = Tree(made.root)
    tree.interface("bond0", "bond", [made.name])
    tree.default_route("bond0")
    found = one(judge(made, "", "net.ifnames=0", remote=True), "interface-names")
    assert found.verdict is Verdict.WARN
    assert "bond0 is made of that" in found.text
