"""Measure warmboot against the tools an operator would use instead, in the same minute.

Prints ratios rather than times: machines differ, and this one may be busy. `make bench` writes
them to tests/bench/RESULTS.md as well.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for e2e

from busy import Busy
from contents import contents
from e2e.fetch import Arch, FetchError
from e2e.initramfs import debian_kernel
from listing import listing
from row import RESULTS, Row, table
from screen import screen
from start import start

from warmboot.core.images import ImageFile, Method, Stream, identify
from warmboot.core.payload.memfile import MemFile
from warmboot.core.payload.unpack import decompress, unpack
from warmboot.core.progress import Progress
from warmboot.core.sandbox.builders.compress import compress
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.zboot import build_zboot

ROUNDS = 9
LEVELS = {"gzip": 9, "zstd": 19, "xz": 6, "lzma": 6}
#: Method, tool, the most that unpacking may take of its time, and with digest and banner as well.
PEERS = (
    ("gzip", "igzip -dc", 1.05, 1.10),
    ("gzip", "gzip -dc", 1.05, 1.10),
    ("zstd", "zstd -dc", 1.05, 1.10),
    ("xz", "xz -dc", 1.05, 1.10),
    ("lzma", "xz --format=lzma -dc", 1.05, 1.10),
    ("lzo", "lzop -dc", 1.05, 1.10),
    ("lz4", "lz4 -dc", 1.15, 1.15),
)


def ratio(mine: Callable[[], object], theirs: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Return the time of `mine` over that of `theirs`, taken in turns; the least of each.

    Whatever else the machine does can only add to a time.
    """
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for action, spent in zip((mine, theirs), times, strict=True):
            start = time.perf_counter()
            action()
            spent.append(time.perf_counter() - start)
    return min(times[0]) / min(times[1])


def real_kernels(folder: Path) -> tuple[bytes, Path]:
    """Return a real kernel as it runs (Debian's for arm64, as in the guests), and a small zboot.

    Where nothing can be fetched, the images of WARMBOOT_TEST_IMAGES serve; without those nothing is
    measured: what is built for tests is far too easy to unpack.
    """
    given = Path(os.environ.get("WARMBOOT_TEST_IMAGES") or "/nonexistent")
    try:
        kernel = debian_kernel(Arch.ARM64).image
    except (FetchError, OSError) as error:
        kernel = _unpacked(given / "loong64-7.2-zstd.vmlinuz.efi", error)
    small = given / "arm64-6.12-gzip.vmlinuz.efi"
    if not small.is_file():
        small = folder / "zboot"
        small.write_bytes(build_zboot(kernel, arch="arm64", method="gzip"))
    return kernel, small


def _unpacked(path: Path, why: Exception) -> bytes:
    if not path.is_file():
        raise SystemExit(f"no real kernel: {why}; and {path} is not there") from why
    with ImageFile.open(path) as file, MemFile("bench") as memory:
        image = identify(file.view)
        if image.stream is None:
            raise SystemExit(f"{path} has no payload")
        unpack(file.view, image.stream, memory)
        return memory.view().read(0, memory.size, "kernel")


def ours(path: Path, method: str) -> None:
    """Unpack a stream as extract does: into memory, checked."""
    with ImageFile.open(path) as file, MemFile("bench") as memory:
        decompress(file.view, Stream(Method(method), 0, file.view.size), memory)


def staging(path: Path, method: str) -> None:
    """Unpack a stream as staging does: with digest and banner as well."""
    with ImageFile.open(path) as file, MemFile("bench") as memory:
        unpack(file.view, Stream(Method(method), 0, file.view.size), memory)


def theirs(command: str, path: Path) -> None:
    """Unpack a stream with a tool, into memory as well."""
    with MemFile("bench") as memory, path.open("rb") as source:
        subprocess.run(command.split(), stdin=source, stdout=memory.fd, check=True)


def codecs(folder: Path, kernel: bytes) -> Iterator[Row]:
    """Yield rows for each method: our time over the tool's."""
    for method, command, bound, most in PEERS:
        path = folder / method
        if not path.exists():
            path.write_bytes(compress(kernel, method, LEVELS.get(method)))
        what, tool = f"unpack {method}", partial(theirs, command, path)
        if shutil.which(command.split()[0]) is None:
            yield Row(what, f"`{command}`", None, text="not installed")
            continue
        yield Row(what, f"`{command}`", ratio(partial(ours, path, method), tool), bound)
        found = ratio(partial(staging, path, method), tool)
        what = f"… {method} with SHA-256, banner, build options"
        yield Row(what, f"`{command}`", found, most)
        alone = ratio(lambda: hashlib.sha256(kernel).digest(), tool)
        yield Row(f"… SHA-256 alone of what {method} holds", f"`{command}`", alone)


