"""The cache of built parsers: what somebody else could have put there is not used."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support.parser_objects import build_parser

from warmboot.core.bpf import toolchain
from warmboot.core.bpf.abi import Dialect, Kind
from warmboot.core.bpf.sizes import sizes_for
from warmboot.core.bpf.toolchain import Recipe, Toolchain

RECIPE = Recipe(Dialect.V6, Kind.ZBOOT, sizes_for(1 << 20))
TOOLS = Toolchain("clang", "14.0.6", "bpftool", "7.1.0")
BUILT, FORGED = build_parser(), b"forged"


@pytest.fixture
def builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Recipe]:
    """A compiler that answers at once; the list tells how often it ran."""
    made: list[Recipe] = []

    def build(_: Toolchain, recipe: Recipe) -> bytes:
        made.append(recipe)
        return BUILT

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(Toolchain, "_build", build)
    monkeypatch.setattr(toolchain, "resized", lambda content, _: content)
    return made


def linked(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def piped(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def owners(*others: int) -> Callable[[pytest.MonkeyPatch], None]:
    """Of what is looked at in turn, these are somebody else's."""

    def change(monkeypatch: pytest.MonkeyPatch) -> None:
        own, asked = os.geteuid(), itertools.count()
        monkeypatch.setattr("os.geteuid", lambda: own + (next(asked) in others))

    return change


PLANTED: dict[str, Callable[[Path, Path, pytest.MonkeyPatch], object]] = {
    "a folder of somebody else": lambda *a: owners(0, 1, 2, 3)(a[2]),
    "a file of somebody else": lambda *a: owners(1)(a[2]),
    "a folder that a group may write": lambda folder, *_: folder.chmod(0o770),
    "a folder that all may write": lambda folder, *_: folder.chmod(0o1777),
    "a file that a group may write": lambda _, file, __: file.chmod(0o660),
    "a file that all may write": lambda _, file, __: file.chmod(0o602),
    "a folder that is a link": lambda folder, *_: linked(folder),
    "a file that is a link": lambda _, file, __: linked(file),
    "a FIFO": lambda _, file, __: piped(file),
}


@pytest.mark.parametrize("name", PLANTED)
def test_what_was_planted_is_not_taken(
    name: str, tmp_path: Path, builds: list[Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert TOOLS.build(RECIPE) == BUILT
    folder = tmp_path / "warmboot/parsers"
    (file,) = folder.iterdir()
    file.write_bytes(FORGED)
    assert TOOLS.build(RECIPE) == FORGED  # the cache is used
    assert len(builds) == 1
    PLANTED[name](folder, file, monkeypatch)
    assert TOOLS.build(RECIPE) == BUILT
    assert len(builds) == 2


def test_nothing_is_kept_in_a_folder_that_others_may_write(
    tmp_path: Path, builds: list[Recipe]
) -> None:
    folder = tmp_path / "warmboot/parsers"
    folder.mkdir(parents=True)
    folder.chmod(0o1777)
    assert TOOLS.build(RECIPE) == BUILT
    assert list(folder.iterdir()) == []
    assert len(builds) == 1
