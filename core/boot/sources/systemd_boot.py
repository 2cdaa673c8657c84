"""What systemd-boot starts by itself: loader.conf(5), and what bootctl(1) was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from warmboot.core.boot.bls_format import parse_fields
from warmboot.core.boot.entry import BootLoader, Entry, Found, Kind, LoaderDefault, SearchedPlace
from warmboot.core.boot.glob_match import fits
from warmboot.core.boot.grub.menu_paths import MENUS
from warmboot.core.boot.loadervars import LoaderVariables
from warmboot.core.boot.order import ordered
from warmboot.core.boot.search import Search
from warmboot.core.boot.sources.bls import HANDED_OVER
from warmboot.core.boot.sources.kernel_install import os_release
from warmboot.core.boot.sources.source import Source
from warmboot.core.expression import expression
from warmboot.core.text import printable
from warmboot.core.values import NamedTuple

#: loader.conf is read from the EFI system partition, which is rather here than at /boot.
_ESP = (HANDED_OVER, "/efi", "/boot/efi")
#: Names of what it finds and starts beside entries. Source: loader.conf(5), "default".
_OWN_ENTRIES = "auto-"
_VERSION = expression(r"systemd-boot (\d{1,4})(.*)")
_LONG_IDS = 245


class Pattern(NamedTuple):
    """A pattern for ids, and who asks for it; `counted`: no entry that boot counting gave up."""

    text: str
    source: str
    counted: bool = False


def find(search: Search) -> Iterator[Found]:
    """Yield what it starts, where it is configured or boot loader entries were found.

    Where loader.conf was not read to its end, what it starts is not known.
    """
    variables = search.running.variables if search.running else LoaderVariables()
    path, patterns, cut = _configured(search)
    if path is not None and cut:
        yield SearchedPlace(path, cut, notice=True)
        return
    found = ordered(entry for entry in search.found if entry.kind in (Kind.BLS, Kind.UKI))
    if path is None and (not found or _grub_here(search)):
        return
    # Those that it leaves out of its own list cannot be meant, unless there are no others.
    entries = [entry for entry in found if _listed(search, entry)] or found
    asked = [
        Pattern(variables.preferred or "", "LoaderEntryPreferred", counted=True),
        Pattern(variables.default or "", "LoaderEntryDefault"),
        *patterns,
    ]
    default: str | None = entries[0].sources[0] if entries else None
    for pattern in asked:
        wanted = _resolve(pattern.text, variables)
        known = _source(entries, wanted, counted=pattern.counted)
        asked_shortly = wanted and not known and not pattern.counted
        short = _source(entries, f"{wanted}.conf") if asked_shortly else None
        if short is not None and _takes_short_ids(search, variables.info):
            known = short
        elif short is not None:
            what = f"{printable(wanted, 64)} is no entry: its name is {printable(wanted, 64)}.conf"
            yield SearchedPlace(printable(pattern.source), what, notice=True)
        if known is None and wanted.lower().startswith(_OWN_ENTRIES):
            default = None
            what = f"{printable(wanted, 64)} starts by itself, which is no Linux system"
            yield SearchedPlace(printable(pattern.source), what, notice=True)
            break
        if known is not None:
            default = known
            break
    once = _source(entries, _resolve(variables.oneshot or "", variables))
    yield LoaderDefault(BootLoader.SYSTEMD_BOOT, (default,) if default else (), once)


def default_patterns(text: str, source: str) -> tuple[Pattern, ...]:
    """Return the patterns of a loader.conf(5) for the entry to start, best first.

    A special name that systemd-boot does not know counts as if its line was not there.
    """
    fields = parse_fields(text)
    patterns = []
    for key in ("preferred", "default"):
        values = [v for v in fields.get(key, ()) if not v.startswith("@") or v.lower() == "@saved"]
        if values:
            patterns.append(Pattern(values[-1], source, counted=key == "preferred"))
    return tuple(patterns)


def _configured(search: Search) -> tuple[str | None, tuple[Pattern, ...], str | None]:
    """Return the loader.conf that counts, its patterns, and what is missing of it."""
    for base in dict.fromkeys((*_ESP, *search.places)):
        path = f"{base}/loader/loader.conf"
        text = search.root.read_text(path)
        if text is not None:
            return path, default_patterns(text, path), text.cut
    return None, (), None


def _grub_here(search: Search) -> bool:
    return bool(search.grubenv) or any(search.root.exists(menu) for menu in MENUS)


def _listed(search: Search, entry: Entry) -> bool:
    """Whether systemd-boot has the entry in its list: the file that it names has to be there, and
    names that start with auto- are its own."""
    if entry.kind is Kind.BLS and entry.sources[0].rpartition("/")[2].startswith(_OWN_ENTRIES):
        return False
    return not entry.left_out and ("://" in entry.kernel or search.root.exists(entry.kernel))


def _takes_short_ids(search: Search, info: str | None) -> bool:
    """Whether this systemd-boot knows entries by their names without .conf too.

    It did so before version 245, and that of Pop!_OS still does (systemd issue 15068).
    """
    found = _VERSION.match(info or "")
    if found is not None:
        return int(found[1]) < _LONG_IDS or "pop" in found[2]
    return os_release(search).get("ID") == "pop"


def _resolve(pattern: str, variables: LoaderVariables) -> str:
    return (variables.last or "") if pattern.lower() == "@saved" else pattern


def _source(entries: Sequence[Entry], pattern: str, *, counted: bool = False) -> str | None:
    """Return the source of the first entry whose id fits."""
    for entry in entries if pattern else ():
        if fits(entry.id, pattern) and not (counted and entry.bad):
            return entry.sources[0]
    return None


SOURCE = Source((), BootLoader.SYSTEMD_BOOT, find)
