"""``warmboot`` alone: the full-screen program."""

from __future__ import annotations

import argparse

from warmboot.core.errors import WrongArgument
from warmboot.tui.entry import load_without

#: What the screens load for nothing (see load_without): encrypted connections, and the palette of
#: commands that Textual brings along, with half of its widgets. Both take a tenth of the start.
_NOT_NEEDED: tuple[tuple[str, str, dict[str, object] | None], ...] = (
    ("asyncio", "ssl", None),
    (
        "textual.app",
        "textual.command",
        {
            name: type(name, (), {})
            for name in (
                *("CommandListItem", "CommandPalette", "DiscoveryHit", "Hit", "Hits"),
                *("Provider", "SimpleProvider"),
            )
        },
    ),
)


def run(options: argparse.Namespace) -> int:
    """Run the full-screen program and return its exit code."""
    if options.json:
        raise WrongArgument("--json goes with a command", hint="For example: warmboot list --json")
    load_without(_NOT_NEEDED)
    from warmboot.tui.app import run as run_app  # the screens take long to import

    return int(run_app(options.root, slow=options.slow))
