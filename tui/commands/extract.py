"""``warmboot extract``: the kernel out of an image, into a file that is whole or not there."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from warmboot.core.errors import ExitCode, ImageError, WarmbootError
from warmboot.core.images import BootImage, ImageFile, View, identify
from warmboot.core.kexec import open_machine
from warmboot.core.payload.examine import kernel_inside
from warmboot.core.payload.memfile import MemFile
from warmboot.core.payload.unpack import decompress, unpack
from warmboot.core.text import printable, size
from warmboot.tui import output
from warmboot.tui.commands.images import open_named
from warmboot.tui.progress import ProgressLine

_PLACE = "Check the free space and the permissions there."


def run(options: argparse.Namespace) -> int:
    """Unpack and check in memory, then write the result in one go."""
    machine = open_machine(options.root)
    with open_named(machine, options.image) as file, MemFile("warmboot-extract") as memory:
        image, view = _kernel(file)
        if image.stream is None:
            raise ImageError(
                f"{printable(file.name)} is a {image.format} that is not compressed",
                hint="Copy the file itself; there is nothing to unpack.",
            )
        with ProgressLine() as progress:
            if options.json:
                payload = unpack(view, image.stream, memory, report=progress.report)
            else:
                decompress(view, image.stream, memory, report=progress.report)
        if options.output == "-":
            _send(memory, sys.stdout.fileno(), "standard output")
        else:
            write_file(memory, Path(options.output))
    if options.json:
        fields = {"path": printable(file.name), "output": options.output, "payload": payload}
        output.write_json("extract", machine, fields)
    elif sys.stdout.isatty() and options.output != "-":
        output.write_lines([f"{options.output}: {size(memory.size)}"])
    return ExitCode.OK


def _kernel(file: ImageFile) -> tuple[BootImage, View]:
    """Return the image whose payload is wanted: for a UKI, the kernel inside."""
    view, image = kernel_inside(file.view, identify(file.view))
    if image is None:
        raise ImageError("The kernel inside the UKI is of no known format")
    return image, view


def write_file(memory: MemFile, path: Path) -> None:
    """Write `memory` to `path` at once: whatever happens, the old file or the whole new one."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            _send(memory, fd, str(path))
            os.fsync(fd)
        finally:
            os.close(fd)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise WarmbootError(
            f"{path} could not be written: {error.strerror}", hint=_PLACE
        ) from error
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _send(memory: MemFile, target: int, name: str) -> None:
    position = 0
    while position < memory.size:
        try:
            count = os.sendfile(target, memory.fd, position, memory.size - position)
        except OSError as error:
            raise WarmbootError(
                f"{name} could not be written: {error.strerror}",
                hint=_PLACE,
            ) from error
        position += count
