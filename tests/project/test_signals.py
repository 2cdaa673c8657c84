"""INT, TERM and HUP end a command at once, whatever it reads."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

from warmboot.core.errors import ExitCode
from warmboot.core.payload.scan import KernelScanner
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.machine import SimulatedMachine, write_machine
from warmboot.core.sandbox.marker import write_marker

BUSY = 4.0  # seconds more that a busy machine may take
PIECE = b"Linux version 1." + b"1" * ((1 << 20) - 16)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A machine with an image, an initrd and a menu that are long to read."""
    root = tmp_path_factory.mktemp("long") / "machine"
    root.mkdir()
    write_marker(root)
    write_machine(root, SimulatedMachine("x86_64", "6.1.0", "root=/dev/vda2 ro"))
    packer = zlib.compressobj(1, wbits=31)
    packed = b"".join(packer.compress(PIECE) for _ in range(200)) + packer.flush()
    (root / "boot/vmlinuz-6.12.1").write_bytes(build_bzimage("6.12.1"))
    (root / "boot/initrd.img-6.12.1").write_bytes(packed)
    (root / "boot/Image.gz").write_bytes(packed)
    (root / "boot/extlinux").mkdir()
    (root / "boot/extlinux/extlinux.conf").write_text("label x\nlinux /k\nappend y\n" * 90_000)
    return root


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    "words", [["inspect", "boot/Image.gz"], ["stage", "vmlinuz-6.12.1"], ["list"]]
)
def test_a_signal_ends_a_command_within_a_second(
    root: Path, number: signal.Signals, words: list[str]
) -> None:
    command = [sys.executable, "-m", "warmboot.tui.entry", "--root", str(root), *words]
    with subprocess.Popen(
        command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        time.sleep(0.8)
        sent = time.monotonic()
        process.send_signal(number)
        _, said = process.communicate()
        spent = time.monotonic() - sent
    assert spent < 1.0 + BUSY
    assert b"Traceback" not in said
    assert process.returncode in (ExitCode.CANCELLED, ExitCode.OK, ExitCode.BAD_IMAGE, -number)


def test_the_banner_is_looked_for_at_the_speed_of_reading() -> None:
    mark = b"Linux version 1."
    for part in (PIECE, mark * 65_000, (mark + b"1 (") * 50_000, b"1." * 500_000):
        scanner = KernelScanner()
        start = time.process_time()
        for _ in range(4):
            scanner.feed(bytearray(part), len(part))
        assert time.process_time() - start < 2.0, part[:40]
