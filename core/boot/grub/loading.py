"""Commands that load what an entry starts."""

from __future__ import annotations

from collections.abc import Sequence

from warmboot.core.boot.filesystems import Place
from warmboot.core.boot.grub.entry import OTHERS, Load, either
from warmboot.core.boot.grub.files import UndecidedError
from warmboot.core.boot.grub.run import Handler, Run
from warmboot.core.boot.grub.state import Status
from warmboot.core.boot.grub.values import is_known
from warmboot.core.values import replace

_LINUX = ("linux", "linuxefi", "linux16")
_INITRD = ("initrd", "initrdefi", "initrd16")


def _keep(run: Run, load: Load) -> Status:
    """Take over what a command loads, or may load."""
    run.load = either(run.item, run.load, load) if run.weak else load
    return None


def _place(run: Run, path: str) -> Place | None:
    try:
        return run.place(path)
    except UndecidedError as error:
        run.doubt(str(error))
        return None


def _linux(run: Run, words: Sequence[str]) -> Status:
    if not words:
        return None
    options = run.words_known(words[1:])
    tree = run.load.devicetree if run.load is not None else None
    return _keep(run, Load("linux", _place(run, words[0]), tuple(options), (), tree))


def _initrd(run: Run, words: Sequence[str]) -> Status:
    if run.load is None or run.load.command != "linux":
        if run.item is not None:
            run.item.note("an initrd that stands before the kernel is not loaded by GRUB")
        return None
    found = []
    for word in words:
        if word.startswith("newc:") and run.item is not None:
            run.item.doubt("GRUB would pack files into the initrd (newc:)")
        elif not word.startswith("--"):
            place = _place(run, word)
            found += [place] if place is not None else []
    return _keep(run, replace(run.load, initrds=tuple(found)))


def _devicetree(run: Run, words: Sequence[str]) -> Status:
    words = [word for word in words if not word.startswith("--")]
    if not words:
        return None
    return _keep(run, replace(run.load or Load(""), devicetree=_place(run, words[0])))


def _steamenv_boot(run: Run, words: Sequence[str]) -> Status:
    """SteamOS: run a command that loads a kernel, with words for it that the partitions tell."""
    if run.item is not None:
        run.item.note("SteamOS's GRUB adds words of its own to the command line (steamenv_boot)")
    return run.call(list(words)) if words else None


def _other(command: str) -> Handler:
    def load(run: Run, words: list[str]) -> Status:
        files = [word for word in words if not word.startswith("-") and is_known(word)]
        place = None
        if files:
            try:
                place = run.place(files[0])
            except UndecidedError:
                place = None
        return _keep(run, Load(command, place))

    return load


COMMANDS: dict[str, Handler] = {
    **{command: _other(command) for command in OTHERS},
    **dict.fromkeys(_LINUX, _linux),
    **dict.fromkeys(_INITRD, _initrd),
    "devicetree": _devicetree,
    "steamenv_boot": _steamenv_boot,
}
