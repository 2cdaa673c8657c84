"""What stands by while a restart on trial is armed, and takes all back if warmboot is killed.

That is warmboot.core.session.stand_by. It says that it is there, then reads from a pipe of which
this process, and the programs that it runs, hold the other end: a byte says that all is well, the
end that they are gone.
"""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from warmboot.core.debug import debug
from warmboot.core.errors import WarmbootError
from warmboot.core.hints import TYPE_CHECKING
from warmboot.core.programs import all_keep, environment, own_program

if TYPE_CHECKING:
    from subprocess import Popen

#: What says that it stands by, and that all is well.
THERE = WELL = b"."
_WAIT = 60.0  # seconds in which it starts, and ends


@contextmanager
def guarded(root: Path) -> Iterator[None]:
    """Have what is armed on the machine of `root` taken back if this process is killed meanwhile.

    What stands by is in a session of its own, and has the error output open until it is done. On a
    later end of this process it does nothing. Raises WarmbootError where nothing can stand by.
    """
    import subprocess  # slow to import

    command = [*own_program("warmboot.core.session.stand_by"), str(root.absolute())]
    theirs, ours = os.pipe()
    try:
        process = subprocess.Popen(
            command,
            env=environment(),
            cwd="/",
            stdin=theirs,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        os.close(ours)
        raise _nothing(error.strerror or "not known") from error
    finally:
        os.close(theirs)
    try:
        if not _is_there(process):
            raise _nothing("its process does not start")
        with all_keep(ours):
            yield
    finally:
        _dismiss(ours)
        try:
            process.communicate(timeout=_WAIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _is_there(process: Popen[bytes]) -> bool:
    """Wait until it says that it stands by; False where it ends before that, or takes too long."""
    output = process.stdout
    if output is None or not select.select([output], [], [], _WAIT)[0]:
        return False
    return os.read(output.fileno(), len(THERE)) == THERE


def _nothing(why: str) -> WarmbootError:
    return WarmbootError(
        f"Nothing can stand by while the trial is armed: {why}", hint="Nothing was tried."
    )


def _dismiss(ours: int) -> None:
    try:
        os.write(ours, WELL)
    except OSError as error:  # it was killed itself
        debug("what stood by is gone: %s", error)
    finally:
        os.close(ours)
