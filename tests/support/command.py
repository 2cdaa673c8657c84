"""Commands of warmboot, run in this process with --json."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.answers import check
from warmboot.tui.cli import main

Answer = tuple[int, dict[str, Any]]
#: Runs a command with --json; returns its exit code and its answer, checked against the schema.
Call = Callable[..., Answer]


def caller(capsys: pytest.CaptureFixture[str], root: Path | None = None) -> Call:
    """Return what runs commands on a boot root; without one they say which themselves."""
    before = () if root is None else ("--root", str(root))

    def run(*arguments: str) -> Answer:
        code = main([*before, *arguments, "--json"])
        answer = json.loads(capsys.readouterr().out)
        check(answer)
        return code, answer

    return run
