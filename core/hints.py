"""Words of type hints, for annotations and base classes: to a type checker those of ``typing``.

Loading ``typing`` takes 2.5 ms, a fifth of what Python itself takes to start; hints mean nothing to
a program that runs. Where they are asked for in earnest (warmboot.tui.present.answers), it is used.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import (
        IO,
        Any,
        ClassVar,
        Final,
        Generic,
        NoReturn,
        Protocol,
        Self,
        TextIO,
        TypedDict,
        TypeVar,
        cast,
    )
else:
    IO = Any = ClassVar = Final = NoReturn = Protocol = Self = TextIO = object
    TypedDict = dict

    class Generic:
        """A base class: which types it is made for is not kept."""

        __slots__ = ()
        __class_getitem__ = classmethod(lambda cls, _: cls)

    def TypeVar(name, **_):  # noqa: N802
        """Return something that stands for a type."""
        return name

    def cast(_, value):
        """Return the value as it is."""
        return value


__all__ = (
    "IO",
    "TYPE_CHECKING",
    "Any",
    "ClassVar",
    "Final",
    "Generic",
    "NoReturn",
    "Protocol",
    "Self",
    "TextIO",
    "TypeVar",
    "TypedDict",
    "cast",
)
