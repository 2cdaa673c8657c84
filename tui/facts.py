"""What both front ends say: rows of entries, what unpacking showed, what a restart ends."""

from __future__ import annotations

from dataclasses import dataclass

from warmboot.core.boot import BootRoot, Entry
from warmboot.core.errors import WarmbootError
from warmboot.core.host import Host
from warmboot.core.images import BootImage, Fact, Identity, identify
from warmboot.core.payload.unpack import Payload
from warmboot.core.text import duration, plural, printable, size


@dataclass(frozen=True, slots=True)
class Row:
    """An entry with its image's header, or why there is none; neither before it was read.

    `identity` is that of the file the header was read from.
    """

    entry: Entry
    image: BootImage | None = None
    problem: str | None = None
    identity: Identity | None = None

    @property
    def read(self) -> bool:
        """Whether the file was looked at."""
        return self.image is not None or self.problem is not None


def examine(root: BootRoot, entry: Entry) -> Row:
    """Return an entry with what its image's header says."""
    if entry.problem:
        return Row(entry, None, entry.problem)
    try:
        with root.open(entry.kernel) as file:
            return Row(entry, identify(file.view), None, file.identity)
    except WarmbootError as error:
        return Row(entry, None, error.message)


def payload_facts(payload: Payload, image: BootImage) -> tuple[Fact, ...]:
    """Return the lines about what came out of an image, without what its header said already."""
    inside = payload.image.format.value if payload.image else "of no known format"
    unpacked = Fact("Unpacked", f"{size(payload.size)}, {inside}, all checks passed")
    facts = [unpacked] if payload.method else []
    if payload.release and payload.release != image.release:
        facts.append(Fact("Kernel release", payload.release))
    if payload.banner and payload.banner != image.banner:
        facts.append(Fact("Banner", payload.banner))
    if payload.config is not None:
        count = sum(line.startswith("CONFIG_") for line in payload.config.splitlines())
        facts.append(Fact("Build options", f"embedded, {count} set"))
    facts.append(Fact("SHA-256", payload.sha256))
    return tuple(facts)


def ending_lines(host: Host) -> list[str]:
    """Return what a restart ends: the kernel, its uptime, and every login session."""
    lines = [f"the running kernel {printable(host.release)}"]
    if host.uptime is not None:
        lines.append(f"an uptime of {duration(host.uptime)}")
    lines.append(plural(len(host.sessions), "login session"))
    for session in host.sessions:
        place = f" from {session.remote}" if session.remote else ""
        mine = " (this one)" if session.own else ""
        lines.append(printable(f"  {session.user} on {session.terminal or '?'}{place}{mine}"))
    return lines
