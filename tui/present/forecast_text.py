"""How long the machine will be away, in words; never more than its history tells."""

from __future__ import annotations

from warmboot.core.record.forecast import Forecast
from warmboot.core.text import duration
from warmboot.tui.present.layout import Item


def away_text(found: Forecast) -> str:
    """Return it in one sentence; what is not known of the firmware or of systemd is left out."""
    text = _by_kexec(found)
    if found.startup is not None:
        text += f"; the running system had started everything {_after(found.startup)}"
    if found.firmware is not None:
        text += f"; firmware would take {duration(found.firmware)} more"
    return text


def short_time(found: Forecast, seconds: int) -> str | None:
    """Return what to say of a trial of so many seconds that ends before the system is up."""
    if found.startup is None or found.startup < seconds:
        return None
    return (
        f"The running system had started everything {_after(found.startup)}; a trial of "
        f"{duration(seconds)} may be over before anybody can confirm it."
    )


def forecast_items(found: Forecast) -> tuple[Item, ...]:
    """Return each part of it, or that it is not known."""
    started = firmware = "not known"
    if found.startup is not None:
        started = f"{_after(found.startup)}, in the system that runs now"
    if found.firmware is not None:
        took = f"firmware and boot loader took {duration(found.firmware)} when they last started"
        firmware = f"longer: {took} this machine"
    return (
        Item("By kexec", _by_kexec(found)),
        Item("All started", started),
        Item("By firmware", firmware),
    )


def _by_kexec(found: Forecast) -> str:
    times = found.kexec
    if not times:
        return "not known, as no restart by warmboot has come up yet"
    each = ", ".join(duration(away) for away in times)
    if len(times) == 1:
        return f"the last restart took {each} until the new kernel started"
    return f"the last {len(times)} restarts took {each} until the new kernel started"


def _after(seconds: float) -> str:
    return f"{duration(seconds)} after its kernel"
