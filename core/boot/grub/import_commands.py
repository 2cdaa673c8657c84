"""Commands that show boot loader entries or unified kernel images in a menu."""

from __future__ import annotations

from collections.abc import Sequence

from warmboot.core.boot.entry import Kind
from warmboot.core.boot.grub.entry import BlsRequest, Item
from warmboot.core.boot.grub.files import UndecidedError
from warmboot.core.boot.grub.menus import add
from warmboot.core.boot.grub.options import parse_options
from warmboot.core.boot.grub.run import Handler, Run
from warmboot.core.boot.grub.state import Status


def _blscfg(run: Run, words: Sequence[str]) -> Status:
    """Show boot loader entries: all, those of a folder or file, the default or all others."""
    return _import(run, words, Kind.BLS, run.variables.get("blsdir"))


def _uki(run: Run, words: Sequence[str]) -> Status:
    """Show unified kernel images, as GRUB 2.14 can: those in EFI/Linux if it is not told others."""
    return _import(run, words, Kind.UKI, "")


def _import(run: Run, words: Sequence[str], kind: Kind, usual: str) -> Status:
    options = parse_options(
        words,
        ("path", "entry"),
        ("enable-fallback", "show-default", "show-non-default"),
        {"p": "path", "e": "entry", "f": "enable-fallback", "d": "show-default",
         "n": "show-non-default"},
        lenient=True,
    )  # fmt: skip
    words = [] if options is None else options.words
    which, path = "all", usual
    if options is not None:
        which = "default" if options.last("show-default") is not None else which
        which = "non-default" if options.last("show-non-default") is not None else which
        path = options.last("entry") or options.last("path") or path
    for word in words:
        if word in ("default", "non-default"):
            which = word
        elif word:
            path = word
    place = None
    if path:
        try:
            place = run.place(path)
        except UndecidedError:
            place = None
    run.budget.step(len(run.variables.values))
    add(run, Item("blscfg", bls=BlsRequest(dict(run.variables.values), place, which, kind)))
    return 0


COMMANDS: dict[str, Handler] = {"blscfg": _blscfg, "bls_import": _blscfg, "uki": _uki}
