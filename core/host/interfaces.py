"""Network interfaces that carry a default route or the operator's login.

Sources: /proc/net/route and /proc/net/ipv6_route (proc_net(5)), the links lower_* in
/sys/class/net, and where DHCP clients keep their leases.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from warmboot.core.host.devices import Sysfs
from warmboot.core.host.files import names, read_text
from warmboot.core.host.network_setup import Setup, read_setups
from warmboot.core.text import printable
from warmboot.core.values import NamedTuple

_ROUTES = 4 << 20
_LINES = 20_000
_LOWER = 64
_WIDTH = {4: 32, 6: 128}  # bits of an address, by the IP version
_UP, _REJECT = 0x0001, 0x0200  # RTF_UP, RTF_REJECT in include/uapi/linux/route.h


class Interface(NamedTuple):
    """A network interface. `default`: it carries a default route; `remote`: the operator's login.

    `devices` are the folders in sysfs of the hardware it stands on, `kinds` what is above that
    (bond, bridge, vlan; DEVTYPE in uevent). `dhcp`: a DHCP client holds a lease for it; None where
    that is not known. `setups` are what is configured for it.
    """

    name: str
    default: bool
    remote: bool
    devices: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    dhcp: bool | None = None
    setups: tuple[Setup, ...] = ()


class _Route(NamedTuple):
    """The way to the addresses of an IP version that begin with the first `bits` of `network`."""

    interface: str
    version: int
    network: int
    bits: int
    metric: int

    @property
    def sound(self) -> bool:
        """Whether its numbers are those of its IP version."""
        width = _WIDTH[self.version]
        return 0 <= self.bits <= width and not self.network >> width

    def leads_to(self, version: int, address: int) -> bool:
        """Whether packets to an address may take it."""
        rest = _WIDTH[self.version] - self.bits
        return self.version == version and address >> rest == self.network >> rest


def read_way(prefix: Path, address: str) -> Interface | None:
    """Return the interface that packets to an address leave by, None where no route says."""
    name = _towards([*_routes4(prefix), *_routes6(prefix)], address)
    if name is None:
        return None
    return Interface(name, False, False, *_below(Sysfs(prefix), name))


def read_interfaces(prefix: Path, client: str | None) -> tuple[Interface, ...]:
    """Return the interfaces that matter; `client` is the address the operator comes from."""
    routes = [*_routes4(prefix), *_routes6(prefix)]
    default = {route.interface for route in routes if not route.bits}
    towards = _towards(routes, client)
    wanted = dict.fromkeys([*([towards] if towards else []), *sorted(default)])
    found = []
    sysfs = Sysfs(prefix)
    for name in wanted:
        devices, kinds = _below(sysfs, name)
        ways = name in default, name == towards
        dhcp, setups = _dhcp(prefix, name), read_setups(prefix, name)
        found.append(Interface(name, *ways, devices, kinds, dhcp, setups))
    return tuple(found)


def _routes4(prefix: Path) -> Iterator[_Route]:
    """Yield the routes of /proc/net/route: numbers in the machine's byte order, here as text."""
    text = read_text(prefix / "proc/net/route", _ROUTES) or ""
    for line in text.splitlines()[1:_LINES]:
        words = line.split()
        if len(words) < 8:
            continue
        try:
            flags, metric = int(words[3], 16), int(words[6])
            network = int.from_bytes(bytes.fromhex(words[1].zfill(8)), "little")
            bits = int(words[7], 16).bit_count()
        except ValueError:
            continue
        route = _Route(printable(words[0], 64), 4, network, bits, metric)
        if flags & _UP and not flags & _REJECT and route.sound:
            yield route


def _routes6(prefix: Path) -> Iterator[_Route]:
    text = read_text(prefix / "proc/net/ipv6_route", _ROUTES) or ""
    for line in text.splitlines()[:_LINES]:
        words = line.split()
        if len(words) < 10 or words[9] == "lo":
            continue
        try:
            flags, metric = int(words[8], 16), int(words[5], 16)
            network, bits = int(words[0], 16), int(words[1], 16)
        except ValueError:
            continue
        route = _Route(printable(words[9], 64), 6, network, bits, metric)
        if flags & _UP and not flags & _REJECT and route.sound:
            yield route


def _towards(routes: list[_Route], client: str | None) -> str | None:
    """Return the interface that packets to an address leave by: the longest prefix wins."""
    if client is None:
        return None
    import ipaddress  # 1 ms; nobody may have come over the network

    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_loopback:
        return None
    ways = [route for route in routes if route.leads_to(address.version, int(address))]
    best = max(ways, key=lambda route: (route.bits, -route.metric), default=None)
    return None if best is None else best.interface


def _below(sysfs: Sysfs, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the hardware below an interface, and the kinds of what stands above that."""
    waiting, seen = [name], set[str]()
    devices: dict[str, None] = {}
    kinds: dict[str, None] = {}
    while waiting and len(seen) < _LOWER:
        one = waiting.pop(0)
        folder = None if "/" in one else sysfs.folder(f"sys/class/net/{one}")
        if one in seen or folder is None:
            continue
        seen.add(one)
        kind = sysfs.uevent(folder).get("DEVTYPE")
        if not folder.startswith("sys/devices/virtual/"):
            devices[folder] = None
        elif kind:
            kinds[printable(kind, 64)] = None
        lower = [entry for entry in sysfs.names(folder) if entry.startswith("lower_")]
        waiting += [entry.removeprefix("lower_") for entry in lower]
    return tuple(devices), tuple(kinds)


def _dhcp(prefix: Path, name: str) -> bool | None:
    """Whether a DHCP client holds a lease: systemd-networkd, NetworkManager, dhclient, dhcpcd."""
    index = read_text(prefix / "sys/class/net" / name / "ifindex", 32)
    if index is None or not index.isdigit():
        return None
    if (prefix / "run/systemd/netif/leases" / index).is_file():
        return True
    leases = names(prefix / "var/lib/NetworkManager")
    if any(one.endswith(f"-{name}.lease") for one in leases):
        return True
    if (prefix / "run/systemd/netif/links" / index).is_file():
        return False
    for folder in ("var/lib/dhcp", "var/lib/dhclient", "var/lib/dhcpcd", "run"):
        leases = [one for one in names(prefix / folder) if "lease" in one]
        if any(name in one.replace("-", ".").split(".") for one in leases):
            return True
    return None
