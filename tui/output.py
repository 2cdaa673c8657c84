"""What commands print: one JSON envelope for programs, plain lines for people."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from warmboot.core.images import BootImage, Fact
from warmboot.core.kexec import Machine
from warmboot.tui.schema import SCHEMA


def write_json(command: str, machine: Machine | None, fields: dict[str, Any]) -> None:
    """Print one JSON answer; see warmboot-json(5)."""
    simulated = machine is not None and machine.simulated
    answer = {"schema": SCHEMA, "command": command, "simulated": simulated}
    sys.stdout.write(json.dumps({**answer, **plain(fields)}, indent=2) + "\n")


def plain(value: Any) -> Any:
    """Return `value` in JSON's own types: dataclasses become objects, paths and enums text."""
    if isinstance(value, BootImage):
        return {"format": value.format.value, **_fields(value)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _fields(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    return value


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}


def write_lines(lines: Iterable[str]) -> None:
    """Print lines."""
    for line in lines:
        sys.stdout.write(line + "\n")


def write_facts(facts: Iterable[Fact]) -> None:
    """Print label and value columns."""
    rows = list(facts)
    width = max((len(fact.label) for fact in rows), default=0)
    write_lines(f"{fact.label:<{width}}  {fact.value}".rstrip() for fact in rows)


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows in aligned columns, the last column as long as it is."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths[-1:] = [0]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def banner(machine: Machine) -> None:
    """Say on stderr that a machine is simulated, before anything else."""
    if machine.simulated:
        sys.stderr.write("simulated machine: nothing here touches the real kernel\n")
