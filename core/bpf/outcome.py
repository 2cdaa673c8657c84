"""What comes of running a parser: the commands for the kernel, or why there are none."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from warmboot.core.bpf.abi import Command


class Refusal(StrEnum):
    """Why a parser gives up, in the operator's words."""

    NO_IMAGE = "there is no image"
    TOO_SHORT = "the image is too short for its header"
    NOT_PE = "the image does not start with MZ"
    NOT_ZBOOT = "the image is no zboot"
    BAD_PAYLOAD = "the payload reaches beyond the image or is too small"
    TOO_LARGE = "the image is larger than the parser's record"
    BAD_ENVELOPE = "the envelope or image has no section that can be used"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The command stream in order; `refusal` is why a parser gave up, None where it did not."""

    commands: tuple[Command, ...]
    refusal: Refusal | None = None
