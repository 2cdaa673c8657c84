"""The plan: what would be done, why, and what stands against it. Pure; nothing is tried."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from warmboot.core.host import Host
from warmboot.core.images import Architecture, BootImage, Format
from warmboot.core.images.uki import Uki
from warmboot.core.kexec.architecture import ACCEPTED, MACHINES
from warmboot.core.kexec.preflight import Finding, Verdict, preflight


class Strategy(StrEnum):
    """How the kernel gets the image."""

    AS_IS = "as it is"
    UNPACK = "unpacked here"
    TAKE_APART = "taken apart"
    NONE = "no way"


class Origin(StrEnum):
    """Where the command line comes from."""

    ENTRY = "from the entry"
    RUNNING = "from the running kernel"
    INSTALLED = "from /etc/kernel/cmdline"
    TYPED = "typed"


@dataclass(frozen=True, slots=True)
class CommandLine:
    """The final command line and where it comes from."""

    text: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Choices:
    """What the operator chose. Paths are as the operator knows them; `entry` is an entry's id.

    `initrds` is None to use what the image itself carries (a UKI), () for none at all.
    """

    kernel: str
    initrds: tuple[str, ...] | None
    cmdline: CommandLine
    entry: str | None = None
    devicetree: str | None = None
    foreign_root: bool = False


@dataclass(frozen=True, slots=True)
class Alternative:
    """A way that was not taken, and why."""

    strategy: Strategy
    why_not: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that staging will do. `steps` are sentences in order; `findings` the checks."""

    choices: Choices
    image: BootImage
    architecture: Architecture | None
    loader: str
    strategy: Strategy
    why: str
    alternatives: tuple[Alternative, ...]
    steps: tuple[str, ...]
    findings: tuple[Finding, ...]
    initrd_bytes: int

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The findings that forbid staging."""
        return tuple(f for f in self.findings if f.verdict is Verdict.FAIL)


def make_plan(
    choices: Choices, image: BootImage, initrd_bytes: int, host: Host, loader: str
) -> Plan:
    """Return the plan for an image on a host; `initrd_bytes` is the size of all initrd files."""
    architecture = MACHINES.get(host.machine)
    strategy, why = _strategy(image, architecture)
    if isinstance(image, Uki) and choices.initrds is None and image.initrd_section:
        initrd_bytes = image.initrd_section.size
    return Plan(
        choices=choices,
        image=image,
        architecture=architecture,
        loader=loader,
        strategy=strategy,
        why=why,
        alternatives=tuple(_alternatives(strategy, image, architecture)),
        steps=tuple(_steps(choices, image, strategy, loader)),
        findings=preflight(
            image,
            host,
            architecture,
            handed_over_as_is=strategy is Strategy.AS_IS,
            route_missing=why if strategy is Strategy.NONE else None,
            cmdline=choices.cmdline.text,
            initrd_bytes=initrd_bytes,
            devicetree=choices.devicetree,
            borrowed_cmdline=choices.foreign_root and choices.cmdline.origin is Origin.RUNNING,
        ),
        initrd_bytes=initrd_bytes,
    )


def _strategy(image: BootImage, architecture: Architecture | None) -> tuple[Strategy, str]:
    accepted = ACCEPTED.get(architecture, ()) if architecture else ()
    if not accepted:
        return Strategy.NONE, "warmboot knows no way to load kernels on this architecture"
    if image.format in accepted:
        return Strategy.AS_IS, f"the kernel loads the format {image.format} itself"
    if isinstance(image, Uki):
        inner = image.linux
        if inner is None:
            return Strategy.NONE, "the kernel inside the UKI is of no known format"
        if inner.format not in accepted and inner.stream is None:
            return (
                Strategy.NONE,
                f"this kernel cannot load the format {inner.format} inside the UKI",
            )
        return Strategy.TAKE_APART, "the kernel cannot load a UKI, but it can load its parts"
    if image.format in (Format.ZBOOT, Format.COMPRESSED) and image.stream is not None:
        return (
            Strategy.UNPACK,
            f"this kernel cannot load the format {image.format}, but what is inside it",
        )
    if image.format is Format.ZBOOT:
        return Strategy.NONE, "the payload's compression is unknown to warmboot"
    return Strategy.NONE, f"this kernel cannot load the format {image.format}"


def _alternatives(
    strategy: Strategy, image: BootImage, architecture: Architecture | None
) -> list[Alternative]:
    others = []
    if strategy is not Strategy.AS_IS:
        accepted = " or ".join(ACCEPTED.get(architecture, ())) if architecture else ""
        takes = f"takes {accepted} only" if accepted else "is of an unknown architecture"
        why_not = f"kexec_file_load(2) here {takes}"
        others.append(Alternative(Strategy.AS_IS, why_not))
    if strategy is Strategy.AS_IS and image.stream is not None:
        why_not = "not needed, and a signature would be lost"
        others.append(Alternative(Strategy.UNPACK, why_not))
    return others


def _steps(choices: Choices, image: BootImage, strategy: Strategy, loader: str) -> list[str]:
    if strategy is Strategy.NONE:
        return []
    steps = [f"Open {choices.kernel} and hold it open"]
    kernel = image
    if isinstance(image, Uki):
        steps.append("Take the kernel out of the UKI's .linux section")
        kernel = image.linux or image
    if strategy is not Strategy.AS_IS and kernel.stream and kernel.format is not Format.BZIMAGE:
        steps.append(f"Unpack its {kernel.stream.method} payload into memory and check it")
    if choices.initrds is None and isinstance(image, Uki):
        if image.initrd_section:
            steps.append("Take the initrd out of the UKI's .initrd section")
    elif choices.initrds:
        many = len(choices.initrds) > 1
        steps.append(f"{'Join the initrds' if many else 'Open'} {' + '.join(choices.initrds)}")
    else:
        steps.append("Use no initrd")
    steps.append(f"Stage with {loader}; the running system goes on")
    return steps
