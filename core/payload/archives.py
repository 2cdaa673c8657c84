"""What was found in an initrd: its archives, one by one, and all together."""

from __future__ import annotations

from warmboot.core.images import Fact, Method
from warmboot.core.text import plural, size
from warmboot.core.values import dataclass


@dataclass(frozen=True)
class Segment:
    """One archive of an initrd: `size` bytes of the file from `offset`.

    `size` is None where its end was not looked for. `method` is None for a plain archive.
    `unpacked` is how many bytes were unpacked, `members` how many files were seen, `names` the
    first of them. `complete` is False where reading stopped before the archive's end; `problem`
    says why the kernel would not have all of its files. `needs` are the build options that the
    kernel must have for it. `warnings` are what the kernel does not mind.
    """

    offset: int
    size: int | None = None
    method: Method | None = None
    unpacked: int = 0
    members: int = 0
    names: tuple[str, ...] = ()
    releases: tuple[str, ...] = ()
    microcode: bool = False
    complete: bool = False
    problem: str | None = None
    needs: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Initrd:
    """An initrd file of `size` bytes; `releases` are the kernels it has modules for.

    `problem`: the kernel would lack files of it. `unknown`: nothing in it has a known form, so
    that it can only be a file system image. `needs` and `warnings` are those of its archives.
    """

    size: int
    segments: tuple[Segment, ...]
    releases: tuple[str, ...]
    problem: str | None
    unknown: bool = False
    needs: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def unpacked(self) -> int:
        """Bytes that the kernel makes of it, as far as it was read."""
        return sum(part.unpacked or part.size or 0 for part in self.segments)

    def describe(self) -> tuple[Fact, ...]:
        """Return everything known, as lines for a person."""
        facts = [
            Fact("Format", "initrd"),
            Fact("File size", f"{size(self.size)} ({self.size} bytes)"),
        ]
        for number, part in enumerate(self.segments, 1):
            facts.append(Fact(f"Archive {number}", _describe(part)))
        facts.append(Fact("Modules for", " ".join(self.releases) or "no kernel"))
        if self.problem:
            facts.append(Fact("Problem", self.problem))
        facts += [Fact("Warning", text) for text in self.warnings]
        return tuple(facts)


def _describe(part: Segment) -> str:
    packed = f"cpio, {part.method}" if part.method else "cpio, not compressed"
    length = "" if part.size is None else f", {size(part.size)}"
    files = plural(part.members, "file")
    seen = files if part.complete else f"{files} up to where reading stopped"
    early = ", early microcode" if part.microcode else ""
    more = f", {size(part.unpacked)} unpacked" if part.method else ""
    return f"{packed}{early}{length}{more}, {seen}"
