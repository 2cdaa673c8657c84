"""What a parser made of an image: the commands it hands over, or why it refuses."""

from __future__ import annotations

from warmboot.core.bpf.abi import Command
from warmboot.core.enumeration import IntEnum
from warmboot.core.values import dataclass


class Refusal(IntEnum):
    """Why a parser of ours refuses an image; numbered as in source/parse.h."""

    NO_IMAGE = 1
    TOO_SHORT = 2
    UNREADABLE = 3
    NOT_ZBOOT = 4
    OUTSIDE = 5
    TOO_SMALL = 6
    TOO_LARGE = 7
    NOT_PE = 8
    NO_KERNEL = 9
    BAD_ELF = 10
    ADDON_ALONE = 11

    @property
    def text(self) -> str:
        """The reason as words for an operator."""
        return _TEXTS[self]


_TEXTS = {
    Refusal.NO_IMAGE: "there is no image",
    Refusal.TOO_SHORT: "the image is shorter than its header",
    Refusal.UNREADABLE: "the image's memory cannot be read",
    Refusal.NOT_ZBOOT: "the image is not zboot",
    Refusal.OUTSIDE: "the header names bytes outside the image",
    Refusal.TOO_SMALL: "the payload is empty",
    Refusal.TOO_LARGE: "the payload is larger than this parser's record",
    Refusal.NOT_PE: "the image is not a PE file",
    Refusal.NO_KERNEL: "there is no kernel in the image",
    Refusal.BAD_ELF: "the envelope's ELF header is not one that parsers read",
    Refusal.ADDON_ALONE: "the add-on comes without the joined command line",
}


@dataclass(frozen=True)
class Outcome:
    """The command stream in order, and why a parser gave up, None where it did not."""

    commands: tuple[Command, ...]
    refusal: Refusal | None = None
