"""The answer of ``warmboot cmdline``."""

from __future__ import annotations

from warmboot.core.boot.cmdline import Change, Difference, Word, WordGroup, compare, parse
from warmboot.core.boot.presets import Preset, active
from warmboot.core.hints import Annotated, Literal, TypedDict
from warmboot.core.session import CmdlineReview
from warmboot.tui.present.answers.declare import SCHEMA, Answer
from warmboot.tui.present.answers.objects.finding import FindingFields, finding_fields
from warmboot.tui.present.answers.objects.plan import CommandLineFields, command_line_fields


class WordFields(TypedDict):
    """One word of a command line."""

    text: Annotated[str, "the word as it stands there"]
    name: Annotated[str, "the parameter"]
    value: Annotated[str | None, "its value, quotes taken away; null without ="]
    group: Annotated[WordGroup, "what it is about"]


class DifferenceFields(TypedDict):
    """A parameter in the running command line (old) and in this one (new)."""

    change: Annotated[Change, "how it differs"]
    name: Annotated[str, "the parameter"]
    old: Annotated[str | None, "its word there; null where it is not there"]
    new: Annotated[str | None, "its word here; null where it is not here"]


class PresetFields(TypedDict):
    """Words that go into a command line, and out of it, together."""

    name: Annotated[str, "its name"]
    title: Annotated[str, "what it is for"]
    add: Annotated[list[str], "words to be there"]
    remove: Annotated[list[str], "names or words not to be there"]


class OfferedPresetFields(TypedDict):
    """A preset, and whether it is in use."""

    preset: Annotated[PresetFields, "the preset"]
    active: Annotated[bool, "whether the line is as the preset makes it"]


class CmdlineAnswer(Answer):
    """A command line word by word, compared and checked."""

    command: Annotated[Literal["cmdline"], "the command that answers"]
    entry: Annotated[str | None, "id of the entry; null where none was named"]
    cmdline: Annotated[CommandLineFields, "the line"]
    running: Annotated[str, "the running kernel's line"]
    installed: Annotated[str | None, "the line in /etc/kernel/cmdline; null without"]
    words: Annotated[list[WordFields], "the words of the line"]
    differences: Annotated[list[DifferenceFields], "what it makes of the running kernel's"]
    findings: Annotated[list[FindingFields], "what the checks of command lines say"]
    presets: Annotated[list[OfferedPresetFields], "all presets"]


def cmdline_answer(review: CmdlineReview, *, simulated: bool) -> CmdlineAnswer:
    """Return the answer."""
    line, context = review.line, review.context
    running = context.host.cmdline
    return {
        "schema": SCHEMA,
        "command": "cmdline",
        "simulated": simulated,
        "entry": review.entry,
        "cmdline": command_line_fields(line),
        "running": running,
        "installed": context.installed,
        "words": [_word(word) for word in parse(line.text)],
        "differences": [difference_fields(one) for one in compare(running, line.text)],
        "findings": [finding_fields(finding) for finding in review.findings],
        "presets": [
            {"preset": _preset(preset), "active": active(line.text, preset)}
            for preset in context.presets
        ],
    }


def _word(word: Word) -> WordFields:
    return {"text": word.text, "name": word.name, "value": word.value, "group": word.group}


def difference_fields(one: Difference) -> DifferenceFields:
    """Return a difference of command lines as answers hold it."""
    return {"change": one.change, "name": one.name, "old": one.old, "new": one.new}


def _preset(preset: Preset) -> PresetFields:
    return {
        "name": preset.name,
        "title": preset.title,
        "add": list(preset.add),
        "remove": list(preset.remove),
    }
