"""Commands that add lines to a menu, or read more of a configuration."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from itertools import islice

from warmboot.core.boot.filesystems import By
from warmboot.core.boot.grub.default import Expand, escaped, fallbacks, index_of, split
from warmboot.core.boot.grub.entry import Item, Reading
from warmboot.core.boot.grub.files import UndecidedError
from warmboot.core.boot.grub.options import parse_options
from warmboot.core.boot.grub.run import Handler, Run
from warmboot.core.boot.grub.state import Status
from warmboot.core.boot.grub.values import is_known, shown, unknown_names
from warmboot.core.errors import WarmbootError
from warmboot.core.values import NamedTuple

_ITEMS = 20_000  # lines of all menus together
_FOLLOWED = 2000  # of them, and what is started by itself
_FALLBACKS = 16
_INCLUDES = 500
_BAD_ARGUMENT = 18
_AGAIN = 4  # times that a file may be read within itself
#: Variables that differ each time a menu is shown.
_SHOWING = ("chosen", "default", "?", "config_directory")


def add(run: Run, item: Item) -> None:
    """Add a line to the menu at hand; raise WarmbootError where they are too many."""
    run.added += 1
    if run.added > _ITEMS:
        raise WarmbootError(f"The GRUB configuration has more than {_ITEMS} lines in its menus")
    if not run.certain:
        item.certain = False
        what = "where in its menu" if not (run.unsure or run.weak) else "whether"
        item.note(f"GRUB decides when it runs {what} this entry is there")
    run.items.append(item)


def _entry(run: Run, words: Sequence[str], *, submenu: bool) -> Status:
    options = parse_options(
        words, ("class", "users", "hotkey", "source", "id"), ("unrestricted",), lenient=True
    )
    if options is None or not options.words:
        return _BAD_ARGUMENT
    *arguments, block = options.words
    source = options.last("source")
    if source is not None:
        if block.startswith("{") and block.endswith("}"):
            return _BAD_ARGUMENT
        arguments, body = options.words, "{" + source + "}"
    elif block.startswith("{") and block.endswith("}"):
        body = block
    else:
        return _BAD_ARGUMENT
    if not arguments:
        return _BAD_ARGUMENT
    ident = options.last("id")
    item = Item(
        shown(arguments[0]),
        None if ident is None else shown(ident),
        tuple(arguments),
        body,
        [] if submenu else None,
    )
    item.users = None if options.last("unrestricted") is not None else options.last("users") or ""
    item.reading = run.reading
    lost = unknown_names(arguments[0])
    if lost:
        item.note(f"GRUB decides {', '.join(lost)} of its title when it runs")
    add(run, item)
    return 0


def _menuentry(run: Run, words: Sequence[str]) -> Status:
    return _entry(run, words, submenu=False)


def _submenu(run: Run, words: Sequence[str]) -> Status:
    return _entry(run, words, submenu=True)


class _File(NamedTuple):
    """A configuration file: what tells it from others, its folder, its text."""

    name: str
    folder: str
    text: str


def _read(run: Run, path: str, *, menu: bool = False) -> _File | None:
    """Return a file, None where there is none or it is not to be followed, which is said."""
    run.included += 1
    if run.included > _INCLUDES:
        raise WarmbootError("The GRUB configuration includes too many files")
    try:
        place = run.place(path)
        if place.spec.by is By.IMAGE and run.item is None:
            raise UndecidedError(f"in {place.spec.words()}, which is not looked into")
        name = run.files.identity(place)
        endless = _is_endless(run, name)
        if endless and not menu:
            run.undecided(f"it reads {shown(path)} within itself, over and over")
            return None
        text = None if endless else run.files.read(place, menu=menu)
    except UndecidedError as error:
        run.undecided(f"it reads {shown(path)}, and where that lies cannot be told: {error}")
        return None
    if text is None:
        if menu and run.item is not None:
            run.item.note(f"it shows the menu in {shown(path)}, which is listed where it was first")
        return None
    run.budget.load(len(text))
    if place.spec.by is By.IMAGE and run.item is not None:
        what = f"what {shown(place.path)} says is taken from this root, as if it were"
        run.item.note(f"{what} {place.spec.words()}, where GRUB reads it")
    run.budget.step(1 + len(text) // 1000)
    head = "" if path.startswith("(") else f"({run.variables.get('root')})"
    return _File(name, (head + path).rpartition("/")[0], text)


def _is_endless(run: Run, name: str) -> bool:
    """Whether a file reads itself with nothing changed, or more often than any menu would."""
    before = [one for one in run.reading if one.name == name]
    if not before:
        return False
    run.budget.step(5 + len(run.variables.values) // 4)
    now = _settled(run.variables.values)
    return len(before) > _AGAIN or any(_settled(one.values) == now for one in before)


def _settled(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name not in _SHOWING}


def run_file(run: Run, name: str, folder: str, text: str) -> None:
    """Run a configuration file; ``config_directory`` is its folder while that lasts."""
    outer, reading = run.variables.values.get("config_directory"), run.reading
    run.reading = (*reading, Reading(name, dict(run.variables.values)))
    run.variables.set("config_directory", folder)
    run.file(text)
    run.reading = reading
    if outer is None:
        run.variables.unset("config_directory")
        run.variables.exported.add("config_directory")
    else:
        run.variables.set("config_directory", outer)


def _source(run: Run, words: Sequence[str]) -> Status:
    found = _read(run, words[0]) if len(words) == 1 else None
    if found is None:
        return None
    run_file(run, *found)
    return None


def _extract(run: Run, words: Sequence[str]) -> Status:
    """Take the entries of a file, which sees the variables and changes none."""
    outer, extracting = run.variables, run.extracting
    run.variables, run.extracting = outer.copy(), True
    status = _source(run, words)
    run.variables, run.extracting = outer, extracting
    return status


def _normal(run: Run, words: Sequence[str]) -> Status:
    path = words[0] if words else run.variables.get("prefix") + "/grub.cfg"
    found = _read(run, path, menu=True)
    if found is not None:
        run_file(run, *found)
    return None


def _configfile(run: Run, words: Sequence[str]) -> Status:
    """Show the menu of a file, which has variables of its own."""
    found = _read(run, words[0], menu=True) if len(words) == 1 else None
    if found is None:
        return None
    outer, items, item = run.variables, run.items, run.item
    inner: list[Item] = []
    default = ""
    run.variables, run.items = outer.inner(), inner
    run.item = None
    try:
        run_file(run, *found)
        default = run.variables.values.get("default", "")
        if item is None:
            run.budget.entries()
        show(run, inner, started_by_itself(run, inner, default))
    finally:
        run.variables, run.items, run.item = outer, items, item
        if item is None:
            run.nested.append((inner, default))
    if item is not None and inner:
        if item.children is None:
            item.children = inner
        else:
            item.children.extend(inner)
        item.default = default if is_known(default) else None
    return None


def show(run: Run, items: Sequence[Item], started: Collection[int] = ()) -> None:
    """Read the bodies of a menu's entries, each as if it were chosen now.

    Those in `started` are read in any case, of all others as many as are followed at most.
    """
    variables = run.variables
    state = (run.items, run.item, run.load, run.parameters, run.unsure)
    reading = run.reading
    flags = (run.may_have_returned, run.may_have_broken, run.unordered, run.by_itself)
    run.budget.deeper()
    for index, item in enumerate(items):
        wanted = run.followed < _FOLLOWED or index in started
        if wanted and item.bls is None and not item.read:
            item.read = True
            run.followed += 1
            depth = run.depth
            try:
                run.budget.step(5 + len(variables.values) // 8)
                run.variables = variables.copy()
                with run.budget.share():
                    run.by_itself = index in started
                    _choose(run, item)
            except WarmbootError as error:  # the rest of the menu is as good as it was
                run.depth = depth
                item.children, item.load = None, None
                item.doubt(f"cannot be followed: {error.message}")
            item.body = ""
    run.budget.depth -= 1
    run.variables, run.reading = variables, reading
    run.items, run.item, run.load, run.parameters, run.unsure = state
    run.may_have_returned, run.may_have_broken, run.unordered, run.by_itself = flags
    run.returning, run.breaks = False, 0


def take_unread(run: Run, items: Sequence[Item], why: str) -> None:
    """Take lines as they stand, as many as are followed at most; nothing in them is read."""
    for item in items:
        if item.bls is None and not item.read and run.followed < _FOLLOWED:
            item.read = True
            item.doubt(why)
            run.followed += 1


def started_by_itself(
    run: Run, items: Sequence[Item], default: str, fallback: str = ""
) -> set[int]:
    """Return the lines that GRUB may start by itself, as far as that is known before the entries
    behind a blscfg are; none in a menu that is not shown by itself."""
    if not (run.by_itself and is_known(default)):
        return set()
    rows = Expand()(items)
    first = index_of(rows, default, by_id=False)
    others = islice(fallbacks(rows, fallback), _FALLBACKS)
    return {index for index in (first, *others) if index is not None}


def _choose(run: Run, item: Item) -> None:
    outer = run.variables
    run.reading = item.reading
    _restrict(run, item)
    if item.children is not None:
        run.variables = outer.inner()
    above = outer.get("chosen")
    default = outer.get("default")
    key = escaped(item.key)
    run.variables.set("chosen", f"{above}>{key}" if above else key)
    run.variables.exported.add("chosen")
    tail = split(default)[1] if is_known(default) else default
    run.variables.unset("default")
    if tail:
        run.variables.set("default", tail)
    run.items = [] if item.children is None else item.children
    run.item, run.load, run.parameters = item, None, list(item.arguments)
    run.unsure = run.unordered = run.loops = run.breaks = 0
    run.may_have_returned = run.may_have_broken = run.returning = False
    run.status = 0
    run.budget.step(1 + len(item.body) // 1000)
    run.text(item.body[1:-1] + "\n")
    item.load = run.load
    if item.children is not None and item.default is None:
        value = run.variables.values.get("default", "")
        item.default = value if is_known(value) else None
        run.item = None
        show(run, item.children, started_by_itself(run, item.children, item.default or ""))
    elif item.children is None and run.items:  # lines that it adds show when it has run
        item.children = run.items
        item.default = ""
        show(run, item.children)


def _restrict(run: Run, item: Item) -> None:
    """Note who may start an entry: whoever has no password may where there are no superusers."""
    super_users = run.variables.get("superusers")
    if item.users is None or not super_users:
        return
    asked = run.variables.get("superusers") + " " + item.users
    names = dict.fromkeys(name for name in re.split(r"[ ,;|&\t]+", asked) if name)
    said = ", ".join(shown(name) for name in names)
    item.note(f"GRUB asks for a password before it starts this (users: {said})")


COMMANDS: dict[str, Handler] = {
    "menuentry": _menuentry,
    "submenu": _submenu,
    "source": _source,
    ".": _source,
    "normal": _normal,
    "configfile": _configfile,
    "extract_entries_source": _extract,
    "extract_entries_configfile": _configfile,
}
