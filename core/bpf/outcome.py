"""What comes of running a parser: the commands for the kernel, or why there are none."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from warmboot.core.bpf.abi import Command


class Refusal(IntEnum):
    """Why a parser gives up; the numbers of the enumeration in source/parse.h."""

    NO_IMAGE = 1
    TOO_SHORT = 2
    UNREADABLE = 3
    NOT_ZBOOT = 4
    OUTSIDE = 5
    TOO_SMALL = 6
    TOO_LARGE = 7


@dataclass(frozen=True, slots=True)
class Outcome:
    """The command stream in order; `refusal` is why a parser gave up, None where it did not."""

    commands: tuple[Command, ...]
    refusal: Refusal | None = None
