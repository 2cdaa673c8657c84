"""CONTRIBUTING.md names what exists: its paths, its rows, and the number of files on the walk."""

from __future__ import annotations

import re

import pytest
from support.tools import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text()
NAMED = sorted(
    set(re.findall(r"\b(?:core|tui|themes|tests|man)/[\w./-]*[\w/]", TEXT))
    | set(re.findall(r"`([A-Z]+\.md)`", TEXT))
)


@pytest.mark.parametrize("path", NAMED)
def test_every_path_that_is_named_exists(path: str) -> None:
    assert (ROOT / path).exists()


def test_the_walk_has_as_many_files_as_it_says() -> None:
    walk = TEXT.split("## The walk of an entry")[1].split("\n## ")[0]
    steps = re.findall(r"^(\d+)\. .*?`([\w/]+\.py)`", walk, re.MULTILINE)
    assert [int(number) for number, _ in steps] == list(range(1, len(steps) + 1))
    assert len({path for _, path in steps}) == len(steps)
    assert f"passes through {len(steps)} files" in walk


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL))
def test_the_examples_are_of_the_code(block: str) -> None:
    code = "\n".join(
        path.read_text()
        for d in ("core", "tui", "tests/support")
        for path in (ROOT / d).rglob("*.py")
    )
    for line in block.splitlines():
        assert line.partition("  #")[0].strip() in code
