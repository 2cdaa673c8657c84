"""Flatcar's two kernels, one for each of its partitions of /usr: FOLDER/vmlinuz-a and vmlinuz-b.

GRUB has its menu inside its own image there. It takes the partition from the partition table and
puts its name, and the hash that it reads from the kernel, into the command line; so only a kernel
of the partition that is in use can be started with the words that run.

Source: Flatcar's documentation of its disk layout and start-up process; CoreOS had the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from warmboot.core.boot.cmdline import parse
from warmboot.core.boot.entry import Entry, Found, Kind, SearchedPlace
from warmboot.core.boot.root import join
from warmboot.core.boot.search import Search
from warmboot.core.boot.sources.source import Source
from warmboot.core.text import plural

_FOLDERS = {"flatcar": "Flatcar", "coreos": "CoreOS"}
#: The partitions by the ends of the kernels' names; their UUIDs are the same on every machine.
_UUIDS = {
    "a": "7130c94a-213a-4e5a-8e26-6cce9662f132",
    "b": "e03dd35c-7c2d-4a47-b3fe-27f15780a57c",
}
_KEYS = ("usr", "mount.usr", "verity.usr")


def find(search: Search) -> Iterator[Found]:
    """Yield an entry for each kernel."""
    used = _used(search)
    for base in dict.fromkeys(("/boot", *search.places)):
        for name in _FOLDERS:
            folder = join(base, name)
            there = [end for end in _UUIDS if search.may_hold(base, name)
                     and search.may_hold(folder, f"vmlinuz-{end}")]  # fmt: skip
            if not there or search.known(folder):
                continue
            yield from (_entry(search, name, folder, end, used) for end in there)
            what = (
                f"{plural(len(there), 'entry', 'entries')}; the partition table says which starts"
            )
            yield SearchedPlace(folder, what)


def _used(search: Search) -> str | None:
    """Return which partition of /usr the running command line names, None for none of them."""
    words = parse(search.running.cmdline) if search.running is not None else ()
    values = [word.value.lower() for word in words if word.key in _KEYS and word.value]
    for end, uuid in _UUIDS.items():
        if any(uuid in value or value.endswith(f"usr-{end}") for value in values):
            return end
    return None


def _entry(search: Search, name: str, folder: str, end: str, used: str | None) -> Entry:
    partition = f"USR-{end.upper()}"
    problem = f"GRUB makes its command line when it starts: it names {partition} and its hash"
    if used is not None:
        problem += f", the running one names USR-{used.upper()}"
    kernel = f"{folder}/vmlinuz-{end}"
    return Entry(
        id=f"{name}-{end}",
        title=f"{_FOLDERS[name]} {partition}",
        kind=Kind.BOOT,
        kernel=kernel,
        sources=(kernel,),
        problem=None if end == used else problem,
        release=search.release(kernel),
    )


SOURCE = Source((Kind.BOOT,), None, find)
