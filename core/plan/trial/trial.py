"""What a restart on trial is: asked for, judged, and said."""

from __future__ import annotations

import re

from warmboot.core.boot.cmdline import TRIAL, parse
from warmboot.core.enumeration import StrEnum
from warmboot.core.errors import Blocked, WrongArgument
from warmboot.core.expression import expression
from warmboot.core.host.mount_count import MountCount
from warmboot.core.plan.request import PlanRequest
from warmboot.core.values import NamedTuple, asdict, dataclass

#: The units in the new system: one restarts it in time, the other confirms it before.
UNIT, CHECK_UNIT = "warmboot-trial.service", "warmboot-check.service"
#: Where it is noted that a trial was confirmed; gone at the next boot.
CONFIRMED = "/run/warmboot/confirmed"
SHORTEST, LONGEST = 60, 86400  # seconds
_TIME = expression(r"(\d{1,6})(s|m|h)?", re.ASCII)
_UNITS = {"s": 1, "m": 60, "h": 3600, None: 1}
_MARK = expression(r"([0-9a-f]{8}),(\d{1,6}),([\w-]{1,64}),([a-z-]{1,8}),(\d{1,3})", re.ASCII)


class TrialRequest(NamedTuple):
    """What an operator asks for. `seconds`: how long the new system has until it is confirmed.

    `checks` are health checks by name (``ssh``, ``network``, ``units``), or shell commands; all of
    them together confirm. The others are what may be missing, or done, in so many words: no
    certain way back, GRUB's environment block written, a kernel that hangs early not covered.
    """

    seconds: int
    checks: tuple[str, ...] = ()
    without_way_back: bool = False
    write_grubenv: bool = False
    without_watchdog: bool = False


class LayerName(StrEnum):
    """What brings a machine back."""

    WATCHDOG = "hardware watchdog"
    PANIC = "panic and oops"
    INITRD = "initrd words"
    DEAD_MAN = "dead-man timer"


@dataclass(frozen=True)
class Layer:
    """One of them: `how` it does that here, None where it cannot, and `why_not` then.

    `covers` and `lacks` are what it covers, and what it does not, in words.
    """

    name: LayerName
    how: str | None
    covers: str
    lacks: str
    why_not: str | None = None


class OneShot(StrEnum):
    """A choice for the next start only, which is set before the jump."""

    BOOT_NEXT = "BootNext"
    LOADER_ENTRY = "LoaderEntryOneShot"
    GRUB = "next_entry"

    @property
    def letter(self) -> str:
        """What stands for it on the command line; see Mark."""
        return {"BootNext": "b", "LoaderEntryOneShot": "l", "next_entry": "g"}[self.value]


class Choice(NamedTuple):
    """A one-shot and the value that it gets: an entry's name, or a boot entry's number."""

    kind: OneShot
    value: str


@dataclass(frozen=True)
class WayBack:
    """Which kernel a reset leads to. `certain`: the one that runs now, given the `choices`.

    `steps` say how that was found, in order: firmware, then the boot loader.
    """

    certain: bool
    text: str
    steps: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True)
class WatchdogUse:
    """A watchdog that is to count through the jump.

    `reload` are the modules that have to be loaded anew beside the core's, its own first, so that
    it is not stopped; none where it goes on as it is. `words` keep the new kernel's driver from
    stopping it, or from serving it.
    """

    name: str
    module: str
    timeout: int
    reload: tuple[str, ...]
    words: tuple[str, ...]


class Refusal(NamedTuple):
    """Why a trial is not begun. `option` is what accepts it, None where nothing does."""

    text: str
    hint: str
    option: str | None = None


@dataclass(frozen=True)
class TrialPlan:
    """A restart on trial, judged. `request` stages it, with the trial's words on the line.

    `before` is the command line that it was judged with, without any trial's words.
    `layers` are all there are, those of no use here with the reason. `root_mounts` is of the root
    file system where the new system has the same, None where it does not tell. `segment` goes
    behind the initrds ("" for none). `not_covered` are sentences on what does not bring the machine
    back. `length` and `limit` are bytes of the command line, the NUL counted.
    """

    id: str
    asked: TrialRequest
    before: str
    request: PlanRequest
    layers: tuple[Layer, ...]
    way_back: WayBack
    root_mounts: MountCount | None
    watchdog: WatchdogUse | None
    words: tuple[str, ...]
    segment: bytes
    not_covered: tuple[str, ...]
    refusals: tuple[Refusal, ...]
    length: int
    limit: int

    def check(self) -> None:
        """Raise Blocked where something stands against it that was not accepted."""
        if self.refusals:
            first = self.refusals[0]
            raise Blocked(first.text, hint=first.hint)

    def record(self) -> dict[str, object]:
        """Return what the journal keeps of it."""
        return {
            "id": self.id,
            "seconds": self.asked.seconds,
            "checks": list(self.asked.checks),
            "layers": [layer.name.value for layer in self.layers if layer.how is not None],
            "not_covered": list(self.not_covered),
            "one_shot": [f"{choice.kind}={choice.value}" for choice in self.way_back.choices],
            "watchdog": self.watchdog.name if self.watchdog else None,
            "watchdog_modules": list(self.watchdog.reload) if self.watchdog else [],
            "root_mounts": asdict(self.root_mounts) if self.root_mounts else None,
        }


class Mark(NamedTuple):
    """What a word on the command line tells the new system of its trial; the kernel ignores it.

    `watchdog` is the module of the one that counts, None without one; `one_shots` are what is to be
    taken back. `words` is how many words of the trial follow this one.
    """

    id: str
    seconds: int
    watchdog: str | None
    one_shots: tuple[OneShot, ...]
    words: int

    def word(self) -> str:
        """Return it as it stands on the command line."""
        letters = "".join(kind.letter for kind in self.one_shots)
        parts = (self.id, self.seconds, self.watchdog or "-", letters or "-", self.words)
        return f"{TRIAL}={','.join(map(str, parts))}"


def read_mark(cmdline: str) -> Mark | None:
    """Return what a command line says of a trial, None where there is none."""
    values = [word.value for word in parse(cmdline) if word.name == TRIAL]
    found = _MARK.fullmatch((values[-1] or "") if values else "")
    if found is None:
        return None
    kinds = tuple(kind for kind in OneShot if kind.letter in found[4])
    watchdog = None if found[3] == "-" else found[3]
    return Mark(found[1], int(found[2]), watchdog, kinds, int(found[5]))


def parse_time(text: str) -> int:
    """Return seconds for ``600``, ``90s``, ``10m`` or ``1h``; raises WrongArgument."""
    found = _TIME.fullmatch(text.strip())
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if not SHORTEST <= seconds <= LONGEST:
        raise WrongArgument(
            f"{text!r} is no time for a trial: at least {SHORTEST} s, at most a day",
            hint="For example: --trial 10m.",
        )
    return seconds
