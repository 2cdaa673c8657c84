"""What was staged: the value that the journal keeps until it is executed or unloaded."""

from __future__ import annotations

from warmboot.core.hints import Self
from warmboot.core.typed import typed
from warmboot.core.values import asdict, dataclass


@dataclass(frozen=True)
class Staged:
    """What is staged: recorded in the journal and shown until it is executed or unloaded.

    `sha256` is of the bytes the kernel was given, None where the file did not stay the same until
    it was known; `at` seconds since the epoch, `boot_id` that of the boot during which it was
    staged. `panic`: it runs after a crash. `plan` is the digest of the plan it was staged by (see
    warmboot.core.load.stage.Prepared.digest), None where that could not be known. `trial` is the
    restart on trial that it is for, None for none.
    """

    entry: str | None
    kernel: str
    initrds: tuple[str, ...]
    release: str | None
    cmdline: str
    strategy: str
    loader: str
    sha256: str | None
    at: float
    boot_id: str | None
    panic: bool = False
    plan: str | None = None
    trial: str | None = None

    def fields(self) -> dict[str, object]:
        """Return it as the journal holds it."""
        return asdict(self)

    @classmethod
    def read(cls, record: object) -> Self | None:
        """Return what a line of the journal holds, None where it is of another form."""
        return typed(cls, record)
