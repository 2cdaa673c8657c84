"""Values: classes made of fields, which cost next to nothing until they are used.

`dataclass`, `field`, `fields`, `replace`, `asdict`, `MISSING` and `NamedTuple` mean here what they
mean in the standard library, and a type checker takes them for those. The standard ones write and
compile the methods of a class when its module is imported: 0.95 and 0.16 ms for each (Python 3.11;
a class by itself takes 0.01), which was half of what a command took to start. Here all values
share a few methods that go through the names of their fields.

What warmboot does not use is not there: ``__post_init__``, ``InitVar``, ``order`` and the like. Nor
are ``slots``, for which a class is made twice.
A module with values says ``from __future__ import annotations``.
"""

from __future__ import annotations

from _collections import _tuplegetter  # type: ignore[import-not-found]
from collections.abc import Callable, Iterable

from warmboot.core.hints import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from dataclasses import MISSING, asdict, dataclass, field, fields, replace
    from typing import NamedTuple

__all__ = ("MISSING", "NamedTuple", "asdict", "dataclass", "field", "fields", "replace")


class _Missing:
    """What stands for a default where there is none."""


class _Field:
    """One field of a dataclass: its name, its type as it is written, and its default."""

    __slots__ = ("default", "default_factory", "kw_only", "name", "repr", "type")

    def __init__(
        self,
        default: object = _Missing,
        *,
        default_factory: Callable[[], object] | None = None,
        repr: bool = True,  # noqa: A002 - as the standard one calls it
    ) -> None:
        self.default = default
        self.default_factory = default_factory
        self.repr = repr
        self.name = self.type = ""
        self.kw_only = False


class _Layout:
    """The fields of a dataclass: how each is declared, and the order in which they are passed."""

    __slots__ = ("declared", "defaults", "later", "made", "names", "positional")

    def __init__(
        self, declared: dict[str, str], defaults: dict[str, object], later: frozenset[str]
    ) -> None:
        self.declared = declared  # name: type, as they are written
        self.defaults = defaults  # those that have one, or what `field` returned
        self.later = later  # by name only
        self.names = tuple(sorted(declared, key=later.__contains__) if later else declared)
        self.positional = len(declared) - len(later)
        self.made = 0

    def field(self, name: str) -> _Field:
        """Return all that is declared of a field."""
        default = self.defaults.get(name, _Missing)
        one = default if type(default) is _Field else _Field(default)
        one.name, one.type, one.kw_only = name, self.declared[name], name in self.later
        return one

    def fields(self) -> tuple[_Field, ...]:
        """Return all fields, in the order in which they are declared."""
        return tuple([self.field(name) for name in self.declared])

    def default(self, name: str) -> object:
        """Return the default of a field; raise KeyError where it has none."""
        default = self.defaults[name]
        if type(default) is not _Field:
            return default
        if default.default_factory is not None:
            return default.default_factory()
        if default.default is _Missing:
            raise KeyError(name)
        return default.default


def _bind(
    what: str,
    names: tuple[str, ...],
    positional: int,
    default: Callable[[str], object],
    given: tuple[object, ...],
    named: dict[str, object],
) -> list[object]:
    """Return a value for each name; `default` raises KeyError for those that have to be given."""
    if len(given) > positional:
        raise TypeError(f"{what}() takes {positional} positional arguments, not {len(given)}")
    found = list(given)
    for name in names[len(given) :]:
        try:
            found.append(named.pop(name) if name in named else default(name))
        except KeyError:
            raise TypeError(f"{what}() is missing the argument {name!r}") from None
    for name in named:
        raise TypeError(f"{what}() got an unexpected argument, or a second one: {name!r}")
    return found


class _Standard:
    """The fields as ``dataclasses`` knows them, for those who ask by its means."""

    def __get__(self, _: object, owner: type) -> dict[str, object]:
        import dataclasses

        found: dict[str, object] = {}
        for one in _layout(owner).fields():
            given: Any = {"repr": one.repr, "kw_only": one.kw_only}
            if one.default_factory is not None:
                given["default_factory"] = one.default_factory
            elif one.default is not _Missing:
                given["default"] = one.default
            made: Any = dataclasses.field(**given)
            made.name, made.type, made._field_type = one.name, one.type, dataclasses._FIELD  # type: ignore[attr-defined]
            found[one.name] = made
        return found


