"""What stands by while a restart on trial is armed, and takes all back if warmboot is killed.

That is warmboot.core.session.stand_by. It reads from a pipe of which this process, and the programs
that it runs, hold the other end: a byte says that all is well, the end that they are gone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from warmboot.core.debug import debug
from warmboot.core.errors import WarmbootError
from warmboot.core.programs import all_keep, environment

WELL = b"."
_WAIT = 60.0  # seconds; it ends as soon as it has started


@contextmanager
def guarded(root: Path) -> Iterator[None]:
    """Have what is armed on the machine of `root` taken back if this process is killed meanwhile.

    What stands by is in a session of its own, and has the error output open until it is done. On a
    later end of this process it does nothing. Raises WarmbootError where nothing can stand by.
    """
    import subprocess  # slow to import

    command = [sys.executable, "-I", "-m", "warmboot.core.session.stand_by", str(root.absolute())]
    theirs, ours = os.pipe()
    try:
        process = subprocess.Popen(
            command,
            env=environment(),
            cwd="/",
            stdin=theirs,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        os.close(ours)
        raise WarmbootError(
            f"Nothing can stand by while the trial is armed: {error.strerror}",
            hint="Nothing was tried.",
        ) from error
    finally:
        os.close(theirs)
    try:
        with all_keep(ours):
            yield
    finally:
        _dismiss(ours)
        try:
            process.wait(_WAIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _dismiss(ours: int) -> None:
    try:
        os.write(ours, WELL)
    except OSError as error:  # it was killed itself
        debug("what stood by is gone: %s", error)
    finally:
        os.close(ours)
