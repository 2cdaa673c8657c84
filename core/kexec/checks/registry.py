"""All checks in the order a person would ask, run over a machine or over a plan."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from warmboot.core.bpf.abi import Dialect
from warmboot.core.errors import WrongArgument
from warmboot.core.host import Host
from warmboot.core.images import Architecture, BootImage
from warmboot.core.kexec.checks.base import Check, Finding
from warmboot.core.kexec.checks.image import IMAGE, Draft
from warmboot.core.kexec.checks.machine import MACHINE
from warmboot.core.kexec.checks.parser import PARSER
from warmboot.core.text import printable

if TYPE_CHECKING:
    from warmboot.core.host.surroundings import Surroundings


#: What says nothing about a crash kernel: it replaces nothing and starts when all else is over.
_FOR_RESTARTS = frozenset(
    ("load-limit", "staged", "processors", "sessions", "inhibitors", "jobs", "mounts", "raid",
     "guests", "hibernation")
)  # fmt: skip


def all_checks() -> tuple[Check[Any], ...]:
    """Return every check, in order: of the machine, of an image, of the surroundings."""
    from warmboot.core.kexec.checks.around import AROUND

    return (*MACHINE, *IMAGE, *PARSER, *AROUND)


def preflight(
    image: BootImage,
    host: Host,
    architecture: Architecture | None,
    *,
    handed_over_as_is: bool,
    route_missing: str | None,
    cmdline: str,
    initrd_bytes: int,
    devicetree: str | None,
    borrowed_cmdline: bool,
    file_load: bool = True,
    around: Surroundings | None = None,
    panic: bool = False,
    signed: bool | None = None,
    dialect: Dialect | None = None,
    copied: bool = False,
) -> tuple[Finding, ...]:
    """Run every check that applies to staging `image`; see Draft for what the values mean.

    Without `around`, what goes on around the kernel is not judged.
    """
    draft = Draft(
        image=image,
        host=host,
        architecture=architecture,
        as_is=handed_over_as_is,
        file_load=file_load,
        route_missing=route_missing,
        cmdline=cmdline,
        initrd_bytes=initrd_bytes,
        devicetree=devicetree,
        borrowed_cmdline=borrowed_cmdline,
        around=around,
        panic=panic,
        signed=signed,
        dialect=dialect,
        copied=copied,
    )
    of_image = filter(None, (check.run(draft) for check in (*IMAGE, *PARSER)))
    found = (*_of_machine(host), *of_image, *_of_surroundings(host, around, cmdline))
    return tuple(f for f in found if not (panic and f.check in _FOR_RESTARTS))


def examine_machine(host: Host, around: Surroundings | None) -> tuple[Finding, ...]:
    """Run the checks that need no image."""
    return (*_of_machine(host), *_of_surroundings(host, around, None))


def forced_checks(names: Iterable[str]) -> tuple[str, ...]:
    """Return the checks an operator names to go on against them, each once.

    Raises WrongArgument where there is no such check, or it is not to be forced.
    """
    names = tuple(names)
    if not names:
        return ()
    import difflib

    checks = {check.id: check for check in all_checks()}
    for name in names:
        if name not in checks:
            near = difflib.get_close_matches(name, checks, n=3, cutoff=0.5)
            may = ", ".join(check.id for check in checks.values() if check.forceable)
            hint = f"Did you mean {' or '.join(near)}?" if near else f"There are: {may}."
            raise WrongArgument(f"There is no check {printable(name, 64)}", hint=hint)
        if not checks[name].forceable:
            raise WrongArgument(
                f"The check {name} cannot be forced: the kernel would refuse, or harm would come",
                hint="warmboot doctor says what to do about it.",
            )
    return tuple(dict.fromkeys(names))


def _of_machine(host: Host) -> Iterable[Finding]:
    return filter(None, (check.run(host) for check in MACHINE))


def _of_surroundings(
    host: Host, around: Surroundings | None, cmdline: str | None
) -> Iterable[Finding]:
    if around is None:
        return ()
    from warmboot.core.kexec.checks.around import AROUND, Scene

    scene = Scene(host, around, cmdline)
    return filter(None, (check.run(scene) for check in AROUND))
