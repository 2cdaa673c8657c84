"""Measure in a guest, from the command to kexec_loaded = 1: warmboot against kexec-tools.

The same image, the same minute, on two processors. A gzip zboot is more than kexec-tools 2.0.25
takes: it gets the same stream as Image.gz. What Python takes to start and to import the modules
that warmboot uses is measured by itself.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for e2e

from busy import Busy
from e2e.fetch import Arch
from e2e.guest import Guest, converse, machine
from e2e.initramfs import debian_kernel, guest_initramfs, kexec_tools, second_initrd
from row import RESULTS, Row, table

from warmboot.core.sandbox.builders.compress import compress
from warmboot.core.sandbox.builders.zboot import build_zboot

SCENARIO = Path(__file__).parent / "guest-load"
#: As the Debian package's own script starts it: isolated, so that root need not start Python anew.
WARMBOOT = ("/usr/bin/python3.11", "-I", "/usr/local/bin/warmboot")
LIMIT = 1800.0  # seconds; a quiet machine takes a tenth of it
HEADING = "## In a guest without hardware acceleration"


class Took(NamedTuple):
    """Seconds until a kernel was staged and until the command ended, and bytes at the peak."""

    staged: float
    ended: float
    peak: float


Result = dict[str, Took]


def run(arch: Arch, files: dict[str, bytes], commands: dict[str, list[str]]) -> Result:
    """Run commands on a stock kernel and return what they took."""
    stock = debian_kernel(arch)
    files = {
        **files,
        **kexec_tools(arch),
        f"/boot/config-{stock.release}": stock.config,
        "/boot/initrd": second_initrd(arch, "bench"),
        "/commands.json": json.dumps(commands).encode(),
    }
    with tempfile.TemporaryDirectory() as name:
        running, initramfs = Path(name, "vmlinuz"), Path(name, "initramfs.cpio")
        running.write_bytes(stock.image)
        guest_initramfs(initramfs, arch, files, SCENARIO)
        command = machine(arch, running, initramfs)
        command[command.index("-m") + 1] = "1536"
        command += ["-smp", "2"]
        return converse(command, _results)


def _results(guest: Guest) -> Result:
    guest.wait_for("^e2e: measured", LIMIT)
    lines = [line for line in guest.transcript.splitlines() if line.startswith("e2e: result ")]
    found = [json.loads(line.removeprefix("e2e: result ")) for line in lines]
    return {each.pop("name"): Took(**each) for each in found}


def _ours(kernel: str) -> list[str]:
    words = [*WARMBOOT, "stage", "--kernel", kernel, "--initrd", "/boot/initrd"]
    return [*words, "--cmdline", "quiet", "--json"]


def _theirs(kernel: str, *options: str) -> list[str]:
    return [
        "/usr/sbin/kexec",
        *options,
        "-l",
        kernel,
        "--initrd=/boot/initrd",
        "--command-line=quiet",
    ]


def rows() -> Iterator[Row]:
    """Yield what staging takes in a guest."""
    bzimage = debian_kernel(Arch.AMD64).image
    commands = {
        "warmboot": _ours("/boot/bzImage"),
        "kexec -s -l": _theirs("/boot/bzImage", "-s"),
        "kexec -l": _theirs("/boot/bzImage", "-c"),
    }
    yield from _lines("bzImage", run(Arch.AMD64, {"/boot/bzImage": bzimage}, commands))
    image = debian_kernel(Arch.ARM64).image
    files = {
        "/boot/zboot": build_zboot(image, arch="arm64", method="gzip", level=9),
        "/boot/Image.gz": compress(image, "gzip", 9),
    }
    commands = {"warmboot": _ours("/boot/zboot"), "kexec -l": _theirs("/boot/Image.gz", "-c")}
    yield from _lines("gzip zboot", run(Arch.ARM64, files, commands))


def _lines(what: str, results: Result) -> Iterator[Row]:
    start, modules, mine = (results.pop(name) for name in ("start", "modules", "warmboot"))

    def seconds(name: str, figure: float) -> Row:
        return Row(f"{what}: {name}", "", figure, form="{:.2f} s")

    yield seconds("staged, until kexec_loaded is 1", mine.staged)
    yield seconds("… of that, Python itself", start.ended)
    yield seconds("… of that, Python with the modules that are used", modules.ended)
    yield seconds("… until the digests are known and the command ends", mine.ended)
    form = "{:.1f} MiB"
    yield Row(f"{what}: peak memory of Python itself", "", start.peak / 2**20, form=form)
    yield Row(f"{what}: … with the modules that are used", "", modules.peak / 2**20, form=form)
    for name, theirs in results.items():
        tool = f"`{name}`"
        yield Row(f"{what}: staged, with Python's start", tool, mine.staged / theirs.staged, 1.3)
        ratio = (mine.staged - modules.ended) / theirs.staged
        yield Row(f"{what}: staged, without that start", tool, ratio, 1.0)
        most = theirs.peak / 2**20
        yield Row(f"{what}: peak memory in all", tool, mine.peak / 2**20, most, form)
        peak = mine.peak - modules.peak
        yield Row(f"{what}: peak memory without that start's", tool, peak / 2**20, most, form)


def main() -> int:
    """Print the table, and put it behind that of measure.py; return 1 where a bound is missed."""
    busy = Busy()
    text, missed = table(rows())
    machine = busy.sentence()
    print(machine)
    before = RESULTS.read_text(encoding="utf-8").split(f"\n{HEADING}")[0]
    RESULTS.write_text(f"{before}\n{HEADING}\n\n{machine}\n\n{text}", encoding="utf-8")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
