"""A command line as text: its words by what they are about, and what they change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from warmboot.core.boot.cmdline import Change, Difference, compare, parse
from warmboot.core.boot.known_words import KnownWord
from warmboot.core.boot.presets import active
from warmboot.core.session import CmdlineReview
from warmboot.core.text import plural, printable
from warmboot.tui.present.layout import Line, wrap

_OFFERED = 4
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


def difference(text: str, running: str, width: int) -> list[Line]:
    """Return the words in which a command line differs from the running one's, and a count of the
    others."""
    found = compare(running, text)
    same = sum(one.change is Change.SAME for one in found)
    pieces = [_piece(one) for one in found if one.change is not Change.SAME]
    if not pieces:
        return [(("as the running one", ""),)]
    rest = f"and {plural(same, 'word')} as running" if same else "nothing else"
    lines: list[list[tuple[str, str]]] = [[]]
    room = width
    for word, style in (*pieces, (rest, "$secondary")):
        for number, part in enumerate(wrap(word, width)):
            if number or (lines[-1] and room < len(part) + 2):
                lines.append([])
                room = width
            gap = "  " if lines[-1] else ""
            lines[-1] += [(gap, ""), (part, style)]
            room -= len(gap) + len(part)
    return [tuple(line) for line in lines]


def _piece(one: Difference) -> tuple[str, str]:
    """Return a word that differs, marked, and its style."""
    if one.change is Change.CHANGED:
        return printable(f"~{one.new} (was {one.old})"), "$warning"
    if one.change is Change.ADDED:
        return printable(f"+{one.new}"), "$success"
    return printable(f"-{one.old}"), "$error"


def word_lines(
    explained: KnownWord | None, offered: Sequence[KnownWord], width: int
) -> Iterator[Line]:
    """Yield what is known of a word that is being typed, and of the words that it may become."""
    if explained is not None:
        for number, text in enumerate(wrap(f"{explained.text} ({explained.source})", width - 2)):
            yield (("  " if number else "= ", "bold"), (text, ""))
        return
    for number, word in enumerate(offered[:_OFFERED]):
        text = f"{word.name}  {word.text}"
        shown = text if len(text) <= width - 4 else f"{text[: width - 7]}..."
        yield (("Tab " if number == 0 else "    ", "bold"), (shown, ""))
