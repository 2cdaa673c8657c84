"""What the marks and words of each screen mean: a page of its help."""

from __future__ import annotations

_ROWS = list[tuple[str, str]]

_LIST: _ROWS = [
    ("*", "runs now"),
    ("S", "staged: what a restart by warmboot would start"),
    ("d", "the boot loader's default"),
    ("n", "what the boot loader starts next time, once"),
    ("3", "tries left, where boots are counted; - for none"),
]
_STATES: _ROWS = [
    ("ready", "nothing stands against it on this machine"),
    ("ready, 2 to know", "it can be started; its plan says more"),
    ("no: why", "it cannot be started here; its plan says more"),
    ("not looked at yet", "its checks are still to come"),
]
_VERDICTS: _ROWS = [
    ("FAIL", "stands in the way: nothing is staged"),
    ("FORCED", "fails, and was overruled by name; that is recorded"),
    ("WARN", "to know before going on"),
    ("PASS", "looked at, and fine"),
]
_LINE: _ROWS = [
    ("+word", "not on the running command line"),
    ("-word", "on the running command line only"),
    ("~word", "another value than on the running command line"),
    ("1*name", "a preset that is in use"),
    ("= text", "what the word at the cursor does, and who says so"),
    ("Tab", "what it may become"),
]
_ENDINGS: _ROWS = [
    ("came up", "what was staged runs, or ran, afterwards"),
    ("another ..", "something else came up"),
    ("interrupted", "it began, and nothing tells how it ended"),
    ("under way", "systemd stops the services first"),
    ("not known", "nothing was recorded in the boot after it"),
    ("away", "from the restart's record to the start of the next kernel"),
]
_PAGES: dict[str, tuple[tuple[str, _ROWS], ...]] = {
    "entries": (("Marks", _LIST), ("State", _STATES)),
    "plan": (("Verdicts", _VERDICTS), ("Command line", _LINE)),
    "checks": (("Verdicts", _VERDICTS),),
    "doctor": (("Verdicts", _VERDICTS),),
    "history": (("Endings", _ENDINGS),),
}


def marks(screen: str) -> tuple[tuple[str, _ROWS], ...]:
    """Return the pages of a screen: a heading, and rows of a mark and what it means."""
    return _PAGES.get(screen, ())
