"""What gives a network interface its address: the files that its manager follows.

Sources: systemd.network(5) and /run/systemd/netif/links; nm-settings-keyfile(5) and
/run/NetworkManager/devices; interfaces(5); ifcfg files of Red Hat's initscripts and of SUSE's
ifcfg(5); Documentation/admin-guide/nfs/nfsroot.rst and dracut.cmdline(7) for ip=. Netplan writes
for the first two (netplan(5)), so that its files are found among theirs.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator
from pathlib import Path

from warmboot.core.expression import expression
from warmboot.core.host.files import names, read_fields, read_text
from warmboot.core.values import NamedTuple

_FILE = 1 << 16
_FILES = 256
_LINES = 4000
_DEPTH = 4  # of files that interfaces(5) sources
_PROFILES = (
    "etc/NetworkManager/system-connections",
    "run/NetworkManager/system-connections",
    "usr/lib/NetworkManager/system-connections",
)
_IFCFG = ("etc/sysconfig/network-scripts", "etc/sysconfig/network")
_DHCP_WORDS = ("dhcp", "on", "any", "both", "dhcp6", "auto6", "either6", "link6", "bootp")
_YES = ("yes", "true", "on", "1", "ipv4", "ipv6", "both", "v4", "v6")
_BY_IFCFG = ("dhcp", "bootp", "dhcp4", "dhcp6", "dhcp+autoip", "auto4")
_ADDRESS = expression(r"\[[0-9A-Fa-f:.]*\]")

#: Sections of an INI file: name, then keys with their values, in order.
_Sections = list[tuple[str, dict[str, list[str]]]]


class Setup(NamedTuple):
    """What gives an interface its address.

    `manager` follows the `file`, a path from / on. `static`: an address stands in it; `dynamic`: it
    asks for one (DHCP, router advertisements). `names` are patterns of which one has to fit the
    interface's name; none where it is found by something else (its hardware address, say).
    """

    manager: str
    file: str
    static: bool
    dynamic: bool
    names: tuple[str, ...] = ()

    def serves(self, name: str) -> bool:
        """Whether it would serve the interface under another name, too."""
        return not self.names or any(fnmatch.fnmatchcase(name, one) for one in self.names)


def read_setups(prefix: Path, name: str) -> tuple[Setup, ...]:
    """Return what is configured for an interface below `prefix`, by any manager."""
    index = read_text(prefix / "sys/class/net" / name / "ifindex", 32) or ""
    readers: list[Iterable[Setup]] = []
    if index.isascii() and index.isdigit():
        readers += [_networkd(prefix, index), _network_manager(prefix, index)]
    readers += [_interfaces(prefix, name), _ifcfg(prefix, name), _by_words(prefix, name)]
    found = (setup for reader in readers for setup in reader)
    return tuple(dict.fromkeys(found))[:_FILES]


def _networkd(prefix: Path, index: str) -> Iterator[Setup]:
    """Yield what systemd-networkd itself says it applies to the link."""
    link = read_fields(prefix / "run/systemd/netif/links" / index) or {}
    path = link.get("NETWORK_FILE", "").strip('"')
    text = _text(prefix, path)
    if text is None:
        return
    paths = [path, *link.get("NETWORK_FILE_DROPINS", "").strip('"').split(":")]
    sections = [part for one in paths for part in _sections(_text(prefix, one) or "")]
    patterns = " ".join(_values(sections, "Match", "Name")).split()
    addresses = _values(sections, "Network", "Address") + _values(sections, "Address", "Address")
    dhcp = any(value.lower() in _YES for value in _values(sections, "Network", "DHCP")[-1:])
    by_netplan = "netplan" if "-netplan-" in path else "systemd-networkd"
    plain = tuple(one for one in patterns if not one.startswith("!"))
    yield Setup(by_netplan, path, any(addresses), dhcp, plain)


def _network_manager(prefix: Path, index: str) -> Iterator[Setup]:
    """Yield the profile that NetworkManager has activated on the device."""
    state = _sections(_text(prefix, f"/run/NetworkManager/devices/{index}") or "")
    uuid = next(iter(_values(state, "device", "connection-uuid")), None)
    if uuid is None:
        return
    for folder in _PROFILES:
        for name in names(prefix / folder, _FILES):
            path = f"/{folder}/{name}"
            sections = _sections(_text(prefix, path) or "")
            if uuid not in _values(sections, "connection", "uuid"):
                continue
            families = [(f, _values(sections, f, "method")) for f in ("ipv4", "ipv6")]
            fixed = any("manual" in method for _, method in families)
            asks = any({"auto", "dhcp"} & set(method) for _, method in families)
            bound = tuple(_values(sections, "connection", "interface-name"))
            yield Setup("NetworkManager", path, fixed, asks, bound)
            return


def _interfaces(prefix: Path, name: str) -> Iterator[Setup]:
    """Yield the stanzas of ifupdown; see interfaces(5)."""
    waiting, seen, lookups = [("/etc/network/interfaces", 0)], set[str](), 0
    while waiting and len(seen) < _FILES:
        path, depth = waiting.pop(0)
        if path in seen:
            continue
        seen.add(path)
        for line in (_text(prefix, path) or "").splitlines()[:_LINES]:
            words = line.split()
            if len(words) >= 2 and words[0].startswith("source"):
                lookups += 1
                if depth >= _DEPTH or lookups > _FILES:
                    continue
                whole = words[0] == "source-directory"
                waiting += [(one, depth + 1) for one in _sourced(prefix, words[1], whole=whole)]
            elif len(words) >= 4 and words[0] == "iface" and words[1] == name:
                method = words[3]
                asks = method in ("dhcp", "auto", "bootp")
                if method != "loopback":
                    yield Setup("ifupdown", path, method == "static", asks, (name,))


def _sourced(prefix: Path, pattern: str, *, whole: bool) -> list[str]:
    """Return the files that a line of interfaces(5) brings in; only the last part is a pattern."""
    if not pattern.startswith("/"):
        pattern = f"/etc/network/{pattern}"
    folder, _, last = pattern.rstrip("/").rpartition("/")
    if whole:
        folder, last = pattern.rstrip("/"), "*"
    found = names(prefix / folder.lstrip("/"), _FILES)
    return [f"{folder}/{one}" for one in found if fnmatch.fnmatchcase(one, last)]


def _ifcfg(prefix: Path, name: str) -> Iterator[Setup]:
    address = (read_text(prefix / "sys/class/net" / name / "address", 64) or "").lower()
    for folder in _IFCFG:
        for file in names(prefix / folder, _FILES):
            if not file.startswith("ifcfg-") or file.endswith(("~", ".bak", ".orig", ".rpmsave")):
                continue
            path = f"/{folder}/{file}"
            fields = read_fields(prefix / folder / file, _FILE) or {}
            values = {key.strip(): _unquoted(value) for key, value in fields.items()}
            device = values.get("DEVICE") or file.removeprefix("ifcfg-")
            card = values.get("HWADDR", "").lower()
            if (card != address) if card else (device != name):
                continue
            static = any(key.startswith("IPADDR") and value for key, value in values.items())
            asks = values.get("BOOTPROTO", "").lower() in _BY_IFCFG
            bound = () if card and "DEVICE" not in values else (device,)
            yield Setup("ifcfg", path, static, asks, bound)


def _by_words(prefix: Path, name: str) -> Iterator[Setup]:
    """Yield what ip= on the running command line says of the interface, or of any."""
    for word in (read_text(prefix / "proc/cmdline", 1 << 14) or "").split():
        if not word.startswith("ip="):
            continue
        fields = _ADDRESS.sub("6", word.removeprefix("ip=")).split(":")
        if len(fields) <= 2:  # ip=dhcp, ip=eth0:dhcp
            device = fields[0] if len(fields) == 2 else ""
            static, asks = False, fields[-1] in _DHCP_WORDS
        else:
            device = fields[5] if len(fields) > 5 else ""
            static, asks = bool(fields[0]), len(fields) > 6 and fields[6] in _DHCP_WORDS
        if device in ("", name) and (static or asks):
            yield Setup("the command line", "/proc/cmdline", static, asks, (name,) * bool(device))


def _text(prefix: Path, path: str) -> str | None:
    """Return a file by its path from / on, None for what is no such path."""
    if not path.startswith("/") or ".." in path.split("/"):
        return None
    return read_text(prefix / path.lstrip("/"), _FILE)


def _sections(text: str) -> _Sections:
    found: _Sections = []
    for raw in text.splitlines()[:_LINES]:
        line = raw.strip()
        if line.startswith("[") and line.endswith("]"):
            found.append((line[1:-1], {}))
        elif found and "=" in line and line[0] not in "#;":
            key, _, value = line.partition("=")
            found[-1][1].setdefault(key.strip(), []).append(value.strip())
    return found


def _values(sections: _Sections, section: str, key: str) -> list[str]:
    """Return all values of a key; NetworkManager numbers some, and writes others once."""
    return [value for name, keys in sections if name == section for value in keys.get(key, ())]


def _unquoted(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value
