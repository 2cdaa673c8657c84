"""Every key, once: bindings, the line of keys at the bottom, and the help screen come from here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from textual.binding import Binding, BindingType
from textual.keys import _character_to_key, format_key

from warmboot.core.values import dataclass

#: What to call each screen.
SCREENS = {
    "entries": "The list",
    "inside": "Inside an entry",
    "plan": "The plan",
    "checks": "The checks of a plan",
    "doctor": "Doctor",
    "history": "History",
    "log": "Log",
    "record": "The record of a step",
}


@dataclass(frozen=True)
class Action:
    """One thing the operator can do. `shown` keys stand in the bottom line of their screens."""

    id: str
    keys: str
    key_name: str
    label: str
    tip: str
    screens: tuple[str, ...]
    shown: bool = True
    typing: bool = False  # works while text is being typed, too
    program: bool = False  # is the program's, not the screen's


ACTIONS = (
    Action("plan", "", "Enter", "Plan", "see what loading this entry would do", ("entries",)),
    Action(
        "compare", "c", "c", "Compare", "how this kernel differs from the running one", ("entries",)
    ),
    Action("inside", "i", "i", "Inside", "details, initrd, PE headers, checks", ("entries",)),
    Action(
        "show", "space", "Space", "Details", "show the details, on a slow line", ("entries",), False
    ),
    Action(
        "open_kernel", "n", "n", "Kernel", "plan a kernel given by its path", ("entries",), False
    ),
    Action("execute", "x", "x", "Restart", "restart into what is staged", ("entries",), False),
    Action(
        "trial",
        "t",
        "t",
        "Trial",
        "restart on trial: it goes back unless confirmed",
        ("entries", "plan"),
        False,
    ),
    Action("keep", "y", "y", "Keep", "keep the system that is on trial", ("entries",), False),
    Action(
        "revert",
        "b",
        "b",
        "Go back",
        "end the trial: restart into the system before",
        ("entries",),
        False,
    ),
    Action("unload", "u", "u", "Unload", "unload what is staged", ("entries",), False),
    Action("filter", "slash", "/", "Find", "find entries by the words in them", ("entries",)),
    Action(
        "clear_filter",
        "escape",
        "Esc",
        "Show all",
        "show all entries again",
        ("entries",),
        False,
        True,
    ),
    Action("doctor", "d", "d", "Doctor", "check this machine", ("entries",)),
    Action("history", "h", "h", "History", "what was done here, and what came of it", ("entries",)),
    Action("log", "l", "l", "Log", "what the kernel and warmboot logged", ("entries",), False),
    Action(
        "cancel_restart",
        "z",
        "z",
        "Cancel restart",
        "cancel a scheduled restart",
        ("entries",),
        False,
    ),
    Action(
        "report", "f10", "F10", "Report", "write evidence for a bug report", ("entries",), False
    ),
    Action("refresh", "r", "r", "Refresh", "look for images again", ("entries",), False),
    Action("leave", "q,ctrl+c", "q", "Quit", "leave warmboot", ("entries",)),
    Action("tab", "", "1-5", "Tabs", "show a tab; Tab and arrows turn to the next", ("inside",)),
    Action("find", "slash", "/", "Find", "find a line by the words in it", ("inside",)),
    Action("next", "n", "n", "Next", "go to the next line found", ("inside",)),
    Action("previous", "N", "N", "Previous", "go to the line found before", ("inside",), False),
    Action("stage", "s", "s", "Stage", "load it; the running system goes on", ("plan",)),
    Action(
        "stage_now",
        "f2,ctrl+s",
        "F2",
        "Stage",
        "load it, from the editor",
        ("plan",),
        shown=False,
        typing=True,
    ),
    Action("edit", "e", "e", "Edit", "edit the command line", ("plan",)),
    Action("initrd", "i", "i", "Initrd", "choose other initrds, or none", ("plan",)),
    Action(
        "preset", "p", "1-9", "Presets", "describe presets (also p), apply or remove one", ("plan",)
    ),
    Action("running", "r", "r", "Running", "use the running kernel's command line", ("plan",)),
    Action("original", "o", "o", "Original", "restore the first command line", ("plan",), False),
    Action(
        "undo",
        "u",
        "u",
        "Undo",
        "undo the last change of the line (Ctrl+Z while typing)",
        ("plan",),
        False,
    ),
    Action("why", "w", "w", "Why", "what staging will do, and why this way", ("plan",), False),
    Action("checks", "v", "v", "Checks", "every check, explained", ("plan",)),
    Action("force", "f", "f", "Force", "overrule a check that fails", ("plan",), False),
    Action("again", "r", "r", "Again", "look again at the machine", ("doctor", "log")),
    Action(
        "open",
        "",
        "Enter",
        "Open",
        "show the record; fold and unfold",
        ("checks", "doctor", "history"),
    ),
    Action(
        "complete",
        "",
        "Tab",
        "Complete",
        "complete a word of the command line",
        ("plan",),
        shown=False,
        typing=True,
    ),
    Action(
        "back",
        "escape",
        "Esc",
        "Back",
        "leave the editor, or this screen",
        ("plan", "inside", "record", "checks", "doctor", "history", "log"),
        typing=True,
    ),
    Action(
        "help",
        "question_mark,f1",
        "?",
        "Help",
        "all keys and marks",
        ("entries", "inside", "plan", "checks", "doctor", "history", "log"),
    ),
    Action(
        "palette",
        "ctrl+p",
        "Ctrl+P",
        "Palette",
        "find an action by its name; choose a theme",
        ("entries", "inside", "plan", "checks", "doctor", "history", "log"),
        shown=False,
        typing=True,
        program=True,
    ),
)

#: Keys that must not act while text is being typed.
NOT_WHILE_TYPING = frozenset(action.id for action in ACTIONS if not action.typing)


#: What the keys of actions are where the operator chose others: ``entries.doctor`` is ``D``.
_chosen: dict[str, str] = {}


def use_keys(chosen: Mapping[str, str]) -> None:
    """Name these keys in lines and helps from now on; once, when the program starts."""
    _chosen.clear()
    _chosen.update(chosen)


def keys_of(names: Iterable[str]) -> str:
    """Return keys as Textual names them, with commas between: ``?`` is question_mark."""
    return ",".join(_character_to_key(name) if len(name) == 1 else name for name in names)


def _name(screen: str, action: Action) -> str:
    """Return what an action's key is called on a screen."""
    key = _chosen.get(f"{screen}.{action.id}")
    return action.key_name if key is None else format_key(key.partition(",")[0])


