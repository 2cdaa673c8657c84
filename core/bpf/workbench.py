"""Parsers for one image: built into a file, or run here to see what the kernel would be told."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from warmboot.core.bpf.abi import SECTION, Command, Dialect
from warmboot.core.bpf.call_memory import wait_for_memory
from warmboot.core.bpf.carried import carried_by, check_carried, runs_carried
from warmboot.core.bpf.dialects import facts_of
from warmboot.core.bpf.parser_model import run_model
from warmboot.core.bpf.parsers import Parser, parser_for
from warmboot.core.bpf.rehearse import CannotRehearse, LoadedRehearsal
from warmboot.core.bpf.replay import Replay, replay
from warmboot.core.errors import ImageError
from warmboot.core.images import BootImage, BytesView, View, identify
from warmboot.core.images.bpfobject import ParserObject
from warmboot.core.images.pe import parse_headers
from warmboot.core.images.uki import Uki
from warmboot.core.outfile import OutFile
from warmboot.core.payload.examine import kernel_inside
from warmboot.core.values import NamedTuple, replace


class BuiltParser(NamedTuple):
    """A parser that was written to a file: its size in bytes, who made it, and what it is."""

    size: int
    origin: str
    parser: ParserObject


class ParserCommand(NamedTuple):
    """One command as the kernel would receive it; sizes in bytes."""

    action: str
    target: str
    payload_size: int
    sha256: str
    fill: bool


class ImageRehearsal(NamedTuple):
    """What a parser would tell the kernel about an image.

    `why_modelled` says why a model answered in the program's place, or warmboot's program in that
    of the parser which the image carries; None where the parser's own ran. `refusal` is why the
    parser gives up, or cannot be used, None where it hands the image over. `replay` is how far
    loading the parser into the running kernel came.
    """

    parser: Parser
    why_modelled: str | None
    commands: tuple[ParserCommand, ...]
    refusal: str | None
    replay: Replay


def build_parser(view: View, dialect: Dialect, target: Path) -> BuiltParser:
    """Write the parser for an image, whole or not at all; raises ImageError, NotFound."""
    parser = parser_for(identify(view), dialect)
    with OutFile(target) as out:
        out.write(parser.content)
        out.commit()
    found = ParserObject.parse(BytesView(parser.content))
    return BuiltParser(len(parser.content), parser.origin, found)


def rehearse_image(
    view: View, dialect: Dialect, available: Callable[[], int | None]
) -> ImageRehearsal:
    """Run the parser's code, or its model, on an image; raises ImageError, NotFound.

    `available` tells the memory that is free: no more is taken than the image, one ring that
    holds it, and what Python needs.
    """
    image = identify(view)
    if isinstance(image, Uki) and not facts_of(dialect).whole:
        view, inner = kernel_inside(view, image)
        image = inner or image
    parser = parser_for(image, dialect, 0)  # the initrd of a call is not here
    carried = None if facts_of(dialect).whole else _carried(view, image)
    why = problem = None
    if carried is not None:
        parser = replace(parser, origin="carried by the image")
        why, problem = _judge_carried(image)
    before = available()
    try:
        program = parser_for(image, dialect, 0, rehearsal=True)
        with LoadedRehearsal(program, view.size) as stand:
            commands, refusal = stand.each(view, lambda r: _command(*facts_of(dialect).split(r)))
    except CannotRehearse as error:
        why = f"a model was asked: {error.message}"
        outcome = run_model(view, dialect, parser.recipe.kind, parser.recipe.sizes.record)
        commands = tuple(_command(line, line.payload) for line in outcome.commands)
        refusal = outcome.refusal
    wait_for_memory(before, available)  # one ring at a time
    return ImageRehearsal(
        parser=parser,
        why_modelled=why,
        commands=commands,
        refusal=problem or (None if refusal is None else refusal.text),
        replay=replay(carried or BytesView(parser.content)),
    )


def _judge_carried(image: BootImage) -> tuple[str | None, str | None]:
    """Return why a carried parser is not run, None where it is ours, and what is wrong with it."""
    found = carried_by(image)
    ours = found is not None and found.parser is not None and found.parser.identity is not None
    why = None if ours else "another tool made the parser; warmboot's own ran in its place"
    try:
        check_carried(image)
    except ImageError as error:
        return why, error.message
    return why, None


def _carried(view: View, image: BootImage) -> View | None:
    """Return the parser that the image carries, None where another one would run."""
    section = parse_headers(view).find(SECTION) if runs_carried(image) else None
    return None if section is None else view.part(section.offset, section.size, SECTION)


def _command(command: Command, payload: bytes | memoryview) -> ParserCommand:
    return ParserCommand(
        command.action,
        command.target.name,
        len(payload),
        hashlib.sha256(payload).hexdigest(),
        command.fill,
    )
