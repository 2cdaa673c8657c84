"""Guests whose kernel unpacks boot images itself (tests/data/kexec-bpf-kernel)."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from warmboot.core.bpf.builder import SigningKey

from .fetch import Arch
from .guest import machine
from .initramfs import GUEST_FILES, guest_initramfs

ImageFinder = Callable[[str], Path]

FOLDER = Path(__file__).parent.parent / "data/kexec-bpf-kernel"
TRUSTED = SigningKey(FOLDER / "TEST-ONLY-signing.key", FOLDER / "TEST-ONLY-signing.pem")
UNTRUSTED = SigningKey(FOLDER / "TEST-ONLY-untrusted.key", FOLDER / "TEST-ONLY-untrusted.pem")
#: What no kernel may say while warmboot works: its own complaints, and those of any kernel.
COMPLAINT = re.compile(
    r".*(?:kexec_bpf: (?!test impl|VERIFY_SIG)|WARNING: |BUG: |Oops|[Oo]ut of memory|Call trace:).*"
)


def guest_command(
    dialect: str,
    image_file: ImageFinder,
    files: Mapping[str, bytes],
    scenario: str,
    folder: Path,
    *,
    append: str = "",
    memory: int | None = None,
    processors: int = 1,
) -> list[str]:
    """The command that runs a scenario on a kernel of this dialect; `memory` in MiB."""
    initramfs = folder / "initramfs.cpio"
    guest_initramfs(initramfs, Arch.ARM64, files, GUEST_FILES / scenario)
    running = image_file(f"kexec-bpf-kernel/arm64-6.12-kexec-bpf-{dialect}.Image")
    command = machine(Arch.ARM64, running, initramfs)
    command[-1] += f" {append}"
    if memory is not None:
        command[command.index("-m") + 1] = str(memory)
    return [*command, "-smp", str(processors)]


def parameters(image: str, dialect: str, options: Sequence[str]) -> bytes:
    """The file that the scenario kexec-bpf reads."""
    text = f"image={shlex.quote(image)}\ndialect={dialect}\nset -- {shlex.join(options)}\n"
    return text.encode()


def complaints(transcript: str) -> list[str]:
    """The lines in which a kernel complains."""
    return [found[0] for found in COMPLAINT.finditer(transcript)]
