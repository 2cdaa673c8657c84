"""Kernel modules as depmod(8) reads them, and the indexes that it makes: the oracle for ours."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from support.files import put
from support.tools import needs_tool
from warmboot.core.bpf.elf_writer import Section, write_elf
from warmboot.core.images import BytesView, elf64
from warmboot.core.sandbox.builders.compress import compress

_PACKED = {".xz": "xz", ".zst": "zstd", ".gz": "gzip"}


class KernelModule(NamedTuple):
    """A module: its file below the release's folder, and what its .modinfo says.

    Its name is that of the file. `needs` are the names of modules that export what it uses. The
    suffix of `path` (.ko.xz, .ko.zst, .ko.gz) says how it is compressed.
    """

    path: str
    aliases: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    softdeps: tuple[str, ...] = ()
    firmware: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name as the kernel has it."""
        return self.path.rpartition("/")[2].partition(".ko")[0].replace("-", "_")


def build_module(module: KernelModule) -> bytes:
    """Return the ELF file of a module that exports a symbol named after itself."""
    info = [f"name={module.name}", "license=GPL"]
    info += [f"alias={alias}" for alias in module.aliases]
    info += [f"softdep=pre: {soft}" for soft in module.softdeps]
    info += [f"firmware={name}" for name in module.firmware]
    text = b"".join(line.encode() + b"\0" for line in info)
    strings, symbols = bytearray(1), elf64.Symbol().pack()
    for needed in module.needs:
        symbols += elf64.Symbol(len(strings), elf64.GLOBAL << 4, 0, 0, 0, 0).pack()
        strings += f"symbol_of_{needed.replace('-', '_')}\0".encode()
    out = bytearray()
    write_elf(
        (
            Section(".modinfo", BytesView(text)),
            Section("__ksymtab_strings", BytesView(f"symbol_of_{module.name}\0".encode())),
            Section(
                ".symtab", BytesView(symbols), elf64.SYMTAB,
                link=4, info=1, entry_size=elf64.SYMBOL_SIZE,
            ),
            Section(".strtab", BytesView(bytes(strings)), elf64.STRTAB),
        ),
        out.extend,
        machine=62,
    )  # fmt: skip
    method = _PACKED.get("." + module.path.rpartition(".")[2])
    return compress(bytes(out), method) if method else bytes(out)


def install(
    root: Path,
    release: str,
    modules: Iterable[KernelModule],
    built_in: Mapping[str, tuple[str, ...]] | None = None,
) -> Path:
    """Install modules below `root` and have depmod index them; `built_in` maps path → aliases.

    Skips the test where there is no depmod. Returns the folder of the release.
    """
    folder = root / "usr/lib/modules" / release
    folder.mkdir(parents=True, exist_ok=True)
    if not (root / "lib").exists():
        (root / "lib").symlink_to("usr/lib")
    for module in modules:
        put(folder, module.path, build_module(module))
    built_in = built_in or {}
    put(folder, "modules.builtin", "".join(f"{path}\n" for path in built_in))
    put(folder, "modules.order", "")
    info = [
        f"{path.rpartition('/')[2].partition('.ko')[0].replace('-', '_')}.alias={alias}"
        for path, aliases in built_in.items()
        for alias in aliases
    ]
    put(folder, "modules.builtin.modinfo", "".join(f"{line}\0" for line in info))
    command = [needs_tool("depmod"), "-b", str(root), release]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def resolve(root: Path, release: str, alias: str) -> set[str]:
    """Return the modules that modprobe(8) would take for an alias."""
    command = [needs_tool("modprobe"), "-d", str(root), "-S", release, "-R", alias]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return set(done.stdout.split()) if done.returncode == 0 else set()


def show_depends(root: Path, release: str, name: str) -> set[str]:
    """Return the names of all modules that modprobe(8) would load for one, itself too."""
    command = [needs_tool("modprobe"), "-d", str(root), "-S", release, "--show-depends", name]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    files = (line.split()[1] for line in done.stdout.splitlines() if line.startswith("insmod "))
    return {path.rpartition("/")[2].partition(".ko")[0].replace("-", "_") for path in files}
