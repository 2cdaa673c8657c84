"""Checks of the network's names and addresses: is what is configured found under the new names?

Sources: systemd.link(5), systemd.net-naming-scheme(7) and systemd-udevd.service(8) (net.ifnames=);
interfaces(5), systemd.network(5), nm-settings-keyfile(5).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from warmboot.core.boot.cmdline import Word, parse
from warmboot.core.host.interfaces import Interface
from warmboot.core.host.network_names import Card
from warmboot.core.host.network_setup import Setup
from warmboot.core.plan.checks.base import Group, Result, fail, passed, warn
from warmboot.core.plan.checks.fit_subject import FitSubject, listed
from warmboot.core.text import printable
from warmboot.core.values import NamedTuple

NETWORK = Group[FitSubject]()

_OFF = ("0", "no", "n", "false", "f", "off")
_FILES = "ifcfg, netplan, systemd.network, NetworkManager's profiles, interfaces(5), ip="


class _Change(NamedTuple):
    """A card and the name that it will have, "" where the kernel counts it."""

    card: Card
    new: str


@NETWORK.check(
    "interface-names",
    "Will the network's interfaces have the names that they are configured by?",
    "name_assign_type in /sys/class/net, what udev recorded in /run/udev/data, net.ifnames= on "
    f"both command lines, {_FILES}",
    forceable=True,
    for_crash=False,
    rule="net.ifnames=0 keeps udev from giving cards the names of its policy; they are then called "
    "as the kernel counts them (systemd-udevd.service(8))",
)
def interface_names(subject: FitSubject) -> Iterator[Result]:
    """An interface under another name is one that nothing configures."""
    if not subject.essentials.interfaces:
        return
    if not subject.fit.same_root:
        if subject.host.remote is not None:
            yield warn(
                "It mounts another root than the running kernel: which names and addresses that "
                "gives the network was not looked at",
                "You are logged in over it. Make sure that it comes up there.",
            )
        return
    before, after = _policy(parse(subject.host.cmdline)), _policy(subject.kernel_words)
    changes = [
        _Change(card, new)
        for card in subject.essentials.cards
        if (new := card.renamed(policy_before=before, policy_after=after)) is not None
    ]
    judged = False
    for interface in subject.essentials.interfaces:
        own = [one for one in changes if one.card.name in _cards_of(interface)]
        if own:
            judged = True
            yield _renamed(subject, interface, own, policy=after)
    counted = [card for card in subject.essentials.cards if card.enumerated]
    names = [c.name for c in counted if any(c.name in _cards_of(i) for i in _by_name(subject))]
    if not judged and names and len(counted) > 1 and subject.fit.release != subject.host.release:
        judged = True
        yield warn(
            f"{listed(names)} is one of {len(counted)} cards that are named in the order in which "
            f"their drivers find them; {subject.release} may find them in another",
            "Name them by a .link file or by udev's policy, or have another way in.",
        )
    if not judged:
        shown = listed(interface.name for interface in subject.essentials.interfaces)
        yield passed(f"The command line leaves the network's names as they are ({shown})")


@NETWORK.check(
    "address",
    "Where do the network's addresses come from?",
    f"{_FILES}, leases of systemd-networkd, NetworkManager, dhclient and dhcpcd",
    for_crash=False,
)
def address(subject: FitSubject) -> Iterator[Result]:
    """A server that gives another address leaves the machine up, and not to be found."""
    if not subject.fit.same_root:
        return
    for interface in subject.essentials.interfaces:
        name = printable(interface.name, 64)
        fixed = [setup for setup in interface.setups if setup.static]
        asks = [setup for setup in interface.setups if setup.dynamic]
        if fixed:
            yield passed(f"{name} has a fixed address: {_places(fixed)}")
        elif asks or interface.dhcp:
            where = f" ({_places(asks)})" if asks else ""
            yield warn(
                f"{name} has its address by DHCP only{where}; the server decides whether it stays "
                "the same",
                "Have the server keep it for this machine, or another way in.",
            )
        elif interface.remote:
            yield warn(
                f"What gives {name} its address was not found; you are logged in over it",
                "Make sure that something sets it at boot: what was set by hand is lost.",
            )


def _renamed(
    subject: FitSubject, interface: Interface, changes: Sequence[_Change], *, policy: bool
) -> Result:
    """Judge an interface whose cards, itself or those below it, get other names."""
    why = "net.ifnames=0 is gone from" if policy else "net.ifnames=0 is new on"
    each = listed(f"{one.card.name} will be {one.new or 'counted (eth0, …)'}" for one in changes)
    text = f"{why} the command line, and {each}"
    hint = "Keep net.ifnames= as it is, or configure the network for both names."
    own = next((one for one in changes if one.card.name == interface.name), None)
    if own is None:
        return warn(f"{text}; {printable(interface.name, 64)} is made of that", hint)
    new = own.new or "eth0"
    setups = interface.setups
    if not setups:
        return warn(f"{text}; whether it is configured under that name is not known", hint)
    if any(setup.serves(new) for setup in setups):
        return warn(f"{text}; {_places(setups)} serves that name too", hint)
    text = f"{text}; nothing configures it then: {_places(setups)} is for {_patterns(setups)}"
    if not interface.remote:
        return warn(text, hint)
    return fail(f"{text}. You are logged in over it", hint)


def _by_name(subject: FitSubject) -> list[Interface]:
    """Return the interfaces that are configured by their name, as far as is known."""
    found = subject.essentials.interfaces
    return [one for one in found if not one.setups or all(s.names for s in one.setups)]


def _cards_of(interface: Interface) -> set[str]:
    return {folder.rpartition("/")[2] for folder in interface.devices}


def _policy(words: Sequence[Word]) -> bool:
    """Whether udev's policy of names is at work: net.ifnames= is not off."""
    values = [word.value for word in words if word.name == "net.ifnames"]
    return not values or (values[-1] or "").lower() not in _OFF


def _places(setups: Sequence[Setup]) -> str:
    return listed(f"{setup.manager}, {setup.file}" for setup in setups)


def _patterns(setups: Sequence[Setup]) -> str:
    return listed(dict.fromkeys(name for setup in setups for name in setup.names))
