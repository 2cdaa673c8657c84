"""Answers in JSON, held against the schema that the manual comes with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
from jsonschema.exceptions import best_match

MANUAL = Path(__file__).parent.parent.parent / "man"
SCHEMA = json.loads((MANUAL / "warmboot.schema.json").read_text())
_VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def check(answer: object) -> None:
    """Fail where an answer is not as the schema says."""
    error = best_match(_VALIDATOR.iter_errors(answer))
    assert error is None, f"{error.json_path}: {error.message}"


def check_object(name: str, value: object) -> None:
    """Fail where a part of an answer is not what the schema calls `name`."""
    definition = {"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]}
    jsonschema.validate(value, definition)


def worst_findings(answer: Any) -> dict[str, Any]:
    """Return a finding of each check in an answer of doctor: one that did not pass, if any."""
    found: dict[str, Any] = {}
    for one in answer["findings"]:
        if one["check"] not in found or one["verdict"] != "pass":
            found[one["check"]] = one
    return found


def only_document(text: str) -> Any:
    """Return the one JSON document that was printed; fail where there are more or none."""
    answer, end = json.JSONDecoder().raw_decode(text)
    assert text[end:].strip() == "", "more than one document"
    check(answer)
    return answer