_LAYOUT = "_values_layout"
_OFTEN = 100  # values: to compile a method takes as long as to make so many without it
_STANDARD = _Standard()
_set = object.__setattr__


def _layout(kind: type) -> _Layout:
    found: _Layout = kind._values_layout  # type: ignore[attr-defined]
    return found


def _values(value: object) -> tuple[object, ...]:
    return tuple([getattr(value, name) for name in _layout(type(value)).declared])


def _fixed(value: object, name: str) -> bool:
    """Whether nobody may set this attribute of a frozen value."""
    return _LAYOUT in type(value).__dict__ or name in _layout(type(value)).declared


class _Methods:
    """What dataclasses share. It is put into each, as the standard library does; not inherited."""

    def __init__(self, *given: object, **named: object) -> None:
        layout: _Layout = self._values_layout  # type: ignore[attr-defined]
        layout.made += 1
        if layout.made == _OFTEN:
            _specialize(type(self), layout)
        names = layout.names
        values: Iterable[object] = given
        if named or not len(given) == len(names) == layout.positional:
            what = type(self).__qualname__
            values = _bind(what, names, layout.positional, layout.default, given, named)
        for name, value in zip(names, values, strict=True):
            _set(self, name, value)

    def __repr__(self) -> str:
        shown = (one.name for one in _layout(type(self)).fields() if one.repr)
        inside = ", ".join([f"{name}={getattr(self, name)!r}" for name in shown])
        return f"{type(self).__qualname__}({inside})"

    def __eq__(self, other: object) -> bool:
        return _values(self) == _values(other) if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash(_values(self))

    def __setattr__(self, name: str, value: object) -> None:
        if _fixed(self, name):
            raise AttributeError(f"cannot assign to field {name!r}")
        _set(self, name, value)

    def __delattr__(self, name: str) -> None:
        if _fixed(self, name):
            raise AttributeError(f"cannot delete field {name!r}")
        object.__delattr__(self, name)


def _specialize(kind: type, layout: _Layout) -> None:
    """Give a class that many values are made of a method __init__ of its own, which is quick."""
    from warmboot.core.quick_methods import initializer

    owner = next(one for one in kind.__mro__ if one.__dict__.get(_LAYOUT) is layout)
    if owner.__dict__["__init__"] is _Methods.__init__:
        rows = layout.fields()
        factories = {it.name: it.default_factory for it in rows if it.default_factory}
        defaults = {it.name: it.default for it in rows if it.default is not _Missing}
        made = initializer(layout.names, layout.positional, defaults, factories)
        type.__setattr__(owner, "__init__", made)


_ALWAYS = ("__init__", "__repr__", "__eq__")
_FROZEN = ("__setattr__", "__delattr__", "__hash__")


def _methods(names: Iterable[str]) -> dict[str, object]:
    return {name: _Methods.__dict__[name] for name in names} | {"__dataclass_fields__": _STANDARD}


_PLAIN_METHODS = _methods(_ALWAYS) | {"__hash__": None}
_FROZEN_METHODS = _methods(_ALWAYS + _FROZEN)


def _dataclass(
    plain: type | None = None, /, *, frozen: bool = False, kw_only: bool = False
) -> type | Callable[[type], type]:
    """Make a class of fields of one that declares them; without one, return what does so."""
    methods = _FROZEN_METHODS if frozen else _PLAIN_METHODS

    def make(cls: type) -> type:
        own = [name for name, hint in cls.__annotations__.items() if hint[:8] != "ClassVar"]
        layout = _laid_out(cls, own, kw_only)
        for name, method in methods.items():
            if name not in cls.__dict__:
                setattr(cls, name, method)
        for name in own:
            default = layout.defaults.get(name)
            if type(default) is _Field:
                delattr(cls, name)
                if default.default is not _Missing:
                    setattr(cls, name, default.default)
        setattr(cls, "__match_args__", layout.names[: layout.positional])  # noqa: B010
        setattr(cls, _LAYOUT, layout)
        return cls

    return make if plain is None else make(plain)


