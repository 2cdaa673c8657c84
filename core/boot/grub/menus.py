"""Commands that add lines to a menu, or read more of a configuration."""

from __future__ import annotations

from collections.abc import Sequence

from warmboot.core.boot.grub.default import escaped, split
from warmboot.core.boot.grub.entry import BlsRequest, Item
from warmboot.core.boot.grub.files import UndecidedError
from warmboot.core.boot.grub.options import parse_options
from warmboot.core.boot.grub.run import Handler, Run
from warmboot.core.boot.grub.state import Status
from warmboot.core.boot.grub.values import is_known, shown, unknown_names
from warmboot.core.errors import WarmbootError

_ITEMS = 2000
_INCLUDES = 500
_BAD_ARGUMENT = 18
_NO_FILE = 15


def _add(run: Run, item: Item) -> None:
    run.added += 1
    if run.added > _ITEMS:
        raise WarmbootError(f"The GRUB configuration has more than {_ITEMS} entries")
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
        arguments, body = options.words, source
    elif block.startswith("{") and block.endswith("}"):
        body = block[1:-1]
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
    lost = unknown_names(arguments[0])
    if lost:
        item.note(f"GRUB decides {', '.join(lost)} of its title when it runs")
    _add(run, item)
    return 0


def _menuentry(run: Run, words: Sequence[str]) -> Status:
    return _entry(run, words, submenu=False)


def _submenu(run: Run, words: Sequence[str]) -> Status:
    return _entry(run, words, submenu=True)


def _read(run: Run, path: str, *, menu: bool = False) -> tuple[str, str] | None:
    """Return a file's folder and text, None where there is none or only GRUB knows."""
    run.included += 1
    if run.included > _INCLUDES:
        raise WarmbootError("The GRUB configuration includes too many files")
    try:
        place = run.place(path)
        text = run.files.read(place, menu=menu)
    except UndecidedError as error:
        if run.item is not None:
            run.item.doubt(f"it reads {shown(path)}, and where that lies cannot be told: {error}")
        return None
    if text is None:
        return None
    run.budget.load(len(text))
    run.budget.step(1 + len(text) // 1000)
    head = "" if path.startswith("(") else f"({run.variables.get('root')})"
    return (head + path).rpartition("/")[0], text


def run_file(run: Run, folder: str, text: str) -> None:
    """Run a configuration file; ``config_directory`` is its folder while that lasts."""
    outer = run.variables.values.get("config_directory")
    run.variables.set("config_directory", folder)
    run.file(text)
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
    run.variables, run.items = outer.inner(), []
    run.item = None
    run_file(run, *found)
    inner, default = run.items, run.variables.values.get("default", "")
    show(run, inner)
    run.variables, run.items, run.item = outer, items, item
    if item is None:
        run.nested.append((inner, default))
    elif inner:
        if item.children is None:
            item.children = inner
        else:
            item.children.extend(inner)
        item.default = default if is_known(default) else None
    return None


def show(run: Run, items: Sequence[Item]) -> None:
    """Read the bodies of a menu's entries, each as if it were chosen now."""
    variables = run.variables
    state = (run.items, run.item, run.load, run.parameters, run.unsure)
    flags = (run.may_have_returned, run.may_have_broken, run.unordered)
    run.budget.deeper()
    for item in items:
        if item.bls is None and not item.read:
            item.read = True
            run.budget.step(5 + len(variables.values) // 8)
            run.variables = variables.copy()
            _choose(run, item)
    run.budget.depth -= 1
    run.variables = variables
    run.items, run.item, run.load, run.parameters, run.unsure = state
    run.may_have_returned, run.may_have_broken, run.unordered = flags
    run.returning, run.breaks = False, 0


def _choose(run: Run, item: Item) -> None:
    outer = run.variables
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
    run.text(item.body + "\n")
    item.load = run.load
    if item.children is not None and item.default is None:
        value = run.variables.values.get("default", "")
        item.default = value if is_known(value) else None
        run.item = None
        show(run, item.children)
    elif item.children is None and run.items:  # lines that it adds show when it has run
        item.children = run.items
        item.default = ""
        show(run, item.children)


def _blscfg(run: Run, words: Sequence[str]) -> Status:
    """Show boot loader entries: all, those of a folder or file, the default or all others."""
    options = parse_options(
        words,
        ("path", "entry"),
        ("enable-fallback", "show-default", "show-non-default"),
        {"p": "path", "e": "entry", "f": "enable-fallback", "d": "show-default",
         "n": "show-non-default"},
        lenient=True,
    )  # fmt: skip
    words = [] if options is None else options.words
    which, path = "all", run.variables.get("blsdir")
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
    _add(run, Item("blscfg", bls=BlsRequest(dict(run.variables.values), place, which)))
    return 0


COMMANDS: dict[str, Handler] = {
    "menuentry": _menuentry,
    "submenu": _submenu,
    "source": _source,
    ".": _source,
    "normal": _normal,
    "configfile": _configfile,
    "extract_entries_source": _extract,
    "extract_entries_configfile": _configfile,
    "blscfg": _blscfg,
    "bls_import": _blscfg,
}
