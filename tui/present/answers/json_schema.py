"""All answers in JSON Schema (2020-12), made from what is declared of them. Nothing may be added
to an object, and nothing left out that is not optional."""

from __future__ import annotations

import json
from typing import Any, get_args, get_origin

from warmboot.core.hints import is_typeddict
from warmboot.tui.present.answers.declare import SCHEMA
from warmboot.tui.present.answers.registry import UNIONS, answers, objects, union_name
from warmboot.tui.present.answers.shape import (
    Field,
    documentation,
    fields_of,
    members,
    name_of,
    values_of,
)

_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}


def schema_text() -> str:
    """Return the file man/warmboot.schema.json."""
    return json.dumps(json_schema(), indent=1) + "\n"


def json_schema() -> dict[str, Any]:
    """Return the schema of all answers; those of each are among its definitions."""
    definitions = {name_of(shape): _object(shape) for shape in (*answers(), *objects())}
    for name, kind in UNIONS.items():
        definitions[name] = {"oneOf": [_reference(name_of(part)) for part in members(kind)[0]]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Answers of warmboot --json, version {SCHEMA}",
        "oneOf": [_reference(name_of(shape)) for shape in answers()],
        "$defs": definitions,
    }


def _object(shape: Any) -> dict[str, Any]:
    fields = fields_of(shape)
    return {
        "description": documentation(shape),
        "type": "object",
        "required": [field.name for field in fields if not field.optional],
        "properties": {field.name: _field(field) for field in fields},
        "additionalProperties": False,
    }


def _field(field: Field) -> dict[str, Any]:
    description = {"description": field.text}
    if not field.values:
        return {**description, **_kind(field.kind)}
    values: list[str | None] = list(field.values)
    nullable = members(field.kind)[1]
    return {**description, "enum": [*values, None] if nullable else values}


def _kind(kind: Any) -> dict[str, Any]:
    parts, nullable = members(kind)
    union = union_name(parts)
    options = [_reference(union)] if union else [_single(part) for part in parts]
    options += [{"type": "null"}] if nullable else []
    if len(options) == 1:
        return options[0]
    if all(option.keys() == {"type"} for option in options):
        return {"type": [option["type"] for option in options]}
    return {"anyOf": options}


def _single(kind: Any) -> dict[str, Any]:
    if is_typeddict(kind):
        return _reference(name_of(kind))
    if get_origin(kind) is list:
        return {"type": "array", "items": _kind(get_args(kind)[0])}
    if get_origin(kind) is dict:  # names that no declaration can know, each with a value of a type
        return {"type": "object", "additionalProperties": _kind(get_args(kind)[1])}
    values = values_of(kind)
    if values:
        return {"const": values[0]} if len(values) == 1 else {"enum": list(values)}
    return {"type": _TYPES[kind]}


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}
