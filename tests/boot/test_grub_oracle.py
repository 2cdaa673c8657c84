"""GRUB itself, as Debian's grub-emu, makes the same menus of generated configurations."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.grub_emu import SPY, GrubEmu, Load, Shown, leaves
from support.grub_files import HostFiles
from support.grub_grammar import FILES, Case, make_case
from support.tools import needs_tool

from warmboot.core.boot.grub.default import Expand, index_of
from warmboot.core.boot.grub.entry import Item
from warmboot.core.boot.grub.menu import GrubMenu, read_menu

CASES = 560
_BATCHES = 8
_LEAST = 20
_LONGEST = 66  # characters of a word on a line of the screen


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name: paths are words on the screen."""
    name = tempfile.mkdtemp(prefix="g", dir="/tmp")
    yield Path(name)
    shutil.rmtree(name)


def write(folder: Path, case: Case) -> None:
    for old in folder.iterdir():
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    for time, (name, text) in enumerate(FILES.items()):
        path = folder / name
        if name.endswith("/"):
            path.mkdir()
        else:
            path.write_text(text)
            os.utime(path, (1_000_000 + time * 1000,) * 2)
    for name, text in case.files.items():
        spy = SPY if name == "grub.cfg" else ""
        (folder / name).write_text(spy + text.replace("@DIR@", str(folder)))


def ours(folder: Path) -> GrubMenu:
    text = (folder / "grub.cfg").read_text()
    return read_menu(text, str(folder), HostFiles(), platform="emu")


def grubs(program: str, folder: Path, *, each_first: bool) -> Shown | None:
    """Return GRUB's menu; with `each_first` a new GRUB executes each entry."""
    with GrubEmu(program, folder) as emulator:
        shown = emulator.menu()
    if each_first and shown is not None:
        for menu, index, position in leaves(shown):
            with GrubEmu(program, folder) as emulator:
                menu.loads[index] = emulator.load_at(position)
    return shown


def words_fit(items: list[Item]) -> bool:
    loads = [item.load for item in items if item.load is not None]
    return all(len(word) < _LONGEST for load in loads for word in load.options) and all(
        words_fit(item.children or []) for item in items
    )


def compare(items: list[Item], default: str | None, shown: Shown | None) -> list[str]:
    """Return where a menu of ours differs from that on the screen."""
    if shown is None:
        return [f"a menu of {len(items)} where GRUB has none"] if items else []
    titles = [item.title.replace("\n", " ").rstrip() for item in items]  # as a line shows them
    if titles != [title.rstrip() for title in shown.titles]:
        return [f"titles {titles}, GRUB's {shown.titles}"]
    faults = []
    rows = Expand()(items)
    index = None if default is None else index_of(rows, default, by_id=False)
    if index != shown.highlighted:
        faults.append(f"default {default!r} is {index}, GRUB's {shown.highlighted}")
    for number, item in enumerate(items):
        if item.children is not None:
            inner = shown.inner.get(number)
            if inner is None and not item.children:
                continue
            if inner is None:
                faults.append(f"{item.title}: GRUB shows no submenu")
            else:
                faults += compare(item.children, item.default, inner)
            continue
        told = loads_of(item)
        theirs = without_device(shown.loads[number])
        if told != theirs:
            faults.append(f"{item.title}: {told}, GRUB's {theirs}")
        if item.problem or item.notes or not item.certain:
            faults.append(f"{item.title}: undecided: {item.problem} {item.notes}")
    return faults


def loads_of(item: Item) -> Load:
    load = item.load
    if load is None or load.kernel is None:
        return None, None
    return (load.kernel.path, *load.options), tuple(i.path for i in load.initrds) or None


def without_device(told: Load) -> Load:
    kernel, initrds = told
    if kernel is not None:
        kernel = (kernel[0].removeprefix("(host)"), *kernel[1:])
    if initrds is not None:
        initrds = tuple(initrd.removeprefix("(host)") for initrd in initrds)
    return kernel, initrds


@pytest.mark.parametrize("batch", range(_BATCHES))
def test_generated_configurations(batch: int, folder: Path) -> None:
    program = needs_tool("grub-emu")
    for seed in range(batch, CASES, _BATCHES):
        case = make_case(seed)
        write(folder, case)
        menu = ours(folder)
        if not words_fit(menu.items):
            continue
        shown = grubs(program, folder, each_first=case.leaks)
        assert compare(menu.items, menu.default, shown) == [], (
            f"seed {seed}\n{case.files['grub.cfg']}"
        )


def test_every_construct_is_generated_often_enough() -> None:
    counts = Counter(name for seed in range(CASES) for name in make_case(seed).seen)
    assert len(counts) > 70
    assert {name: count for name, count in counts.items() if count < _LEAST} == {}
