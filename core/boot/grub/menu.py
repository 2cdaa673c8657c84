"""GRUB menus, read without running anything: what is certain is kept, what GRUB decides is named.

Variables, conditions on them and on files, functions and included files are followed, within
bounds; the hardware and devices are not.
"""

from __future__ import annotations

from collections.abc import Mapping

from warmboot.core.boot.grub.commands import COMMANDS
from warmboot.core.boot.grub.entry import Item
from warmboot.core.boot.grub.files import Files
from warmboot.core.boot.grub.menus import run_file, show, started_by_itself, take_unread
from warmboot.core.boot.grub.run import Run
from warmboot.core.boot.grub.values import is_known
from warmboot.core.errors import WarmbootError
from warmboot.core.expression import expression
from warmboot.core.values import dataclass

_ESCAPED = expression(r"\\x[0-9A-Fa-f]{2}|[\\'\"]")


@dataclass(frozen=True)
class GrubMenu:
    """The lines of a menu, and the variable ``default`` of this start; None where unknown.

    `blocks` are the environment blocks, by file, as GRUB leaves them for the start after that;
    `changed` is True where it changes them. `fallback` is the variable of that name, None where
    unknown; `notes` say what is not in the menu, and why. `fault` says why the script was not
    followed to its end, so that nothing is known of what is started.
    """

    items: list[Item]
    default: str | None
    blocks: Mapping[str, Mapping[str, str]]
    changed: bool
    fallback: str | None = None
    notes: tuple[str, ...] = ()
    fault: str | None = None


def read_menu(
    text: str,
    folder: str,
    files: Files,
    *,
    platform: str | None = None,
    blocks: Mapping[str, Mapping[str, str]] | None = None,
) -> GrubMenu:
    """Return the menu of a grub.cfg in `folder`, a path of the root.

    `platform` is that of the GRUB that reads it (``efi``, ``pc``), None where unknown; `blocks`
    are environment blocks that are not to be read from their files. A script that goes beyond the
    bounds is followed up to there. Of very many lines not all are followed (`Item.read`), but
    those that GRUB starts by itself always are.
    """
    run = Run(files, COMMANDS)
    run.prepare(folder, platform)
    run.blocks = {name: dict(block) for name, block in (blocks or {}).items()}
    prefix = run.variables.get("prefix")
    name = run.files.identity(run.place(f"{prefix}/grub.cfg"))
    fault = None
    try:
        run_file(run, name, prefix, text)
    except WarmbootError as error:
        fault = f"only its beginning could be followed: {error.message}"
        for menu in (run.items, *(inner for inner, _ in run.nested)):
            take_unread(run, menu, fault)
    items, default = run.items, run.variables.values.get("default", "")
    if fault is None:
        run.budget.entries()
        show(run, items, started_by_itself(run, items, default, run.variables.get("fallback")))
    for inner, inner_default in run.nested:
        if not items:
            items, default = inner, inner_default
        else:
            items = [*items, Item("another menu", children=inner, certain=False, read=True)]
    if fault is not None:
        return GrubMenu(items, None, {}, changed=False, notes=tuple(run.notes), fault=fault)
    known, fallback = (
        value if is_known(value) else None for value in (default, run.variables.get("fallback"))
    )
    return GrubMenu(items, known, run.blocks, run.changed, fallback, tuple(run.notes))


def loader_words(options: tuple[str, ...]) -> str:
    r"""Return options as GRUB hands them over: quotes round blanks, backslashes before quotes.

    ``\x20`` and the like are handed over as they are.
    """
    return " ".join(_quote(word) for word in options)


def _quote(word: str) -> str:
    escaped = _ESCAPED.sub(lambda found: found[0] if len(found[0]) > 1 else "\\" + found[0], word)
    return f'"{escaped}"' if " " in word else escaped
