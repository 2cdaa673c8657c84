"""Run in a guest: hold the watchdog as a trial does, and be killed."""

from __future__ import annotations

import os
import signal

from warmboot.core.plan.trial.trial import WatchdogUse
from warmboot.core.restart.trial.watchdog import HeldWatchdog

held = HeldWatchdog(WatchdogUse("watchdog0", "i6300esb", 300, ("i6300esb",), ()))
os.kill(os.getpid(), signal.SIGKILL)
