"""Every screen that pictures are taken of: one function each, that goes there from the list."""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

from support.person import Person, sit_down
from support.pictures import LOOKS, NOW, SIZES, Pictures, photograph, settled, standing_time
from warmboot.tui.output.canvas import Canvas

Scene = Callable[[Person], Awaitable[None]]
SCENES: dict[str, Scene] = {}
KERNEL = "Warmboot Linux 7 (6.17)"


def scene(function: Scene) -> Scene:
    """Add a screen: the function's name is the picture's."""
    SCENES[function.__name__] = function
    return function


async def take(name: str, sandbox: Path, folder: Path) -> Pictures:
    """Return all pictures of a screen, taken on copies of a machine below `folder`."""
    pictures: dict[tuple[tuple[int, int], str], Canvas] = {}
    for terminal in dict.fromkeys(look.terminal for look in LOOKS):
        root = folder / f"{name}-{terminal.theme}"
        shutil.copytree(sandbox, root, symlinks=True)
        for path in root.rglob("*"):
            os.utime(path, (NOW, NOW), follow_symlinks=False)
        with standing_time():
            async with sit_down(root, size=SIZES[0], terminal=terminal) as person:
                await SCENES[name](person)
                looks = [look for look in LOOKS if look.terminal == terminal]
                pictures |= await photograph(person, looks)
    return pictures


async def on_the_kernel(person: Person) -> None:
    """Choose the entry that most pictures show, and let all be read that is read by itself."""
    await person.choose(KERNEL)
    await settled(person)


@scene
async def entries(person: Person) -> None:
    await on_the_kernel(person)


@scene
async def find(person: Person) -> None:
    await on_the_kernel(person)
    await person.press("slash")
    await person.write("6.12")


@scene
async def inside(person: Person) -> None:
    await on_the_kernel(person)
    await person.press("i")


@scene
async def compare(person: Person) -> None:
    await on_the_kernel(person)
    await person.press("c")


@scene
async def headers(person: Person) -> None:
    await inside(person)
    await settled(person)
    await person.press("4")


@scene
async def doctor(person: Person) -> None:
    await on_the_kernel(person)
    await person.press("d")


@scene
async def history(person: Person) -> None:
    await staged_list(person)
    await person.press("h")


@scene
async def log(person: Person) -> None:
    await on_the_kernel(person)
    await person.press("l")


@scene
async def help(person: Person) -> None:  # noqa: A001
    await on_the_kernel(person)
    await person.press("question_mark")


@scene
async def palette(person: Person) -> None:
    await on_the_kernel(person)
    await person.press("ctrl+p")


@scene
async def kernel(person: Person) -> None:
    await on_the_kernel(person)
    await person.press("n")


@scene
async def plan(person: Person) -> None:
    await on_the_kernel(person)
    await person.press("enter")
    await settled(person)


@scene
async def edit(person: Person) -> None:
    await plan(person)
    await person.press("e", *" pan")


@scene
async def presets(person: Person) -> None:
    await plan(person)
    await person.press("p")


@scene
async def checks(person: Person) -> None:
    await plan(person)
    await person.press("v")


@scene
async def staged(person: Person) -> None:
    await plan(person)
    await person.press("s")
    await person.see("is staged")


@scene
async def staged_list(person: Person) -> None:
    await staged(person)
    await settled(person)
    await person.press("enter")
    await settled(person)


@scene
async def restart(person: Person) -> None:
    await staged_list(person)
    await person.press("x")


@scene
async def leave(person: Person) -> None:
    await staged_list(person)
    await person.press("q")