def _laid_out(cls: type, own: list[str], kw_only: bool) -> _Layout:
    """Return the fields that a class inherits, and its `own`."""
    declared: dict[str, str] = {}
    defaults: dict[str, object] = {}
    later: frozenset[str] = frozenset()
    for base in cls.__mro__[:0:-1]:
        inherited: _Layout | None = base.__dict__.get(_LAYOUT)
        if inherited is not None:
            declared |= inherited.declared
            defaults |= inherited.defaults
            later |= inherited.later
    space = cls.__dict__
    for name in own:
        declared[name] = cls.__annotations__[name]
        defaults.pop(name, None)
        if name in space:
            defaults[name] = space[name]
    return _Layout(declared, defaults, later.union(own) if kw_only else later.difference(own))


def _replace(value: object, /, **changes: object) -> object:
    """Return the same value with other fields."""
    names, kept = _layout(type(value)).declared, value.__dict__
    if len(kept) != len(names):  # it keeps more, what was asked of it before
        kept = {name: getattr(value, name) for name in names}
    return type(value)(**{**kept, **changes})


def _asdict(value: object) -> dict[str, object]:
    """Return the fields by name; dataclasses among them as well, and in what holds them."""
    return {name: _plain(getattr(value, name)) for name in _layout(type(value)).declared}


def _plain(value: object) -> object:
    if hasattr(type(value), _LAYOUT):
        return _asdict(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        kind: Any = type(value)
        items = [_plain(item) for item in value]
        return kind(*items) if hasattr(kind, "_fields") else kind(items)
    return value


class _NamedTuples(type):
    """Makes a tuple with named fields of a class that declares them."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> Any:
        if type(bases[0]) is cls and not bases[0]._fields:  # type: ignore[attr-defined]
            names = tuple(namespace.get("__annotations__", ()))
            namespace["_field_defaults"] = {n: namespace[n] for n in names if n in namespace}
            namespace["_fields"] = namespace["__match_args__"] = names
            namespace["__slots__"] = ()
            for place, field_name in enumerate(names):
                namespace[field_name] = _tuplegetter(place, "")
        return type.__new__(cls, name, bases, namespace)


class _NamedTuple(tuple[object, ...], metaclass=_NamedTuples):
    """What tuples with named fields share."""

    __slots__ = ()
    _fields: tuple[str, ...] = ()
    _field_defaults: dict[str, object] = {}
    _made = 0

    def __new__(cls, *given: object, **named: object) -> Self:
        cls._made += 1
        if cls._made == _OFTEN:
            from warmboot.core.quick_methods import maker

            cls.__new__ = maker(cls._fields, cls._field_defaults)  # type: ignore[method-assign]
        if not named and len(given) == len(cls._fields):
            return tuple.__new__(cls, given)
        default = cls._field_defaults.__getitem__
        names = cls._fields
        return tuple.__new__(cls, _bind(cls.__qualname__, names, len(names), default, given, named))

    @classmethod
    def _make(cls, values: Iterable[object]) -> Self:
        return cls(*values)

    def _asdict(self) -> dict[str, object]:
        return dict(zip(self._fields, self, strict=True))

    def _replace(self, /, **changes: object) -> Self:
        made = self._make(map(changes.pop, self._fields, self))
        if changes:
            raise ValueError(f"Got unexpected field names: {list(changes)}")
        return made

    def __repr__(self) -> str:
        inside = ", ".join([f"{name}={value!r}" for name, value in self._asdict().items()])
        return f"{type(self).__name__}({inside})"

    def __getnewargs__(self) -> tuple[object, ...]:
        return tuple(self)


if not TYPE_CHECKING:
    MISSING, NamedTuple = _Missing, _NamedTuple
    asdict, dataclass, field, replace = _asdict, _dataclass, _Field, _replace

    def fields(kind):
        return _layout(kind if isinstance(kind, type) else type(kind)).fields()
