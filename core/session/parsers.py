"""Parsers for kernels that unpack images themselves: built, rehearsed, put into images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from warmboot.core.bpf.abi import Dialect
from warmboot.core.bpf.builder import (
    Built,
    SigningKey,
    build_container_file,
    build_envelope_file,
    build_file,
    read_parser,
)
from warmboot.core.bpf.parsers import parser_for
from warmboot.core.bpf.workbench import BuiltParser, ImageRehearsal, build_parser, rehearse_image
from warmboot.core.images import ImageFile, identify
from warmboot.core.text import printable


class Parsers:
    """The workbench for parsers; `open_image` opens an image by its path or an entry's name,
    `available` tells how many bytes of memory are free.

    Every method raises what the functions of warmboot.core.bpf raise that it calls.
    """

    def __init__(
        self, open_image: Callable[[str], ImageFile], available: Callable[[], int | None]
    ) -> None:
        self._open = open_image
        self._available = available

    def build(self, image: str, dialect: str, target: Path) -> BuiltParser:
        """Write the parser for an image, whole or not at all."""
        with self._open(image) as file:
            return build_parser(file.view, Dialect(dialect), target)

    def rehearse(self, image: str, dialect: str) -> tuple[str, ImageRehearsal]:
        """Run a parser's code, or its model, on an image; return the image's path too."""
        with self._open(image) as file:
            found = rehearse_image(file.view, Dialect(dialect), self._available)
            return printable(file.name), found

    def envelop(
        self,
        image: str,
        parser: Path | None,
        target: Path,
        *,
        replace: bool,
        key: tuple[Path, Path] | None,
    ) -> Built:
        """Write an image with a parser in it (v6), signed where there is a key and certificate.

        Without `parser` it is the one that `build` would write.
        """
        signing = SigningKey(*key) if key else None
        with self._open(image) as file:
            if parser is None:
                content = parser_for(identify(file.view), Dialect.V6).content
            else:
                content = read_parser(parser)
            return build_file(file, content, target, replace=replace, key=signing)

    def contain(
        self,
        image: str,
        target: Path,
        *,
        initrd: Path | None,
        cmdline: str | None,
        parsers: Sequence[Path],
        container: Path | None,
    ) -> tuple[int, int | None]:
        """Write the envelope of an image, and the container of its parsers (v7); return sizes."""
        with ExitStack() as held:
            contents = [read_parser(path) for path in parsers]
            file = held.enter_context(self._open(image))
            beside = held.enter_context(ImageFile.open(initrd)) if initrd else None
            size = build_envelope_file(file, target, initrd=beside, cmdline=cmdline)
            return size, build_container_file(contents, container) if container else None
