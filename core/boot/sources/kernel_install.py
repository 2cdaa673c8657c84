"""The kernels of kernel-install(8): $BOOT/TOKEN/VERSION/linux."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from warmboot.core.boot import version_order
from warmboot.core.boot.entry import Entry, Found, Kind, SearchedPlace
from warmboot.core.boot.kernel_filenames import initrds_beside, kernel_beside
from warmboot.core.boot.search import Search, cut_short
from warmboot.core.boot.sources.source import Source
from warmboot.core.images.osrelease import parse_os_release
from warmboot.core.text import plural, printable

_MANY = 64


def os_release(search: Search) -> Mapping[str, str]:
    """Return what os-release(5) says of the system in this root."""
    read = search.root.read_text
    return parse_os_release(read("/etc/os-release") or read("/usr/lib/os-release") or "")


def entry_tokens(search: Search) -> tuple[str, ...]:
    """Return the names that kernel-install(8) may have given this system's folder, best first."""
    read, release = search.root.read_text, os_release(search)
    names = [
        (read("/etc/kernel/entry-token") or "").strip(),
        (read("/etc/machine-id") or "").strip(),
        release.get("IMAGE_ID", ""),
        release.get("ID", ""),
        "Default",
    ]
    kept = [name for name in names if name and "/" not in name and not name.startswith(".")]
    return tuple(dict.fromkeys(kept))


def find(search: Search) -> Iterator[Found]:
    """Yield the kernels of kernel-install(8): $BOOT/TOKEN/VERSION/linux."""
    for base in search.places:
        for token in entry_tokens(search):
            folder = f"{base}/{token}"
            try:
                versions = search.root.names(folder)
                if search.known(folder):
                    continue
            except (OSError, ValueError):
                continue
            count = 0
            yield from cut_short(folder, len(versions), _MANY, "folders")
            for version in sorted(versions, key=version_order.key, reverse=True)[:_MANY]:
                entry = _installed(search, token, f"{folder}/{version}", version)
                if entry is not None:
                    count += 1
                    yield entry
            if count:
                yield SearchedPlace(printable(folder), plural(count, "entry", "entries"))


def _installed(search: Search, token: str, folder: str, version: str) -> Entry | None:
    try:
        names = search.root.names(folder)
    except (OSError, ValueError):
        return None
    kernel = kernel_beside(names)
    if kernel is None:
        return None
    initrds = initrds_beside(folder, names)
    return Entry(
        id=printable(f"{token}/{version}"),
        title=printable(f"Linux {version}"),
        kind=Kind.BOOT,
        kernel=f"{folder}/{kernel}",
        version=printable(version),
        initrds=initrds,
        sources=(printable(f"{folder}/{kernel}"),),
        initrd_reason="lies beside the kernel" if initrds else None,
    )


SOURCE = Source((Kind.BOOT,), None, find)
