"""Every screen looks as it did when somebody last looked at it: in three sizes and three themes."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest
from support.pictures import as_text
from support.scenes import SCENES, take

KEPT = Path(__file__).parent.parent / "pictures"


@pytest.mark.parametrize("name", SCENES)
async def test_a_screen_looks_as_before(name: str, pristine_sandbox: Path, tmp_path: Path) -> None:
    taken = as_text(await take(name, pristine_sandbox, tmp_path)).splitlines()
    kept = (KEPT / f"{name}.txt").read_text().splitlines()
    changed = "\n".join(difflib.unified_diff(kept, taken, "kept", "taken", lineterm="", n=1))
    assert not changed, f"{changed}\nmake pictures shows all; UPDATE=1 keeps them."


def test_every_kept_picture_has_a_screen() -> None:
    assert {path.stem for path in KEPT.glob("*.txt")} == set(SCENES)
