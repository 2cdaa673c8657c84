"""INT, TERM and HUP end a command at once, whatever it reads."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import zlib
from functools import partial
from pathlib import Path

import pytest
from support.cost import ATTEMPTS, seconds, slowness

from warmboot.core.errors import ExitCode
from warmboot.core.payload.scan import KernelScanner
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.machine import SimulatedMachine, write_machine
from warmboot.core.sandbox.marker import write_marker
from warmboot.tui.arguments import BPF_COMMANDS, COMMANDS

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


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: Every command, at work on what takes long where there is such.
WORK = {
    "list": ["list"],
    "inspect": ["inspect", "boot/Image.gz"],
    "extract": ["extract", "boot/Image.gz", "-o", "/dev/null"],
    "cmdline": ["cmdline", "vmlinuz-6.12.1"],
    "stage": ["stage", "vmlinuz-6.12.1"],
    "doctor": ["doctor", "vmlinuz-6.12.1"],
    "status": ["status"],
    "needs-restart": ["needs-restart"],
    "history": ["history"],
    "exec": ["exec"],
    "wait": ["wait", "--timeout", "60", "--", "sleep", "60"],
    "confirm": ["confirm"],
    "compare": ["compare", "vmlinuz-6.12.1"],
    "unload": ["unload"],
    "report": ["report", "vmlinuz-6.12.1", "-o", "-"],
    "sandbox": ["sandbox", "another"],
    "bpf build": ["bpf", "build", "boot/vmlinuz-6.12.1", "-o", "-"],
    "bpf rehearse": ["bpf", "rehearse", "boot/Image.gz"],
    "bpf envelope": ["bpf", "envelope", "boot/Image.gz", "-o", "-"],
}
LONG = ("list", "inspect", "stage", "wait")
CASES = [(name, number) for name in LONG for number in SIGNALS]
CASES += [(name, SIGNALS[place % 3]) for place, name in enumerate(WORK) if name not in LONG]


def test_no_command_is_forgotten() -> None:
    assert {name.split()[0] for name in WORK} == set(COMMANDS)
    assert {name.split()[1] for name in WORK if " " in name} == set(BPF_COMMANDS)


def catches(pid: int, number: int) -> bool:
    """Whether a process handles a signal: what Python does before that is not warmboot's."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return False
    caught = next(line.split()[1] for line in lines if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> (number - 1) & 1)


@pytest.mark.parametrize(("name", "number"), CASES)
def test_a_signal_ends_a_command_within_a_second(
    root: Path, name: str, number: signal.Signals
) -> None:
    waited = []
    for _ in range(ATTEMPTS):  # what else the machine does may delay one, but not each
        waited.append(seconds_to_end(root, name, number))
        if waited[-1] < 1:
            break
    assert min(waited) < 1


#: A command, then a program and a step that fail.
FAILING = """
import sys
from warmboot.core.bounded import bounded
from warmboot.core.programs import run
from warmboot.tui.cli import main
assert main(sys.argv[1:]) == 0
assert run(["/bin/false"], 60).code == 1
assert bounded(lambda: False, 60) is False
"""


def test_a_caller_that_ignores_the_end_of_its_children_does_not_hide_that_they_failed(
    root: Path,
) -> None:
    """That passes through exec: systemctl would seem to have done what it refused."""
    done = subprocess.run(
        [sys.executable, "-c", FAILING, "--root", str(root), "status"],
        preexec_fn=partial(signal.signal, signal.SIGCHLD, signal.SIG_IGN),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def seconds_to_end(root: Path, name: str, number: signal.Signals) -> float:
    """Start a command, send it a signal, look at its end; return a quiet machine's seconds."""
    command = [sys.executable, "-m", "warmboot.tui.entry", "--root", str(root), *WORK[name]]
    with subprocess.Popen(
        command,
        cwd=root,
        stdin=subprocess.PIPE,  # where a name is asked for, nobody answers
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        while process.poll() is None and not catches(process.pid, signal.SIGTERM):
            time.sleep(0.02)
        time.sleep(0.4)
        before = slowness()
        sent = time.monotonic()
        process.send_signal(number)
        while process.poll() is None and time.monotonic() < sent + 60:
            time.sleep(0.02)
        spent = time.monotonic() - sent
        process.kill()
        _, said = process.communicate()
    assert b"Traceback" not in said
    if name in LONG:
        ends = (ExitCode.CANCELLED, ExitCode.OK, ExitCode.BAD_IMAGE, -number)
        assert process.returncode in ends
    return spent / max(before, slowness())


def test_the_banner_is_looked_for_at_the_speed_of_reading() -> None:
    mark = b"Linux version 1."
    for part in (PIECE, mark * 65_000, (mark + b"1 (") * 50_000, b"1." * 500_000):
        assert seconds(partial(scan, part), 2) <= 2, part[:40]


def scan(part: bytes) -> None:
    scanner = KernelScanner()
    for _ in range(4):
        scanner.feed(bytearray(part), len(part))
