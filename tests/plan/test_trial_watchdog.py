"""Which watchdog a trial takes, and why it takes no other."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmboot.core.host.hardware import Watchdog, WatchdogCore
from warmboot.core.plan.trial.watchdog import BEFORE, DRIVERS, choose_watchdog

DOG = Watchdog("watchdog0", "i6300ESB timer", False, 30, "i6300esb")
SHOWN = {"WATCHDOG_SYSFS": "y"}
MODULE = {**SHOWN, "I6300ESB_WDT": "m"}
CORE = WatchdogCore(goes_on=False, module=True, users=("i6300esb",))


def test_a_watchdog_that_covers_the_trial_is_used_and_kept_from_the_new_driver() -> None:
    judged = choose_watchdog((DOG,), CORE, 600, MODULE)
    assert judged.use is not None
    assert (judged.use.timeout, judged.use.reload) == (600 + BEFORE, ("i6300esb",))
    assert judged.use.words == ("modprobe.blacklist=i6300esb",)
    itco = Watchdog("watchdog0", "iTCO_wdt", False, 30, "iTCO_wdt")
    judged = choose_watchdog((itco,), WatchdogCore(True, False), 300, None)
    assert judged.use is not None
    assert (judged.use.reload, judged.use.words) == ((), ("watchdog.handle_boot_enabled=0",))


OBSTACLES: dict[str, tuple[Watchdog, WatchdogCore, int, dict[str, str], str]] = {
    "softdog": (
        Watchdog("watchdog0", "Software Watchdog", False, 60, "softdog"),
        *(CORE, 60, {}, "part of the kernel that ends"),
    ),
    "ib700": (Watchdog("w", "", False, 30, "ib700wdt"), CORE, 60, {}, "every shutdown"),
    "bcm": (Watchdog("w", "", False, 15, "bcm2835_wdt"), CORE, 60, {}, "16 s at most"),
    "unknown": (Watchdog("w", "Strange", False, 9, "strange_wdt"), CORE, 60, {}, "not measured"),
    "nowayout": (
        Watchdog("w", "", False, 30, "i6300esb", locked=True),
        *(CORE, 60, {}, "nowayout"),
    ),
    "held": (Watchdog("w", "", True, 30, "i6300esb"), CORE, 60, {}, "RuntimeWatchdogSec="),
    "too long": (DOG, CORE, 2046 - BEFORE + 1, {}, "2046 s at most"),
    "its own limit": (
        Watchdog("w", "", False, 30, "i6300esb", longest=200),
        *(CORE, 60, {}, "200 s at most"),
    ),
    "too long for iTCO": (Watchdog("w", "", False, 30, "iTCO_wdt"), CORE, 600, {}, "614 s at most"),
    "built in there": (DOG, CORE, 60, {**SHOWN, "I6300ESB_WDT": "y"}, "CONFIG_I6300ESB_WDT=y"),
    "none there": (DOG, CORE, 60, {**SHOWN, "ITCO_WDT": "m"}, "CONFIG_I6300ESB_WDT is not set"),
    "not shown": (DOG, CORE, 60, {"I6300ESB_WDT": "m"}, "CONFIG_WATCHDOG_SYSFS is not set"),
    "built in here": (DOG, WatchdogCore(False, False), 60, MODULE, "watchdog.stop_on_reboot=0"),
    "others": (
        DOG,
        WatchdogCore(False, True, ("i6300esb", "mei_wdt")),
        *(60, MODULE, "mei_wdt uses it"),
    ),
}


@pytest.mark.parametrize("case", OBSTACLES)
def test_a_watchdog_of_no_use_is_named_with_the_reason(case: str) -> None:
    dog, core, seconds, options, why = OBSTACLES[case]
    judged = choose_watchdog((dog,), core, seconds, options)
    assert judged.use is None
    assert why in judged.why_not
    second = choose_watchdog((dog, DOG), WatchdogCore(True, True), 60, MODULE)
    assert second.use is not None


def test_what_else_uses_the_core_is_loaded_anew_where_it_is_idle() -> None:
    core = WatchdogCore(False, True, ("iTCO_wdt", "i6300esb"))
    other = Watchdog("watchdog0", "iTCO_wdt", False, 30, "iTCO_wdt")
    judged = choose_watchdog((other, DOG), core, 600, None)
    assert judged.use is not None
    assert judged.use.reload == ("i6300esb", "iTCO_wdt")
    busy = WatchdogCore(False, True, ("iTCO_wdt", "i6300esb"), ("iTCO_wdt",))
    assert choose_watchdog((other, DOG), busy, 600, None).use is None
    held = Watchdog("watchdog0", "iTCO_wdt", True, 30, "iTCO_wdt")
    judged = choose_watchdog((held, DOG), core, 600, None)
    assert judged.use is None
    assert "while iTCO_wdt uses it" in judged.why_not


@given(st.integers(60, 86400), st.sampled_from(sorted(DRIVERS)), st.booleans(), st.booleans())
def test_no_watchdog_is_used_that_would_fire_before_the_deadline(
    seconds: int, module: str, goes_on: bool, loadable: bool
) -> None:
    dog = Watchdog("watchdog0", "", False, 30, module)
    judged = choose_watchdog((dog,), WatchdogCore(goes_on, loadable), seconds, None)
    if judged.use is None:
        fits = re.search(r"--trial (\d+)s fits", judged.why_not)
        assert judged.why_not
        assert fits is None or int(fits[1]) < seconds
        if fits is None:
            return
        judged = choose_watchdog((dog,), WatchdogCore(True, True), int(fits[1]), None)
        assert judged.use is not None
        seconds, goes_on = int(fits[1]), True
    assert seconds < judged.use.timeout <= DRIVERS[module].longest
    assert goes_on or (loadable and judged.use.reload)