def key_of(screen: str, name: str) -> str:
    """Return what the key of an action is called on a screen."""
    return next(_name(screen, action) for action in ACTIONS if action.id == name)


def bindings(screen: str) -> list[BindingType]:
    """Return the key bindings of a screen.

    They have priority, so that keys act in the order they were typed, however fast: what is
    typed behind the key that opens an editor goes into the editor.
    """
    return [
        Binding(
            action.keys,
            f"app.{action.id}" if action.program else action.id,
            action.label,
            id=f"{screen}.{action.id}",
            priority=True,
        )
        for action in ACTIONS
        if screen in action.screens and action.keys
    ]


def key_line(
    screen: str, *, typing: bool = False, first: tuple[str, ...] = (), width: int = 1000
) -> str:
    """Return the line of keys at the bottom of a screen; while typing, other keys are letters.

    The actions `first` stand before all others; the last ones but the help give way where there is
    no room.
    """
    own = [action for action in ACTIONS if screen in action.screens]
    named = [action for action in own if action.id in first]
    if typing:
        shown = [action for action in own if action.typing]
    else:
        shown = [*named, *(action for action in own if action.shown and action not in named)]
    names = [f"{_name(screen, action)} {action.label}" for action in shown]
    gives_way = [n for n, action in zip(names, shown, strict=True) if action.id != "help"]
    while gives_way and len("  ".join(names)) > width:
        names.remove(gives_way.pop())
    return "  ".join(names)


def help_rows(screen: str) -> list[tuple[str, str]]:
    """Return key and meaning of every action of a screen, for its help."""
    return [(_name(screen, action), action.tip) for action in ACTIONS if screen in action.screens]


def palette_rows(screen: str) -> list[tuple[str, str, str]]:
    """Return id, description and key of every action of a screen that a palette can start."""
    return [
        (action.id, f"{action.label}: {action.tip}", _name(screen, action))
        for action in ACTIONS
        if screen in action.screens and action.keys and not action.typing
    ]
