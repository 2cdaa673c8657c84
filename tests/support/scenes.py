"""Every screen that pictures are taken of: one function each, that goes there from the list."""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from textual import events

from support.files import put
from support.person import Person, sit_down
from support.pictures import NOW, SIZES, Pictures, photograph, settled, standing_time
from warmboot.core.session.paths import Paths, complete_path
from warmboot.tui.screens import ask

Scene = Callable[[Person], Awaitable[None]]
SCENES: dict[str, Scene] = {}
BOOT_ID = "5f0c2f6e-3b0c-4c55-9d0e-6a3f1f3f7a10\n"  # each simulated machine has another one
KERNEL = "Warmboot Linux 7 (6.17)"


def scene(function: Scene) -> Scene:
    """Add a screen: the function's name is the picture's."""
    SCENES[function.__name__] = function
    return function


async def take(name: str, sandbox: Path, folder: Path) -> Pictures:
    """Return all pictures of a screen, taken on a copy of a machine below `folder`."""
    root = folder / name
    shutil.copytree(sandbox, root, symlinks=True)
    put(root, "proc/sys/kernel/random/boot_id", BOOT_ID)
    for path in root.rglob("*"):
        os.utime(path, (NOW, NOW), follow_symlinks=False)
    with standing_time(), paths_below(root):
        async with sit_down(root, size=SIZES[0]) as person:
            await SCENES[name](person)
            return await photograph(person)


@contextmanager
def paths_below(root: Path) -> Iterator[None]:
    """Show what is in `root` where a path is asked for: this machine's own / may hold anything."""

    def complete(begun: str) -> Paths:
        found = complete_path(f"{root}{begun}")
        return found._replace(longest=found.longest.removeprefix(str(root)))

    with mock.patch.object(ask, "complete_path", complete):
        yield


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
async def plan(person: Person) -> None:
    await on_the_kernel(person)
    await person.press("enter")
    await settled(person)


@scene
async def edit(person: Person) -> None:
    await plan(person)
    await person.press("e")


@scene
async def completion(person: Person) -> None:
    await edit(person)
    await person.write(" pan")


@scene
async def lock_out(person: Person) -> None:
    """A word that nobody could log in after."""
    await edit(person)
    await person.write(" single")
    await person.press("escape")


@scene
async def why(person: Person) -> None:
    """What staging will do, and why this way: at the end of the plan."""
    await plan(person)
    await person.press("w")


@scene
async def presets(person: Person) -> None:
    await plan(person)
    await person.press("1")
    await person.see("puts it in")


@scene
async def path(person: Person) -> None:
    """What is there for a path that is being typed."""
    await on_the_kernel(person)
    await person.press("n")
    await person.write("boot/")
    await settled(person)


@scene
async def checks(person: Person) -> None:
    await plan(person)
    await person.press("v")


@scene
async def details(person: Person) -> None:
    await on_the_kernel(person)
    await person.press("i")


async def inside(person: Person, tab: str) -> None:
    await details(person)
    await person.press(tab)
    await settled(person)


@scene
async def compare(person: Person) -> None:
    await inside(person, "2")


@scene
async def initrd(person: Person) -> None:
    await inside(person, "3")


@scene
async def headers(person: Person) -> None:
    await inside(person, "4")


@scene
async def verdicts(person: Person) -> None:
    await inside(person, "5")


@scene
async def palette(person: Person) -> None:
    await on_the_kernel(person)
    await person.press("ctrl+p")
    await person.write("theme")


@scene
async def doctor(person: Person) -> None:
    await on_the_kernel(person)
    await person.press("d")
    await person.see("checks passed")


@scene
async def doctor_open(person: Person) -> None:
    await doctor(person)
    await person.press("down", "enter", "down", "down")


@scene
async def help(person: Person) -> None:  # noqa: A001
    await on_the_kernel(person)
    await person.press("question_mark")


@scene
async def staged(person: Person) -> None:
    await plan(person)
    await person.press("s")
    await person.see("is staged")


@scene
async def restart(person: Person) -> None:
    await staged(person)
    await person.press("enter", "x")
    await person.see("Type")


@scene
async def restart_long(person: Person) -> None:
    """A command line that is longer than the box."""
    await edit(person)
    words = "".join(f" option{number}=value" for number in range(60))
    person.app.post_message(events.Paste(words))
    await person.see("option59=value")
    await person.press("f2")
    await person.see("is staged")
    await person.press("enter", "x")
    await person.see("Type")


@scene
async def unload(person: Person) -> None:
    await staged(person)
    await person.press("enter", "u")
    await person.see("Keep it staged")


@scene
async def history(person: Person) -> None:
    await staged(person)
    await person.press("enter", "h")
    await person.see("stage")


@scene
async def record(person: Person) -> None:
    await history(person)
    await person.press("enter")
    await person.see("What was staged")


@scene
async def kernel(person: Person) -> None:
    await on_the_kernel(person)
    await person.press("n")


@scene
async def staged_list(person: Person) -> None:
    await staged(person)
    await settled(person)
    await person.press("enter")


@scene
async def leave(person: Person) -> None:
    await staged_list(person)
    await settled(person)
    await person.press("q")
