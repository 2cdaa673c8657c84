"""The fields of all answers in mdoc(7), made for warmboot-json(5) from what is declared of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args, get_origin

from warmboot.core.hints import is_typeddict
from warmboot.tui.present.answers.declare import Answer
from warmboot.tui.present.answers.registry import ANSWERS, OTHERS, UNIONS, objects, union_name
from warmboot.tui.present.answers.shape import (
    Field,
    documentation,
    fields_of,
    members,
    name_of,
    values_of,
)

_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}
_EVERYWHERE = {field.name for field in fields_of(Answer)} | {"command"}


def answers_text() -> str:
    """Return the sections about the answers, and about the objects in them."""
    lines = [".Sh ANSWERS"]
    for command, shapes in (*ANSWERS.items(), *((name, (one,)) for name, one in OTHERS.items())):
        lines.append(f".Ss {command}")
        for number, shape in enumerate(shapes):
            lines += [".Pp"] if number else []
            own = (field for field in fields_of(shape) if field.name not in _EVERYWHERE)
            lines += [_mdoc(documentation(shape)), *_list(own)]
    lines += [".Sh OBJECTS", "What stands in the answers, by name."]
    forms = {part for kind in UNIONS.values() for part in members(kind)[0]}
    described = {
        name_of(shape): [_mdoc(documentation(shape)), *_list(fields_of(shape))]
        for shape in objects()
        if shape not in forms
    }
    described |= {name: _union(name) for name in UNIONS}
    for name in sorted(described):
        lines += [f".Ss {name}", *described[name]]
    return "\n".join(lines) + "\n"


def _union(name: str) -> list[str]:
    """Describe what comes in several forms: what all have, then what each adds."""
    forms = {_format(shape): fields_of(shape) for shape in members(UNIONS[name])[0]}
    shapes = {_format(shape): shape for shape in members(UNIONS[name])[0]}
    if name != "image":
        return ["An", ".Sx image", _mdoc(f"with one of these formats: {_quoted(forms)}.")]
    first, *others = forms.values()
    shared = [one for one in first if all(one.name in _names(fields) for fields in others)]
    shared.sort(key=lambda field: field.name != "format")
    lines = ["What is known of an image by its header.", *_list(shared)]
    for form, fields in forms.items():
        lines += [".Pp", "With the format", f".Dq {form} :", _mdoc(documentation(shapes[form]))]
        lines += _list(field for field in fields if field.name not in _names(shared))
    return lines


def _format(shape: Any) -> str:
    return values_of(next(field.kind for field in fields_of(shape) if field.name == "format"))[0]


def _names(fields: Iterable[Field]) -> set[str]:
    return {field.name for field in fields}


def _list(fields: Iterable[Field]) -> list[str]:
    """Describe fields in a list; none where there are none."""
    lines = []
    for field in fields:
        optional = " , optional" if field.optional else ""
        lines.append(f".It Li {field.name} Pq {_phrase(field.kind)}{optional}")
        lines.append(_sentence(field.text))
        values = field.values or _closed_set(field.kind)
        if values:
            lines.append(_mdoc(f"One of {_quoted(values)}."))
    return [".Bl -tag -width Ds", *lines, ".El"] if lines else []


def _closed_set(kind: Any) -> tuple[str, ...]:
    """Return the values of a type that is one closed set, or null; () for any other."""
    parts, _ = members(kind)
    values = values_of(parts[0]) if len(parts) == 1 else ()
    return values if len(values) > 1 else ()


def _phrase(kind: Any) -> str:
    """Return a type as arguments of a macro."""
    parts, nullable = members(kind)
    union = union_name(parts)
    words = [f"Sx {union} No"] if union else [_single(part) for part in parts]
    return " or ".join([*words, "null"] if nullable else words).removesuffix(" No")


def _single(kind: Any) -> str:
    if is_typeddict(kind):
        return f"Sx {name_of(kind)} No"
    if get_origin(kind) is list:
        return f"list of {_phrase(get_args(kind)[0])} No".replace("string No", "strings")
    if get_origin(kind) is dict:
        return "object of strings"
    return "string" if values_of(kind) else _TYPES[kind]


def _quoted(values: Iterable[str]) -> str:
    return ", ".join(f'"{value}"' for value in values)


def _sentence(text: str) -> str:
    return _mdoc(f"{text[0].upper()}{text[1:]}.")


def _mdoc(text: str) -> str:
    """Return text as lines of mdoc(7), each sentence on its own."""
    lines = text.replace("\\", "\\e").replace(". ", ".\n").splitlines()
    return "\n".join(f"\\&{line}" if line.startswith((".", "'")) else line for line in lines)
