"""What an operator asks for: one value, from the options or the screen to the plan and the
journal."""

from __future__ import annotations

from warmboot.core.enumeration import StrEnum
from warmboot.core.hints import Any
from warmboot.core.values import NamedTuple


class Call(StrEnum):
    """How a kernel is handed over."""

    FILE = "kexec_file_load(2)"
    LOAD = "kexec_load(2)"
    TOOLS = "kexec-tools"


class Origin(StrEnum):
    """Where a command line comes from."""

    ENTRY = "from the entry"
    RUNNING = "from the running kernel"
    INSTALLED = "from /etc/kernel/cmdline"
    TYPED = "typed"


class PlanRequest(NamedTuple):
    """What is to be staged, and how; every field may be left out.

    `entry` names an entry of the boot root (see warmboot.core.boot.resolve). `kernel`, `initrds`,
    `devicetree` and `addons` are paths of this machine that stand in for the entry's own; `initrds`
    and `addons` are None for those that belong to the image, () for none at all. `profile` is the
    number or id of a UKI's profile.

    `cmdline` is the whole command line as it was typed; else `cmdline_from` says where it is to
    come from, None for the natural choice. `presets` (by name) are applied to it, then `append` is
    added.

    `loader` is the call asked for, None for the best. `panic`: the kernel is to run after a crash.
    `forced` are the checks that staging may go on against. `sha256` is the digest that the kernel
    must have, in hex. `trial` is the restart on trial that it is staged for.
    """

    entry: str | None = None
    kernel: str | None = None
    initrds: tuple[str, ...] | None = None
    devicetree: str | None = None
    addons: tuple[str, ...] | None = None
    profile: str | None = None
    cmdline: str | None = None
    cmdline_from: Origin | None = None
    presets: tuple[str, ...] = ()
    append: str | None = None
    loader: Call | None = None
    panic: bool = False
    forced: tuple[str, ...] = ()
    sha256: str | None = None
    trial: str | None = None

    def fields(self) -> dict[str, object]:
        """Return what was asked for, in JSON's own types; what was left out is left out."""
        asked = zip(self._fields, self, strict=True)
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asked
            if value is not None and value is not False and not (value == () and name in _EMPTY)
        }


def read_request(record: object) -> PlanRequest | None:
    """Return the request whose `fields` a line of the journal holds, None for another form."""
    if not isinstance(record, dict) or not record.keys() <= set(PlanRequest._fields):
        return None
    values: dict[str, Any] = {}
    for name, value in record.items():
        if name in _TUPLES:
            if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
                return None
            values[name] = tuple(value)
        elif not isinstance(value, bool if name == "panic" else str):
            return None
        else:
            values[name] = value
    try:
        for name, kind in (("loader", Call), ("cmdline_from", Origin)):
            if name in values:
                values[name] = kind(values[name])
    except ValueError:
        return None
    return PlanRequest(**values)


_TUPLES = ("initrds", "addons", "presets", "forced")
_EMPTY = ("presets", "forced")  # () says nothing there; elsewhere it means none at all
