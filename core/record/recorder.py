"""Steps that cannot be taken back: recorded before they are tried, and how they ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from warmboot.core.errors import Refused, WarmbootError
from warmboot.core.host import Host
from warmboot.core.host.kmsg import NewKernelLines
from warmboot.core.record.journal import Journal


@contextmanager
def recorded(journal: Journal, host: Host, name: str, **fields: object) -> Iterator[list[str]]:
    """Record what is about to be done, and how it failed; yields the warnings so far.

    What was done is the caller's to note. Raises WarmbootError, nothing tried, where the journal
    can be written nowhere; an OSError inside becomes a WarmbootError, and a Refused gets what the
    kernel logged.
    """
    warnings: list[str] = []
    first = journal.append(name, host.boot_id, **fields)
    if first:
        warnings.append(first)
    with NewKernelLines(host.prefix) as log:
        try:
            yield warnings
        except (WarmbootError, OSError) as fault:
            error = _translated(fault)
            code = None
            if isinstance(error, Refused):
                code, error.log = error.errno, log.new_lines()
            event = "failed" if code is None else "refused"
            end = {"step": name, "errno": code, "message": error.message}
            note(warnings, lambda: journal.append(event, host.boot_id, **end))
            if error is fault:
                raise
            raise error from fault


def note(warnings: list[str], write: Callable[[], str | None]) -> None:
    """Write to the journal where what it says has already happened: failing is a warning."""
    try:
        warning = write()
    except WarmbootError as error:
        warning = error.message
    if warning and warning not in warnings:
        warnings.append(warning)


def _translated(fault: WarmbootError | OSError) -> WarmbootError:
    if isinstance(fault, WarmbootError):
        return fault
    return WarmbootError(
        f"The system failed: {fault.strerror or fault}",
        hint="warmboot status shows what is staged now.",
    )
