"""Measure warmboot against the tools an operator would use instead, in the same minute.

Prints ratios rather than times: machines differ, and this one may be busy. `make bench` writes
them to tests/bench/RESULTS.md as well.
"""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from listing import listing
from screen import screen

from warmboot.core.images import ImageFile, Method, Stream, identify
from warmboot.core.payload.memfile import MemFile
from warmboot.core.payload.unpack import decompress, unpack
from warmboot.core.progress import Progress
from warmboot.core.sandbox.builders.compress import compress
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.zboot import build_zboot

ROUNDS = 9
LEVELS = {"gzip": 9, "zstd": 19, "xz": 6, "lzma": 6}
PEERS = (
    ("gzip", "igzip -dc", 1.05),
    ("gzip", "gzip -dc", 1.05),
    ("zstd", "zstd -dc", 1.05),
    ("xz", "xz -dc", 1.05),
    ("lzma", "xz --format=lzma -dc", 1.05),
    ("lzo", "lzop -dc", 1.05),
    ("lz4", "lz4 -dc", 1.15),
)


def ratio(mine: Callable[[], object], theirs: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Return the time of `mine` over that of `theirs`, taken in turns; medians."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for action, spent in zip((mine, theirs), times, strict=True):
            start = time.perf_counter()
            action()
            spent.append(time.perf_counter() - start)
    return statistics.median(times[0]) / statistics.median(times[1])


def payload() -> bytes:
    """Return a real kernel where there is one (27 MB, LoongArch), else a built one of 34 MB."""
    folder = os.environ.get("WARMBOOT_TEST_IMAGES", "")
    path = Path(folder, "loong64-7.2-zstd.vmlinuz.efi")
    if not folder or not path.is_file():
        return build_arm64_image("6.12.0-bench", body_size=34 << 20)
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


def codecs(folder: Path, kernel: bytes) -> Iterator[str]:
    """Yield a line for each method: our time over the tool's."""
    for method, command, bound in PEERS:
        path = folder / method
        if not path.exists():
            path.write_bytes(compress(kernel, method, LEVELS.get(method)))
        if shutil.which(command.split()[0]) is None:
            yield f"| unpack {method} | `{command}` | not installed | ≤ {bound:.2f} |"
            continue
        tool = partial(theirs, command, path)
        found = ratio(partial(ours, path, method), tool)
        yield f"| unpack {method} | `{command}` | {found:.2f} | ≤ {bound:.2f} |"
        whole = ratio(partial(staging, path, method), tool)
        yield f"| … with SHA-256, banner, build options | `{command}` | {whole:.2f} | |"


def memory_and_progress(folder: Path) -> Iterator[str]:
    """Yield peak private memory, reports per second and the longest wait of an event loop."""
    kernel = payload()
    path = folder / "xz"
    path.write_bytes(compress(kernel, "xz", 6))
    size = len(kernel) >> 20
    del kernel
    peak = 0
    reports = 0

    def watch(_: Progress) -> None:
        nonlocal peak, reports
        reports += 1
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("RssAnon"):
                peak = max(peak, int(line.split()[1]))

    def work() -> None:
        with ImageFile.open(path) as file, MemFile("bench") as memory:
            unpack(file.view, Stream(Method.XZ, 0, file.view.size), memory, report=watch)

    async def tick() -> tuple[float, float]:
        task = asyncio.create_task(asyncio.to_thread(work))
        start = last = time.perf_counter()
        worst = 0.0
        while not task.done():
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            worst, last = max(worst, now - last - 0.001), now
        return worst, last - start

    worst, spent = asyncio.run(tick())
    yield f"| peak private memory, {size} MiB kernel | | {peak >> 10} MiB | ≤ 48 MiB |"
    yield f"| progress reports a second | | {reports / spent:.0f} | ≥ 30 |"
    yield f"| longest wait of the event loop | | {worst * 1000:.1f} ms | ≤ 10 ms |"


def identification(folder: Path) -> Iterator[str]:
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
    yield f"| identify one image | | {each * 1000:.2f} ms | < 1.5 ms |"
    if shutil.which("file"):
        yield f"| identify 500 images | `file` | {ratio(identify_all, file_all, 5):.2f} | < 1.00 |"


def main() -> int:
    """Print the table and keep it."""
    lines = ["| what | against | measured | bound |", "|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as name:
        # In a process of its own: what the others left behind would count as its memory.
        if sys.argv[1:] == ["memory"]:
            sys.stdout.writelines(f"{line}\n" for line in memory_and_progress(Path(name)))
            return 0
        kernel = payload()
        print("\n".join(lines), flush=True)
        for line in (
            *codecs(Path(name), kernel),
            *identification(Path(name)),
            *listing(Path(name), ratio),
            *screen(Path(name)),
        ):
            lines.append(line)
            print(line, flush=True)
    child = subprocess.run(
        [sys.executable, __file__, "memory"], capture_output=True, text=True, check=True
    )
    sys.stdout.write(child.stdout)
    lines += child.stdout.splitlines()
    text = (
        "# Measured\n\nWritten by `make bench`; ratios are warmboot's time over the tool's. "
        f"{_interpreter()}\n\n"
    )
    (Path(__file__).parent / "RESULTS.md").write_text(text + "\n".join(lines) + "\n")
    return 0


def _interpreter() -> str:
    """Return a sentence about Python: which build it is makes a fifth of its speed."""
    return f"Python {platform.python_version()} of {sys.base_prefix}."


if __name__ == "__main__":
    sys.exit(main())
