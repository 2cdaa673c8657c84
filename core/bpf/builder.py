"""Boot images with parsers, as files: built, checked, signed, and only then put in place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from warmboot.core.bpf.abi import Dialect
from warmboot.core.bpf.compatibility import check_fit
from warmboot.core.bpf.container import build_container, write_envelope
from warmboot.core.bpf.envelope import EnvelopeReport, envelope
from warmboot.core.bpf.sign import sign
from warmboot.core.bpf.verify_envelope import check_unchanged
from warmboot.core.errors import ImageError
from warmboot.core.images import BytesView, FileView, ImageFile, identify
from warmboot.core.images.authenticode import Signature
from warmboot.core.images.bpfcontainer import Envelope
from warmboot.core.images.bpfobject import LARGEST, ParserObject
from warmboot.core.images.uki import Uki
from warmboot.core.outfile import OutFile
from warmboot.core.text import printable, size
from warmboot.core.values import dataclass


@dataclass(frozen=True)
class Built:
    """What was built: warnings for the operator, and the new signature where one was asked for."""

    report: EnvelopeReport
    warnings: tuple[str, ...]
    signature: Signature | None


@dataclass(frozen=True)
class SigningKey:
    """A private key and its certificate, both PEM files."""

    key: Path
    certificate: Path


def read_parser(path: Path) -> bytes:
    """Return the parser object in a file; raise ImageError where it is none."""
    with ImageFile.open(path) as file:
        if file.view.size > LARGEST:
            raise ImageError(
                f"{printable(str(path))} is not a parser object: {size(file.view.size)}"
            )
        return file.view.read(0, file.view.size, "parser object")


def build_file(
    file: ImageFile,
    parser: bytes,
    target: Path,
    *,
    replace: bool = False,
    key: SigningKey | None = None,
) -> Built:
    """Write the image with `parser` as its `.bpf` section to `target`, whole or not at all.

    `replace` allows an image that has a parser already. Raises ImageError where the two do not
    belong together or the image cannot take a section, NotFound without sbsign, and
    WarmbootError where `target` cannot be written.
    """
    warning = check_fit(identify(file.view), ParserObject.parse(BytesView(parser)), Dialect.V6)
    warnings = [] if warning is None else [warning]
    with OutFile(target) as out:
        report = envelope(file.view, parser, out.write, replace=replace)
        file.unchanged()
        check_unchanged(file.view, FileView(out.fd, out.size), parser)
        signature = sign(out, key.key, key.certificate) if key is not None else None
        out.commit()
    if report.signature_lost and key is None:
        warnings.append("The image was signed; the result is not. Sign it before secure boot.")
    if report.trailing:
        warnings.append(
            f"{size(report.trailing)} behind the image's sections are kept, behind the parser."
        )
    return Built(report, tuple(warnings), signature)


def build_container_file(parsers: Sequence[bytes], target: Path) -> int:
    """Write parsers for dialect v7 to `target`, whole or not at all; return the file's size."""
    content = build_container(parsers)
    with OutFile(target) as out:
        out.write(content)
        out.commit()
    return len(content)


def build_envelope_file(
    file: ImageFile, target: Path, *, initrd: ImageFile | None = None, cmdline: str | None = None
) -> int:
    """Write the envelope of dialect v7 to `target`, whole or not at all; return its size.

    Raises ImageError where the image is none that goes into one, WarmbootError where `target`
    cannot be written.
    """
    image = identify(file.view)
    with OutFile(target) as out:
        view = None if initrd is None else initrd.view
        uki = isinstance(image, Uki)
        count = write_envelope(file.view, out.write, initrd=view, cmdline=cmdline, uki=uki)
        file.unchanged()
        if initrd is not None:
            initrd.unchanged()
        Envelope.parse(FileView(out.fd, out.size))
        out.commit()
    return count
