"""Measure warmboot against the tools an operator would use instead, in the same minute.

Prints ratios, not times: machines differ, and this one may be busy. Run with ``make bench``.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from warmboot.core.images import ImageFile, identify
from warmboot.core.payload import MemFile, unpack
from warmboot.core.sandbox.builders.compress import compress
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.zboot import build_zboot

ROUNDS = 7
PEERS = {
    "gzip": ["gzip", "-dc"],
    "zstd": ["zstd", "-dc"],
    "xz": ["xz", "-dc"],
    "lz4": ["lz4", "-dc"],
    "lzma": ["xz", "--format=lzma", "-dc"],
    "lzo": ["lzop", "-dc"],
}


def best(action: Callable[[], None]) -> float:
    """Return the median time of an action in seconds."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def ours(path: Path) -> None:
    """Unpack a zboot file the way staging does."""
    with ImageFile.open(path) as file, MemFile("bench") as memory:
        image = identify(file.view)
        if image.stream is None:
            raise SystemExit(f"{path} has no payload")
        unpack(file.view, image.stream, memory)


def theirs(command: list[str], path: Path) -> None:
    """Unpack the bare stream with a command-line tool, into a memory file as well."""
    with MemFile("bench") as memory, path.open("rb") as source:
        subprocess.run(command, stdin=source, stdout=memory.fd, check=True)


def main() -> int:
    """Print one line per method."""
    kernel = build_arm64_image("6.12.0-bench", body_size=34 << 20)
    print(f"payload: {len(kernel)} bytes; median of {ROUNDS}; ratio = warmboot / tool")
    with tempfile.TemporaryDirectory() as folder:
        for method, command in PEERS.items():
            image, stream = Path(folder, f"{method}.efi"), Path(folder, method)
            image.write_bytes(build_zboot(kernel, arch="arm64", method=method))
            stream.write_bytes(compress(kernel, method))
            if shutil.which(command[0]) is None:
                print(f"{method:5} {command[0]} is not installed")
                continue
            mine = best(lambda path=image: ours(path))  # type: ignore[misc]
            peer = best(lambda path=stream, call=command: theirs(call, path))  # type: ignore[misc]
            print(f"{method:5} {mine / peer:5.2f} x {' '.join(command)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
