"""``warmboot list``: what is installed."""

from __future__ import annotations

import argparse

from warmboot.core.boot.entry import Entry
from warmboot.core.boot.listed_entry import ListedEntry
from warmboot.core.errors import ExitCode
from warmboot.core.session import open_session
from warmboot.core.text import printable
from warmboot.tui.commands import output

_LEGEND = "* runs now  d default  n next start only  - no tries left"


def run(options: argparse.Namespace) -> int:
    """Print the entries, best first, or the places that were searched where there are none."""
    session = open_session(options.root)
    if options.names and not options.json:
        listing = session.entries()
        output.write_lines(printable(entry.id) for entry in listing.entries)
        return ExitCode.OK if listing.entries else ExitCode.NOT_FOUND
    listing, rows = session.rows()
    if options.json:
        from warmboot.tui.present.answers.list import list_answer

        output.write_json(list_answer(rows, listing.searched, simulated=session.simulated))
        return ExitCode.OK if rows else ExitCode.NOT_FOUND
    output.banner(session)
    if not rows:
        output.write_lines(["No boot images found. Looked in:"])
        places = [(f"  {one.place}", one.result) for one in listing.searched]
        output.write_lines(output.table(places))
        output.write_lines(["--root DIR looks below DIR; stage --kernel FILE takes any file."])
        return ExitCode.NOT_FOUND
    header = ("", "ENTRY", "VERSION", "FORMAT", "ARCH", "TITLE", "FOUND IN")
    output.write_lines(output.table([header, *map(_cells, rows)]))
    notices = [f"{one.place}: {one.result}" for one in listing.searched if one.notice]
    notices += [
        f"{row.entry.id}: {n}" for row in rows for n in row.entry.notes if n != row.obstacle
    ]
    output.write_lines(["", *notices] if notices else [])
    if any(_marks(row.entry) for row in rows):
        output.write_lines(["", _LEGEND])
    return ExitCode.OK


def _cells(row: ListedEntry) -> tuple[str, ...]:
    entry, image = row.entry, row.image
    version = entry.release or entry.version or (image.release if image else None) or "-"
    title = f"{entry.title}  [cannot start here: {row.obstacle}]" if row.obstacle else entry.title
    if image is None:
        kind, arch = "-", "-"
    else:
        kind, arch = image.format.value, image.architecture or "-"
    sources = " ".join(entry.sources)
    return _marks(entry), entry.id, version, kind, arch, title, sources


def _marks(entry: Entry) -> str:
    marks = zip("*dn-", (entry.running, entry.default, entry.next, entry.bad), strict=True)
    return "".join(mark for mark, shown in marks if shown)
