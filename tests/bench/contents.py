"""Large images, read to their end: beside sha256sum and what unpacks them, by processor time."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from row import Row
from start import COMMAND, times

from warmboot.core.sandbox.builders.compress import compress
from warmboot.core.sandbox.builders.elf import build_elf_kernel
from warmboot.core.sandbox.builders.uki import build_uki
from warmboot.core.sandbox.builders.zboot import build_zboot

ROUNDS = 5
_BOUND = 1.10


def contents(folder: Path, kernel: bytes) -> Iterator[Row]:
    """Yield what inspect takes over the tools; `kernel` is a real one, unpacked."""
    noise = os.urandom(1 << 20)
    uki = folder / "big.efi"
    inside = build_zboot(kernel, arch="arm64", method="gzip")
    initrd = noise * max(1, (50_000_000 - len(inside)) >> 20)
    uki.write_bytes(build_uki(arch="arm64", linux=inside, initrd=initrd, cmdline="quiet\n"))
    packed = folder / "big.gz"
    packed.write_bytes(compress(kernel, "gzip", 6))
    yield _row("UKI", uki, f"sha256sum {uki}; {_gunzip()} {packed} | sha256sum")
    vmlinux = folder / "vmlinux"
    start = build_elf_kernel("x86-64", "6.12.0-bench", body_size=32 << 20)
    vmlinux.write_bytes(start + noise * (318))
    yield _row("vmlinux", vmlinux, f"sha256sum {vmlinux}")
    packed = folder / "Image.xz"
    packed.write_bytes(compress(kernel, "xz", 6))
    yield _row("xz kernel", packed, f"sha256sum {packed}; xz -dc {packed} | sha256sum")


def _gunzip() -> str:
    return "igzip -dc" if shutil.which("igzip") else "gzip -dc"


def _row(what: str, path: Path, tools: str) -> Row:
    size = path.stat().st_size / 1e6
    mine = (*COMMAND, "inspect", str(path))
    done = subprocess.run(mine, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"inspect of the {what}: {done.stderr}")
    ours, theirs = times([mine, ("/bin/sh", "-c", tools)], ROUNDS)
    tool = " + ".join(dict.fromkeys(word.split()[0] for word in tools.replace(";", "|").split("|")))
    name = f"inspect a {what} of {size:.0f} MB, with Python's start"
    return Row(name, f"`{tool}`", ours / theirs, _BOUND)
