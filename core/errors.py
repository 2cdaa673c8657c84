"""Errors that reach an operator: what went wrong, and what to do next."""

from __future__ import annotations

import errno

from warmboot.core.enumeration import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the ``warmboot`` command; documented in warmboot(8)."""

    OK = 0
    BUG = 1
    USAGE = 2
    NOT_FOUND = 3
    BAD_IMAGE = 4
    NOT_PERMITTED = 5
    BLOCKED = 6
    REFUSED = 7
    NOTHING_STAGED = 8
    SYSTEM = 9
    UNCONFIRMED = 10
    RESTART_NEEDED = 11
    NOT_BACK = 12
    ELSEWHERE = 13
    CANCELLED = 130


class WarmbootError(Exception):
    """A failure with a message for the operator and, where there is one, a hint: the next step."""

    exit_code = ExitCode.SYSTEM

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ImageError(WarmbootError):
    """The bytes of an image are not what its format says.

    ``offset`` is the position in the file (bytes) where the expectation failed, None where no one
    position is to blame.
    """

    exit_code = ExitCode.BAD_IMAGE

    def __init__(self, message: str, *, offset: int | None = None, hint: str | None = None) -> None:
        place = "" if offset is None else f" (at offset {offset:#x})"
        super().__init__(message + place, hint=hint)
        self.offset = offset


class WrongArgument(WarmbootError):
    """The operator asked for what does not exist or cannot be asked for."""

    exit_code = ExitCode.USAGE


class NotFound(WarmbootError):
    """A named entry, image or file is not there."""

    exit_code = ExitCode.NOT_FOUND


class NotPermitted(WarmbootError):
    """The operator lacks the privilege that the step needs."""

    exit_code = ExitCode.NOT_PERMITTED


class Blocked(WarmbootError):
    """The plan cannot be carried out on this machine; nothing was tried."""

    exit_code = ExitCode.BLOCKED


class Refused(WarmbootError):
    """The kernel refused a request. ``errno`` is its answer, ``log`` what it logged meanwhile."""

    exit_code = ExitCode.REFUSED

    def __init__(self, message: str, *, errno: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.errno = errno
        self.log: tuple[str, ...] = ()


class NothingStaged(WarmbootError):
    """Execute was asked for while no kernel is staged."""

    exit_code = ExitCode.NOTHING_STAGED


class Unconfirmed(WarmbootError):
    """A step must be confirmed, and there is nobody who could be asked; nothing was done."""

    exit_code = ExitCode.UNCONFIRMED


class NotBack(WarmbootError):
    """A machine was not back in time."""

    exit_code = ExitCode.NOT_BACK


class Cancelled(WarmbootError):
    """The operator stopped the work before it took effect."""

    exit_code = ExitCode.CANCELLED

    def __init__(self) -> None:
        super().__init__("Cancelled. Nothing was changed.")


_FULL = (errno.ENOSPC, errno.EDQUOT)


def space_hint(error: OSError, otherwise: str) -> str:
    """Return the next step after a write that failed: to make room, or what `otherwise` says."""
    return "Make room there, then try again." if error.errno in _FULL else otherwise
