"""The answer of ``warmboot list``."""

from __future__ import annotations

from collections.abc import Iterable

from warmboot.core.boot.entry import SearchedPlace
from warmboot.core.boot.listed_entry import ListedEntry
from warmboot.core.hints import Annotated, Literal, TypedDict
from warmboot.tui.present.answers.declare import SCHEMA, Answer
from warmboot.tui.present.answers.objects.entry import EntryFields, entry_fields
from warmboot.tui.present.answers.objects.image import ImageFields, image_fields


class ListedEntryFields(TypedDict):
    """An entry with what the header of its kernel says."""

    entry: Annotated[EntryFields, "the entry"]
    image: Annotated[ImageFields | None, "what its kernel is; null where that cannot be read"]
    problem: Annotated[str | None, "why it cannot be used; null where it can"]


class SearchedPlaceFields(TypedDict):
    """A place that was searched."""

    place: Annotated[str, "the place"]
    result: Annotated[str, "what came of it"]
    notice: Annotated[bool, "whether something is amiss there: not mounted, not to be followed"]


class ListAnswer(Answer):
    """What is installed."""

    command: Annotated[Literal["list"], "the command that answers"]
    entries: Annotated[list[ListedEntryFields], "the entries, best first"]
    looked: Annotated[list[SearchedPlaceFields], "every place that was searched"]


def list_answer(
    rows: Iterable[ListedEntry], looked: Iterable[SearchedPlace], *, simulated: bool
) -> ListAnswer:
    """Return the answer: entries with their headers, and the places that were searched."""
    return {
        "schema": SCHEMA,
        "command": "list",
        "simulated": simulated,
        "entries": [_row(row) for row in rows],
        "looked": [
            {"place": one.place, "result": one.result, "notice": one.notice} for one in looked
        ],
    }


def _row(row: ListedEntry) -> ListedEntryFields:
    return {
        "entry": entry_fields(row.entry),
        "image": image_fields(row.image) if row.image is not None else None,
        "problem": row.problem,
    }
