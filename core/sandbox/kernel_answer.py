"""How a simulated kernel answers: with an errno, or with what it would not survive."""

from __future__ import annotations

import errno
import os

from warmboot.core.errors import Refused


class KernelErrno(Exception):
    """An errno, on its way to the caller."""

    def __init__(self, code: int) -> None:
        super().__init__(os.strerror(code))
        self.code = code


class SimulatedCrash(Refused):
    """The simulated kernel stops here because a real one would hang or crash.

    `errno` is EBUSY: what a kernel that still lives answers to everybody afterwards.
    """

    def __init__(self, what: str, why: str) -> None:
        super().__init__(
            f"A real kernel would {what} here: {why}",
            errno=errno.EBUSY,
            hint="This is a simulated machine; nothing happened. Report how you got here.",
        )


class NotSimulated(Refused):
    """The simulated kernel cannot tell what a real one would do."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The simulated kernel cannot go on: {why}",
            errno=errno.EOPNOTSUPP,
            hint="Use a parser of warmboot's own, or try it on a real machine.",
        )
