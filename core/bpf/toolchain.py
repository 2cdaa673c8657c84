"""Builds parsers: clang, then bpftool's light skeleton, then the object around its two arrays.

The same sources, sizes and tools give the same bytes: no path and no time gets in.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
import tempfile
from importlib import resources
from pathlib import Path

from warmboot.core.bpf.abi import Dialect, Kind
from warmboot.core.bpf.dialects import facts_of
from warmboot.core.bpf.elf_writer import write_object
from warmboot.core.bpf.resize import resized
from warmboot.core.bpf.sizes import AS_COMPILED, Sizes
from warmboot.core.bpf.skeleton import read_arrays
from warmboot.core.errors import ImageError, NotFound, WarmbootError
from warmboot.core.images.bpfobject import LARGEST
from warmboot.core.outfile import OutFile
from warmboot.core.programs import find_program, run
from warmboot.core.rooted import regular
from warmboot.core.values import dataclass, replace

_OLDEST_CLANG, _OLDEST_BPFTOOL = (13, 0), (7, 1)
_TIMEOUT = 120  # seconds; a build takes less than one
_FLAGS = (
    *("-g", "-O2", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror"),
    *("-target", "bpf", "-mcpu=v3", "-fdebug-compilation-dir=/", "-ffile-prefix-map=./="),
)


@dataclass(frozen=True)
class Recipe:
    """What a parser is built from. `rehearsal` is the same code as a program to be run at will."""

    dialect: Dialect
    kind: Kind
    sizes: Sizes
    rehearsal: bool = False

    @property
    def source(self) -> str:
        """The source file's name."""
        return "rehearsal.c" if self.rehearsal else f"{self.dialect.value}.c"

    @property
    def defines(self) -> tuple[str, ...]:
        """The compiler's definitions."""
        return (
            f"-DDIALECT={facts_of(self.dialect).number}",
            f"-DKIND={self.kind.value}",
            f"-DRECORD_SIZE={self.sizes.record}",
            f"-DRING_SIZE={self.sizes.ring}",
        )


@dataclass(frozen=True)
class Toolchain:
    """clang and bpftool by their paths, with their versions as they print them."""

    clang: str
    clang_version: str
    bpftool: str
    bpftool_version: str

    def build(self, recipe: Recipe) -> bytes:
        """Return the object for a recipe; what it is resized from is cached where it can be."""
        compiled = replace(recipe, sizes=AS_COMPILED)
        place = _cache_place(self, compiled)
        kept = _kept(place)
        if kept is not None:
            with contextlib.suppress(ImageError):
                return resized(kept, recipe.sizes)
        try:
            built = self._build(compiled)
        except OSError as error:
            raise WarmbootError(
                f"The parser could not be built: {error.strerror or error}",
                hint="It is built in the temporary folder ($TMPDIR): make room there.",
            ) from error
        _keep(place, built)
        return resized(built, recipe.sizes)

    def _build(self, recipe: Recipe) -> bytes:
        """Compile in a folder of its own, which goes whatever happens. Raises OSError too."""
        with tempfile.TemporaryDirectory(prefix="warmboot-bpf-") as name:
            folder = Path(name)
            for source, text in sources().items():
                (folder / source).write_text(text, encoding="ascii")
            command = (self.clang, *_FLAGS, *recipe.defines, "-c", recipe.source, "-o", "parser.o")
            _run(command, folder)
            header = _run((self.bpftool, "gen", "skeleton", "-L", "parser.o"), folder)
        return write_object(*read_arrays(header))


def find_toolchain() -> Toolchain:
    """Return the tools on this machine; raises NotFound with what to install."""
    clang = _find("clang", "clang")
    bpftool = _find("bpftool", "bpftool")
    clang_version = _version(clang, "--version", "clang", _OLDEST_CLANG)
    bpftool_version = _version(bpftool, "version", "bpftool", _OLDEST_BPFTOOL)
    return Toolchain(clang, clang_version, bpftool, bpftool_version)


def sources() -> dict[str, str]:
    """Return the program's source files by name."""
    folder = resources.files("warmboot.core.bpf") / "source"
    files = (file for file in folder.iterdir() if file.name.endswith((".h", ".c")))
    return {file.name: file.read_text(encoding="ascii") for file in files}


def _find(name: str, package: str) -> str:
    path = find_program(name)
    if path is None:
        raise NotFound(
            f"{name} is not installed here",
            hint=f"Install it (Debian: apt-get install {package} libbpf-dev), or use the parsers "
            "that come with warmboot.",
        )
    return path


def _version(path: str, option: str, name: str, oldest: tuple[int, int]) -> str:
    first = next(iter(_run((path, option), Path("/")).splitlines()), "")
    found = re.search(r"(\d{1,4})\.(\d{1,4})(?:\.\d{1,4})?", first)
    if found is None:
        raise WarmbootError(f"{name} does not print its version: {first[:80]!r}")
    if (int(found[1]), int(found[2])) < oldest:
        raise WarmbootError(
            f"{name} {found[0]} is too old",
            hint=f"{name} {oldest[0]}.{oldest[1]} or later is needed.",
        )
    return found[0]


def _run(command: tuple[str, ...], folder: Path) -> str:
    try:
        done = run(command, _TIMEOUT, more={"LC_ALL": "C"}, folder=folder)
    except OSError as error:
        raise WarmbootError(f"{command[0]} could not be run: {error}") from error
    if done.code != 0:
        said = (done.errors or done.out).strip()[-2000:]
        hint = "Install libbpf's headers (Debian: libbpf-dev)." if "bpf_helpers.h" in said else None
        raise WarmbootError(f"{command[0]} failed:\n{said}", hint=hint)
    return done.out


def _cache_place(tools: Toolchain, recipe: Recipe) -> Path:
    digest = hashlib.sha256()
    for name, text in sorted(sources().items()):
        digest.update(f"{name}\0{text}\0".encode())
    parts = (*_FLAGS, recipe.source, *recipe.defines, tools.clang_version, tools.bpftool_version)
    digest.update("\0".join(parts).encode())
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base, "warmboot", "parsers", f"{digest.hexdigest()[:32]}.o")


def _kept(place: Path) -> bytes | None:
    """Return what the cache holds; None where it is not there, or could be somebody else's."""
    try:
        fd = os.open(place.parent, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if not _ours(os.fstat(fd)):
                return None
            file = os.open(place.name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
        finally:
            os.close(fd)
        try:
            if not _ours(os.fstat(file)):
                return None
            with open(regular(file, place.name), "rb") as content:
                return content.read(LARGEST + 1)
        finally:
            os.close(file)
    except OSError:
        return None


def _ours(status: os.stat_result) -> bool:
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _keep(place: Path, content: bytes) -> None:
    """Put a build into the cache, whole; without a cache it is built again next time."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not _ours(place.parent.stat()):
            return
        with OutFile(place, 0o600) as out:
            out.write(content)
            out.commit()
    except (OSError, WarmbootError):
        return
