"""What a restart on trial that was interrupted may have left armed, on a machine that runs on."""

from __future__ import annotations

from collections.abc import Iterable

from warmboot.core.plan.staged import Staged
from warmboot.core.plan.trial.trial import OneShot
from warmboot.core.record.journal import Line
from warmboot.core.values import NamedTuple

STAGED, MODULES = "what is staged", "the watchdog's modules"


class Leftover(NamedTuple):
    """What may be left. `one_shots` are choices for the next start.

    `modules` are those of watchdogs that were to be loaded anew beside their core. `staged`: what
    is staged may be for that trial. `restarting`: the restart itself was begun, and did not fail as
    far as is recorded.
    """

    one_shots: tuple[OneShot, ...] = ()
    modules: tuple[str, ...] = ()
    staged: bool = False
    restarting: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """All of it by name, for the operator."""
        more = ((MODULES, bool(self.modules)), (STAGED, self.staged))
        return (*(kind.value for kind in self.one_shots), *(name for name, left in more if left))


def read_leftover(lines: Iterable[Line], boot_id: str | None) -> Leftover:
    """Return what the journal's lines say may be left of a trial of the boot `boot_id`.

    A trial that failed has taken all back once that is recorded too.
    """
    found: Leftover | None = None
    for line in lines:
        event = line.get("event")
        if line.get("boot_id") != boot_id:
            continue
        if event == "arming":
            found = _planned(line.get("trial_plan"))
        elif event in ("handed-over", "disarmed"):
            found = None
        elif found is not None:
            found = _after(found, str(event), line)
    return found or Leftover()


def _planned(record: object) -> Leftover:
    plan = record if isinstance(record, dict) else {}
    chosen = [text.partition("=")[0] for text in _texts(plan.get("one_shot"))]
    kinds = tuple(kind for kind in OneShot if kind.value in chosen)
    return Leftover(kinds, _texts(plan.get("watchdog_modules")))


def _texts(found: object) -> tuple[str, ...]:
    return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list) else ()


def _after(found: Leftover, event: str, line: Line) -> Leftover:
    """Return what is left after one more line."""
    if event == "staging":
        request = line.get("request")
        asked = isinstance(request, dict) and request.get("trial") is not None
        return found._replace(staged=found.staged or asked)
    if event == "staged":
        made = Staged.read(line.get("staged"))
        return found._replace(staged=made is not None and made.trial is not None)
    if event == "unloaded":
        return found._replace(staged=False)
    if event == "executing":
        return found._replace(restarting=True)
    if event in ("failed", "refused") and line.get("step") == "executing":
        return found._replace(restarting=False)
    return found
