"""Everything that can be said of one file: an image with its payload, or an initrd."""

from __future__ import annotations

from pathlib import Path

from warmboot.core.errors import ImageError
from warmboot.core.hints import TYPE_CHECKING
from warmboot.core.images import BootImage, ImageFile, View, identify
from warmboot.core.images.authenticode import Signature, signatures_of
from warmboot.core.images.carried import CarriedParser, carried_parser
from warmboot.core.images.uboot import unwrapped
from warmboot.core.payload.examine import examine, kernel_inside
from warmboot.core.payload.memfile import MemFile
from warmboot.core.payload.unpack import Payload, decompress, unpack
from warmboot.core.progress import Cancel, Report, ignore
from warmboot.core.text import printable
from warmboot.core.values import NamedTuple

if TYPE_CHECKING:  # an image needs nothing that reads initrds
    from warmboot.core.payload.archives import Initrd


class Inspection(NamedTuple):
    """What is inside an image; `payload` is None where nothing was unpacked or read."""

    path: str
    image: BootImage
    payload: Payload | None
    signatures: tuple[Signature, ...]
    parser: CarriedParser | None


class InitrdInspection(NamedTuple):
    """What is inside an initrd, and a warning where it does not fit the kernel."""

    path: str
    initrd: Initrd
    warning: str | None


class Extraction(NamedTuple):
    """A kernel that was unpacked: the image's path, the kernel's size in bytes, what it is."""

    path: str
    size: int
    payload: Payload | None


def inspect_image(file: ImageFile, *, quick: bool = False, report: Report = ignore) -> Inspection:
    """Return what an image holds; `quick` reads the headers only, and unpacks nothing.

    Raises ImageError where it is damaged.
    """
    image = identify(file.view)
    return Inspection(
        path=printable(file.name),
        image=image,
        payload=None if quick else examine(file.view, image, report=report),
        signatures=() if quick else signatures_of(file.view),
        parser=carried_parser(file.view),
    )


def examine_file(file: ImageFile, *, cancel: Cancel) -> tuple[BootImage, Payload | None]:
    """Return what an image is, and what only reading all of its kernel tells.

    Raises ImageError where it is damaged, Cancelled.
    """
    image = identify(file.view)
    return image, examine(file.view, image, cancel=cancel)


def inspect_initrd(
    file: ImageFile,
    release: str | None,
    *,
    view: View | None = None,
    quick: bool = False,
    cancel: Cancel | None = None,
    names: int = 20,
) -> InitrdInspection:
    """Return what an initrd holds; `release` is that of the kernel it goes with, where known.

    `view` is the part of the file that is the initrd, None for the file (without the header that
    U-Boot wants in front). `quick` does not look for the end of what is compressed. `names` is how
    many names of files are kept of each archive. Raises ImageError, Cancelled.
    """
    from warmboot.core.payload.initrd import mismatch, read_initrd

    name = printable(file.name)
    view = unwrapped(file.view, name) if view is None else view
    initrd = read_initrd(view, head=names, whole=not quick, cancel=cancel)
    return InitrdInspection(name, initrd, mismatch(initrd, release))


def extract_kernel(
    file: ImageFile, target: Path, *, examined: bool, report: Report = ignore
) -> Extraction:
    """Unpack the kernel of an image into a file or what is open, checked before it is written.

    What was found in it is looked for where `examined`. Raises ImageError where
    there is nothing to unpack or it is damaged, WarmbootError where it cannot be written.
    """
    from warmboot.core.outfile import OutFile, check_target, copy_to, descriptor

    check_target(target)
    view, image = kernel_inside(file.view, identify(file.view))
    if image is None:
        raise ImageError("The kernel inside the UKI is of an unknown format")
    if image.unpacks_itself:
        raise ImageError(
            f"{printable(file.name)} is a {image.format}, whose kernel warmboot does not unpack",
            hint="U-Boot's dumpimage, or the kernel's scripts/extract-vmlinux, may do it.",
        )
    if image.stream is None:
        raise ImageError(
            f"{printable(file.name)} is not compressed ({image.format})",
            hint="Copy the file itself; there is nothing to unpack.",
        )
    with MemFile("warmboot-extract") as memory:
        payload = None
        if examined:
            payload = unpack(view, image.stream, memory, report=report)
        else:
            decompress(view, image.stream, memory, report=report)
        if (stream := descriptor(target)) is not None:
            copy_to(stream, memory.fd, memory.size, printable(str(target)))
        else:
            with OutFile(target) as out:
                out.copy(memory.fd, memory.size)
                out.commit()
        return Extraction(printable(file.name), memory.size, payload)
