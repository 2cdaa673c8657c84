"""Methods written for one class of values, as the standard library writes them for every class.

They take as long to compile as a hundred values take without them; core/values.py asks for them
where that many are made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def initializer(
    names: Iterable[str],
    positional: int,
    defaults: Mapping[str, object],
    factories: Mapping[str, Callable[[], object]],
) -> Callable[..., None]:
    """Return an __init__ with these parameters, those behind the first `positional` by name only.

    It sets the attributes whether the class lets others do so or not.
    """
    known: dict[str, Any] = {"_missing": object()}
    head, body = ["self"], [" _fields = self.__dict__"]
    for place, name in enumerate(names):
        value = name
        if place == positional:
            head.append("*")
        if name in factories:
            known[f"_make_{name}"] = factories[name]
            head.append(f"{name}=_missing")
            value = f"_make_{name}() if {name} is _missing else {name}"
        elif name in defaults:
            known[f"_default_{name}"] = defaults[name]
            head.append(f"{name}=_default_{name}")
        else:
            head.append(name)
        body.append(f" _fields[{name!r}] = {value}")
    return _compiled("__init__", head, body, known)


def maker(names: Iterable[str], defaults: Mapping[str, object]) -> Callable[..., Any]:
    """Return a __new__ that makes a tuple of these parameters."""
    known: dict[str, Any] = {"_new": tuple.__new__}
    known |= {f"_default_{name}": value for name, value in defaults.items()}
    head = [f"{name}=_default_{name}" if name in defaults else name for name in names]
    inside = "".join(f"{name}, " for name in names)
    return _compiled("__new__", ["_kind", *head], [f" return _new(_kind, ({inside}))"], known)


def _compiled(
    name: str, head: Iterable[str], body: Iterable[str], known: dict[str, Any]
) -> Callable[..., Any]:
    """Return a function; the names in it are those of fields, which are identifiers."""
    exec("\n".join((f"def {name}({', '.join(head)}):", *body)), known)
    made: Callable[..., Any] = known[name]
    return made
