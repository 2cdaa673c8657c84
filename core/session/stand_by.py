"""The process that stands by while a restart on trial is armed; see core/restart/trial/guard.py.

``python -I -m warmboot.core.session.stand_by ROOT``: says that it is there, reads a byte, and has
nothing to do. Where it finds the end instead, warmboot was killed, and what the journal says may be
left is taken back.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from warmboot.core.debug import debug
from warmboot.core.errors import WarmbootError
from warmboot.core.restart.trial.guard import THERE

_TRIES = 60  # once a second


def main(arguments: Sequence[str]) -> int:
    """Wait for warmboot's end; returns 0 where all is well, or was taken back."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(OSError):  # who waits for it was killed: nothing is armed yet
        os.write(1, THERE)
    if os.read(0, 1):
        return 0
    from warmboot.core.session.opening import open_session  # not needed where all is well

    for _ in range(_TRIES):
        try:
            open_session(Path(arguments[0])).trials.disarm()
            return 0
        except (WarmbootError, OSError) as error:  # another is at work, or the machine goes down
            debug("not taken back yet: %s", error)
            time.sleep(1)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
