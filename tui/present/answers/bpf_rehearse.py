"""The answer of ``warmboot bpf rehearse``."""

from __future__ import annotations

from warmboot.core.bpf.abi import Action, Dialect, Target
from warmboot.core.bpf.replay import Replay, Stage
from warmboot.core.bpf.workbench import ImageRehearsal, ParserCommand
from warmboot.core.hints import Annotated, Literal, TypedDict
from warmboot.tui.present.answers.declare import SCHEMA, Answer, OneOf


class ParserCommandFields(TypedDict):
    """What the parser tells the kernel to do with a part of the image."""

    action: Annotated[str, "what to do", OneOf(tuple(Action))]
    target: Annotated[str, "what becomes of the result", OneOf(tuple(Target.__members__))]
    payload_size: Annotated[int, "bytes of the part"]
    sha256: Annotated[str, "SHA-256 of the part, in hex"]
    fill: Annotated[bool, "whether the result goes to the next layer of parsers too"]


class ReplayFields(TypedDict):
    """How far loading the parser into the running kernel came."""

    stage: Annotated[Stage, "how far"]
    code: Annotated[int, "the errno it ended with; 0 without"]
    log: Annotated[str, "the end of what the kernel's verifier said"]


class BpfRehearseAnswer(Answer):
    """What a parser would tell the kernel about an image."""

    command: Annotated[Literal["bpf rehearse"], "the command that answers"]
    path: Annotated[str, "path of the image"]
    dialect: Annotated[Dialect, "dialect of the interface"]
    modelled: Annotated[bool, "whether something else stood in for the parser's own program"]
    why: Annotated[str | None, "what did, and why; null where nothing did"]
    commands: Annotated[list[ParserCommandFields], "what the kernel would be told, in order"]
    refusal: Annotated[str | None, "why the parser gives up; null where it does not"]
    replay: Annotated[ReplayFields, "what this kernel said to the parser"]


def bpf_rehearse_answer(path: str, found: ImageRehearsal, *, simulated: bool) -> BpfRehearseAnswer:
    """Return the answer for the image in `path`."""
    return {
        "schema": SCHEMA,
        "command": "bpf rehearse",
        "simulated": simulated,
        "path": path,
        "dialect": found.parser.recipe.dialect,
        "modelled": found.why_modelled is not None,
        "why": found.why_modelled,
        "commands": [_command(command) for command in found.commands],
        "refusal": found.refusal,
        "replay": _replay(found.replay),
    }


def _command(command: ParserCommand) -> ParserCommandFields:
    return {
        "action": command.action,
        "target": command.target,
        "payload_size": command.payload_size,
        "sha256": command.sha256,
        "fill": command.fill,
    }


def _replay(replay: Replay) -> ReplayFields:
    return {"stage": replay.stage, "code": replay.code, "log": replay.log}
