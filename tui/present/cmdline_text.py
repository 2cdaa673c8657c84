"""A command line as text: its words by what they are about, and what they change."""

from __future__ import annotations

from warmboot.core.boot.cmdline import Change, compare, parse
from warmboot.core.boot.presets import active
from warmboot.core.session import CmdlineReview
from warmboot.core.text import printable

_MARKS = {Change.SAME: " ", Change.ADDED: "+", Change.REMOVED: "-", Change.CHANGED: "~"}


def word_rows(review: CmdlineReview) -> list[tuple[str, str, str]]:
    """Return a row for each word: how it differs from the running line, what it is about."""
    line = review.line.text
    groups = {word.text: word.group.value for word in parse(line)}
    rows = []
    for one in compare(review.context.host.cmdline, line):
        text = one.new if one.new is not None else one.old or ""
        was = f"  (was {one.old})" if one.change is Change.CHANGED else ""
        rows.append((_MARKS[one.change], groups.get(text, ""), printable(f"{text}{was}")))
    return rows


def preset_names(review: CmdlineReview) -> str:
    """Return the names of all presets; ``*`` marks those in use."""
    line = review.line.text
    names = (f"{one.name}{'*' if active(line, one) else ''}" for one in review.context.presets)
    return f"presets: {' '.join(names)}   (* in use)"
