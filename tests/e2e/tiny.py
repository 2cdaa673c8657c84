"""The smallest guest: the arm64 kernel of tests/data and an init of some hundred bytes.

It is up in about a second, so that a hundred initrds can be tried in it one after another. What it
answers is printed by guest/report-init.s; the kernel's own words are beside it.
"""

from __future__ import annotations

import re
import struct
import subprocess
import tempfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import zstandard
from elftools.elf.elffile import ELFFile

from .fetch import CACHE, Arch, run
from .guest import BOARDS

IMAGE = Path(__file__).resolve().parents[1] / "data" / "arm64-6.12.Image.zst"
SOURCE = Path(__file__).parent / "guest" / "report-init.s"
BASE = 0x400000  # where the program is loaded
HEADERS = 64 + 56
LIMIT = 120.0  # seconds for one boot; measured: 1 to 3
RESULT = re.compile(
    r"^init:(.{8})\ncrash: ?(\d*)\n?(?:empty: (\d+))?\s*end\.", re.MULTILINE | re.DOTALL
)
CRASH_LOW = re.compile(r"crashkernel low memory reserved: (0x[0-9a-f]+) - (0x[0-9a-f]+)")
AVAILABLE = re.compile(r"Memory: (\d+)K/\d+K available")
COMPLAINT = re.compile(r"Initramfs unpacking failed: (.*)")


@dataclass(frozen=True)
class Report:
    """What a boot showed.

    `files` are the letters of the files that were there, None where init did not run;
    `complaint` is the kernel's about the initrd. `crash_size` is the memory kept for a crash
    kernel in bytes, `crash_low` what is kept for it below 4 GiB beside that, `empty` the errno of
    staging an initrd of 0 bytes, `memory` what the kernel found free at its start, in bytes.
    """

    files: str | None
    complaint: str | None
    crash_low: int | None
    crash_size: int | None
    empty: int | None
    memory: int


def kernel() -> bytes:
    """The kernel's Image."""
    return zstandard.ZstdDecompressor().stream_reader(IMAGE.read_bytes()).read()


def report_init() -> bytes:
    """The program, assembled: a static ELF file with one segment."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "init.o"
        run("clang", "--target=aarch64-linux-gnu", "-c", SOURCE, "-o", made)
        section = ELFFile(BytesIO(made.read_bytes())).get_section_by_name(".text")
    code = section.data() if section is not None else b""
    size = HEADERS + len(code)
    head = struct.pack(
        "<16sHHIQQQIHHHHHH",
        *(b"\x7fELF\2\1\1", 2, 183, 1, BASE + HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0),
    )
    return head + struct.pack("<IIQQQQQQ", 1, 7, 0, BASE, BASE, size, size, 0x1000) + code


def boot(initrd: bytes, words: str = "", memory: int = 128, other: bytes | None = None) -> Report:
    """Boot the kernel, or an`other`, with this initrd, these words on its command line, and MiB
    of memory."""
    CACHE.mkdir(parents=True, exist_ok=True)
    board = BOARDS[Arch.ARM64]
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        image, archive = Path(folder) / "Image", Path(folder) / "initrd"
        image.write_bytes(kernel() if other is None else other)
        archive.write_bytes(initrd)
        done = subprocess.run(
            [
                *(board.emulator, *board.options, "-accel", "tcg", "-m", str(memory)),
                *("-nodefaults", "-display", "none", "-monitor", "none", "-no-reboot"),
                *("-serial", "stdio", "-kernel", str(image), "-initrd", str(archive)),
                *("-append", f"console={board.console} panic=-1 loglevel=7 {words}"),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LIMIT,
            check=True,
        )
    text = done.stdout.decode("utf-8", "replace").replace("\r", "")
    # Without an init the kernel says so: silence is no answer.
    found = RESULT.search(text)
    if found is None and not re.search(r"No working init found|deadlocked on memory", text):
        raise AssertionError(
            f"neither init nor the kernel's word that there is none:\n{text[-2000:]}"
        )
    complaint, low = COMPLAINT.search(text), CRASH_LOW.search(text)
    available = AVAILABLE.search(text)
    files = None
    if found is not None:
        # A file that was cut off ends with a NUL: the kernel gave it its size before its content.
        shown = zip("abcdefgh", found[1], strict=True)
        files = "".join(name for name, last in shown if last.isalpha())
    return Report(
        files=files,
        complaint=complaint[1] if complaint else None,
        crash_low=int(low[2], 16) - int(low[1], 16) if low else None,
        crash_size=int(found[2]) if found and found[2] else None,
        empty=int(found[3]) if found and found[3] else None,
        memory=int(available[1]) << 10 if available else 0,
    )
