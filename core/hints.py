"""Words of type hints, for annotations and base classes: to a type checker those of ``typing``.

Loading ``typing`` takes 2.5 ms, a fifth of what Python itself takes to start; hints mean nothing to
a program that runs. Where they are asked for in earnest (warmboot.tui.present.answers), it is used.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import (
        IO,
        Annotated,
        Any,
        ClassVar,
        Final,
        Generic,
        Literal,
        NoReturn,
        Protocol,
        Self,
        TextIO,
        TypedDict,
        TypeVar,
        cast,
        is_typeddict,
    )
else:
    IO = Annotated = Any = ClassVar = Final = Literal = NoReturn = Protocol = Self = TextIO = object

    class Generic:
        """A base class: which types it is made for is not kept."""

        __slots__ = ()
        __class_getitem__ = classmethod(lambda cls, _: cls)

    class _Shapes(type):
        """Makes shapes of dictionaries: what they hold is read of their annotations."""

        def __new__(cls, name, bases, namespace, total=True):
            """Keep the fields in their order, and which of them a dictionary may lack."""
            made = super().__new__(cls, name, bases, namespace)
            own = tuple(namespace.get("__annotations__", ()))
            above = [base for base in bases if isinstance(base, _Shapes)]
            made.__fields__ = (*(field for base in above for field in base.__fields__), *own)
            optional = (field for base in above for field in base.__optional_keys__)
            made.__optional_keys__ = frozenset((*optional, *(() if total else own)))
            return made

        def __call__(cls, *given, **named):
            """Return a dictionary."""
            return dict(*given, **named)

    class TypedDict(metaclass=_Shapes):
        """A dictionary of a shape."""

    def is_typeddict(kind):
        """Whether a type is the shape of a dictionary."""
        return isinstance(kind, _Shapes)

    def TypeVar(name, **_):  # noqa: N802
        """Return something that stands for a type."""
        return name

    def cast(_, value):
        """Return the value as it is."""
        return value


__all__ = (
    "IO",
    "TYPE_CHECKING",
    "Annotated",
    "Any",
    "ClassVar",
    "Final",
    "Generic",
    "Literal",
    "NoReturn",
    "Protocol",
    "Self",
    "TextIO",
    "TypeVar",
    "TypedDict",
    "cast",
    "is_typeddict",
)