def memory_and_progress(path: Path) -> Iterator[Row]:
    """Yield peak private memory, reports per second and the longest wait of an event loop.

    `path` is an xz stream of a kernel. To make it here would leave memory behind that counts.
    """
    peak = reports = size = 0

    def watch(_: Progress) -> None:
        nonlocal peak, reports
        reports += 1
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("RssAnon"):
                peak = max(peak, int(line.split()[1]))

    def work() -> None:
        nonlocal size
        with ImageFile.open(path) as file, MemFile("bench") as memory:
            unpack(file.view, Stream(Method.XZ, 0, file.view.size), memory, report=watch)
            size = memory.size

    def other_work(seconds: float) -> None:
        end, zeros = time.perf_counter() + seconds, bytes(1 << 20)
        while time.perf_counter() < end:
            hashlib.sha256(zeros)

    async def tick(work: Callable[[], None]) -> tuple[float, float]:
        task = asyncio.create_task(asyncio.to_thread(work))
        start = last = time.perf_counter()
        worst = 0.0
        while not task.done():
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            worst, last = max(worst, now - last - 0.001), now
        return worst, last - start

    worst, spent = asyncio.run(tick(work))
    machine, _ = asyncio.run(tick(partial(other_work, spent)))
    yield Row(f"peak private memory, {size >> 20} MiB kernel", "", peak / 1024, 48, "{:.0f} MiB")
    yield Row("progress reports a second", "", reports / spent, 30, "{:.0f}", at_least=True)
    yield Row("longest wait of the event loop", "", worst * 1000, 10, "{:.1f} ms")
    yield Row("… where a thread does nothing but SHA-256", "", machine * 1000, form="{:.1f} ms")


def identification(folder: Path) -> Iterator[Row]:
    """Yield the time for one header, and for 500 images against file(1)."""
    image = build_zboot(build_arm64_image("6.12", body_size=60_000), arch="arm64", method="gzip")
    many = folder / "many"
    many.mkdir()
    for number in range(500):
        (many / f"vmlinuz-{number}").write_bytes(image)
    names = sorted(many.iterdir())

    def identify_all() -> None:
        for name in names:
            with ImageFile.open(name) as file:
                identify(file.view)

    def file_all() -> None:
        subprocess.run(["file", *map(str, names)], stdout=subprocess.DEVNULL, check=True)

    identify_all()
    start = time.perf_counter()
    identify_all()
    each = (time.perf_counter() - start) / len(names)
    yield Row("identify one image", "", each * 1000, 1.5, "{:.2f} ms")
    if shutil.which("file"):
        yield Row("identify 500 images", "`file`", ratio(identify_all, file_all, 5), 1.0)


def _rows(folder: Path) -> Iterator[Row]:
    kernel, small = real_kernels(folder)
    yield from start(folder, small)
    yield from codecs(folder, kernel)
    yield from contents(folder, kernel)
    del kernel
    yield from identification(folder)
    yield from listing(folder, ratio)
    # In a process of its own: what the others left behind would count as its memory.
    child = subprocess.run(
        [sys.executable, __file__, "memory", str(folder / "xz")],
        capture_output=True,
        text=True,
        check=True,
    )
    yield from (Row(*row) for row in json.loads(child.stdout))
    yield from screen(folder)


def main() -> int:
    """Print the table and keep it; return 1 where a figure is out of its bound."""
    if sys.argv[1:2] == ["memory"]:
        print(json.dumps(list(memory_and_progress(Path(sys.argv[2])))))
        return 0
    with tempfile.TemporaryDirectory() as name:
        busy = Busy()
        text, missed = table(_rows(Path(name)))
    machine = busy.sentence()
    print(machine)
    about = (
        "# Measured\n\nWritten by `make bench`; ratios are warmboot's time over the tool's, and "
        f"`before` is what stood here. {_interpreter()}\n{machine}\n\n"
    )
    RESULTS.write_text(about + text, encoding="utf-8")
    return 1 if missed else 0


def _interpreter() -> str:
    """Return a sentence about Python: which build it is makes a fifth of its speed."""
    return f"Python {platform.python_version()} of {sys.base_prefix}."


if __name__ == "__main__":
    sys.exit(main())
