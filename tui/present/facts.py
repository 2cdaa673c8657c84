"""What both front ends say: what unpacking showed, what a restart ends."""

from __future__ import annotations

from warmboot.core.hints import TYPE_CHECKING
from warmboot.core.images import BootImage, Fact
from warmboot.core.payload.unpack import Payload
from warmboot.core.text import duration, plural, printable, size

if TYPE_CHECKING:
    from warmboot.core.host import Host


def payload_facts(payload: Payload, image: BootImage) -> tuple[Fact, ...]:
    """Return the lines about what came out of an image, without what its header said already."""
    inside = payload.image.format.value if payload.image else "of an unknown format"
    verdict = f"not checked: {payload.unverified}" if payload.unverified else "all checks passed"
    unpacked = Fact("Unpacked", f"{size(payload.size)}, {inside}, {verdict}")
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
