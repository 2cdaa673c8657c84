"""What gives an interface its address, as each manager writes it down."""

from __future__ import annotations

import itertools
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.files import put

from warmboot.core.host.files import names
from warmboot.core.host.network_setup import Setup, read_setups

NAME, MAC = "enp1s0", "52:54:00:12:34:56"
WAYS = ("static", "dhcp", "both", "neither")


def has(way: str) -> tuple[bool, bool]:
    return way in ("static", "both"), way in ("dhcp", "both")


def networkd(root: Path, way: str, *, by_name: bool, path: str) -> None:
    static, asks = has(way)
    match = f"Name=lan0 {NAME}" if by_name else f"MACAddress={MAC}"
    lines = ["# one", "[Match]", match, "[Network]"]
    lines += ["DHCP=ipv4"] if asks else ["DHCP=no"]
    lines += ["[Address]", "Address = 192.0.2.7/24"] if static else []
    put(root, path.lstrip("/"), "\n".join(lines) + "\n")
    put(
        root, "run/systemd/netif/links/7", f"# state\nADMIN_STATE=configured\nNETWORK_FILE={path}\n"
    )


def network_manager(root: Path, way: str, *, by_name: bool) -> None:
    static, asks = has(way)
    put(root, "run/NetworkManager/devices/7", "[device]\nmanaged=true\nconnection-uuid=abc-1\n")
    folder = "etc/NetworkManager/system-connections"
    put(root, f"{folder}/other.nmconnection", "[connection]\nuuid=abc-2\n[ipv4]\nmethod=manual\n")
    bound = f"interface-name={NAME}\n" if by_name else ""
    first = "manual" if static else "auto" if asks else "disabled"
    second = "auto" if asks else "disabled"
    put(
        root,
        f"{folder}/wired.nmconnection",
        f"[connection]\nuuid=abc-1\n{bound}[ipv4]\nmethod={first}\n[ipv6]\nmethod={second}\n",
    )


def ifcfg(root: Path, way: str, *, by_name: bool) -> None:
    static, asks = has(way)
    key = f'DEVICE="{NAME}"' if by_name else f"HWADDR={MAC.upper()}"
    lines = [key, f"BOOTPROTO={'dhcp' if asks else 'none'}", *["IPADDR=192.0.2.7"] * static]
    put(root, f"etc/sysconfig/network-scripts/ifcfg-{NAME}", "\n".join(lines) + "\n")
    put(root, "etc/sysconfig/network-scripts/ifcfg-other", "DEVICE=other\nIPADDR=192.0.2.9\n")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    put(tmp_path, f"sys/class/net/{NAME}/ifindex", "7\n")
    put(tmp_path, f"sys/class/net/{NAME}/address", MAC + "\n")
    return tmp_path


@pytest.mark.parametrize(("way", "by_name"), list(itertools.product(WAYS, (True, False))))
def test_each_manager_s_own_words(root: Path, way: str, by_name: bool) -> None:
    static, asks = has(way)
    networkd(root, way, by_name=by_name, path="/run/systemd/network/10-netplan-a.network")
    network_manager(root, way, by_name=by_name)
    ifcfg(root, way, by_name=by_name)
    found = {setup.manager: setup for setup in read_setups(root, NAME)}
    assert set(found) == {"netplan", "NetworkManager", "ifcfg"}
    for setup in found.values():
        assert (setup.static, setup.dynamic) == (static, asks), setup
        assert setup.serves(NAME)
        assert setup.serves("eth0") is (not by_name), setup


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("method", ["static", "dhcp", "manual"])
def test_stanzas_of_ifupdown_and_the_files_that_they_bring_in(
    root: Path, method: str, depth: int
) -> None:
    stanza = f"auto {NAME}\niface {NAME} inet {method}\n  address 192.0.2.7/24\n"
    others = "auto lo\niface lo inet loopback\niface other inet static\n"
    files = ["etc/network/interfaces", "etc/network/interfaces.d/lan", "etc/network/more/x"]
    lines = ["source /etc/network/interfaces.d/*\n", "source-directory more\n", ""]
    for number, (path, line) in enumerate(zip(files, lines, strict=True)):
        put(root, path, others + line + (stanza if number == depth else ""))
    static, asks = method == "static", method == "dhcp"
    assert read_setups(root, NAME) == (
        Setup("ifupdown", f"/{files[depth]}", static, asks, (NAME,)),
    )


def test_files_that_bring_in_each_other_end(root: Path) -> None:
    put(root, "etc/network/interfaces", "source /etc/network/interfaces\nsource interfaces.d/*\n")
    put(root, "etc/network/interfaces.d/a", "source /etc/network/interfaces.d/*\n")
    assert read_setups(root, NAME) == ()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("ip=dhcp", (False, True, ())),
        (f"ip={NAME}:dhcp", (False, True, (NAME,))),
        ("ip=other:dhcp", None),
        ("ip=192.0.2.7::192.0.2.1:255.255.255.0:host::none", (True, False, ())),
        (f"ip=192.0.2.7::192.0.2.1:255.255.255.0:host:{NAME}:none", (True, False, (NAME,))),
        (f"ip=[2001:db8::7]::[fe80::1]:64::{NAME}:none", (True, False, (NAME,))),
        (f"ip=:::::{NAME}:dhcp", (False, True, (NAME,))),
        ("ip=off", None),
        ("ip=", None),
        ("quiet", None),
    ],
)
def test_words_of_the_running_kernel(
    root: Path, words: str, expected: tuple[bool, bool, tuple[str, ...]] | None
) -> None:
    put(root, "proc/cmdline", f"root=/dev/vda1 {words}\n")
    found = [(s.static, s.dynamic, s.names) for s in read_setups(root, NAME)]
    assert found == ([] if expected is None else [expected])


def test_a_link_that_networkd_leaves_alone_has_no_setup(root: Path) -> None:
    put(root, "run/systemd/netif/links/7", "ADMIN_STATE=unmanaged\n")
    assert read_setups(root, NAME) == ()
    put(root, "run/systemd/netif/links/7", "NETWORK_FILE=/../../etc/passwd\n")
    assert read_setups(root, NAME) == ()


@given(st.binary(max_size=400))
def test_whatever_stands_in_the_files_is_no_error(tmp_path_factory: object, raw: bytes) -> None:
    assert isinstance(tmp_path_factory, pytest.TempPathFactory)
    root = tmp_path_factory.mktemp("odd")
    put(root, f"sys/class/net/{NAME}/ifindex", "7\n")
    for path in (
        *("etc/network/interfaces", "run/systemd/netif/links/7", "run/NetworkManager/devices/7"),
        *(f"etc/sysconfig/network/ifcfg-{NAME}", "proc/cmdline"),
    ):
        put(root, path, raw)
    for setup in read_setups(root, NAME):
        assert setup.file.startswith("/")


def test_folders_that_are_brought_in_without_end_are_not_all_looked_at(root: Path) -> None:
    """Each of 256 files names 4,000 folders: a million looks, were they not counted."""
    more = "".join(f"source /etc/network/more/../more/*{n}*\n" for n in range(4000))
    put(root, "etc/network/interfaces", f"source /etc/network/more/*\n{more}")
    for number in range(256):
        put(root, f"etc/network/more/{number}", more)
    put(root, "etc/network/more/0", f"iface {NAME} inet dhcp\n")
    with mock.patch("warmboot.core.host.network_setup.names", wraps=names) as looks:
        assert [setup.manager for setup in read_setups(root, NAME)] == ["ifupdown"]
    assert looks.call_count < 300
