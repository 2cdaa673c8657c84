"""``warmboot cmdline``: a command line word by word, compared and checked."""

from __future__ import annotations

import argparse

from warmboot.core.errors import ExitCode
from warmboot.core.session import open_session
from warmboot.core.text import printable
from warmboot.tui.commands import output
from warmboot.tui.commands.options import cmdline_request
from warmboot.tui.present.cmdline_text import preset_names, word_rows
from warmboot.tui.present.finding_text import every_line


def run(options: argparse.Namespace) -> int:
    """Print the words, what they change of the running ones, and what is to be said of them."""
    session = open_session(options.root)
    review = session.command_line(cmdline_request(options))
    if options.json:
        from warmboot.tui.present.answers.cmdline import cmdline_answer

        output.write_json(cmdline_answer(review, simulated=session.simulated))
        return ExitCode.OK
    output.banner(session)
    line, rows = review.line, word_rows(review)
    output.write_lines([printable(line.text, 8192) or "(empty)", f"  {line.origin.value}", ""])
    output.write_lines(output.table(rows) if rows else [])
    output.write_lines(["", "+ new  - gone  ~ changed, compared with the running kernel's", ""])
    output.write_lines(every_line(review.findings))
    output.write_lines([preset_names(review)])
    return ExitCode.OK
