"""The plan: what would be done, why, and what stands against it. Pure; nothing is tried."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from warmboot.core.bpf.abi import Dialect
from warmboot.core.host import Host
from warmboot.core.images import Architecture, BootImage, Format
from warmboot.core.images.compressed import CompressedImage
from warmboot.core.images.rawimage import RawImage
from warmboot.core.images.uki import Uki
from warmboot.core.images.zboot import Zboot
from warmboot.core.kexec.architecture import ACCEPTED, MACHINES, lacks_decompressor
from warmboot.core.kexec.checks import Finding, Verdict
from warmboot.core.kexec.choice import LoaderChoice, OtherLoader, by_file, choose_loader
from warmboot.core.kexec.loader import Call

if TYPE_CHECKING:
    from warmboot.core.host.surroundings import Surroundings


class Strategy(StrEnum):
    """How the kernel gets the image."""

    AS_IS = "as it is"
    PARSER = "unpacked by the kernel"
    COPY = "copied by a parser"
    UNPACK = "unpacked here"
    TAKE_APART = "taken apart"
    NONE = "no way"

    @property
    def by_parser(self) -> bool:
        """Whether the kernel runs a parser program over the image."""
        return self in (Strategy.PARSER, Strategy.COPY)


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

    `initrds` is None to use what the image itself carries (a UKI), () for none at all. `forced`
    are the checks that staging may go on against. `loader` is the one asked for, None for the
    best. `panic`: the kernel is to run after a crash. `overlays` change the device tree. `addons`
    and `profile` (its id) are what a UKI is put together with. `signed`: the image
    carries a signature, None where nobody looked.
    """

    kernel: str
    initrds: tuple[str, ...] | None
    cmdline: CommandLine
    entry: str | None = None
    devicetree: str | None = None
    foreign_root: bool = False
    forced: tuple[str, ...] = ()
    loader: Call | None = None
    panic: bool = False
    overlays: tuple[str, ...] = ()
    addons: tuple[str, ...] = ()
    profile: str | None = None
    signed: bool | None = None


@dataclass(frozen=True, slots=True)
class Alternative:
    """A way that was not taken, and why."""

    strategy: Strategy
    why_not: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that staging will do. `steps` are sentences in order; `findings` the checks.

    `devicetree` is the one handed over, None where the kernel gets that of the running one.
    `call` is how the kernel is handed over, None where there is no way; `loader` its name as a
    person should see it (a simulated one says so). `dialect` is that of the kernel's parser
    interface where the kernel is to unpack the image itself, else None.
    """

    choices: Choices
    image: BootImage
    architecture: Architecture | None
    loader: str
    call: Call | None
    why_loader: str
    other_loaders: tuple[OtherLoader, ...]
    devicetree: str | None
    strategy: Strategy
    why: str
    dialect: Dialect | None
    alternatives: tuple[Alternative, ...]
    steps: tuple[str, ...]
    findings: tuple[Finding, ...]
    initrd_bytes: int

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The findings that forbid staging: fails that the operator did not force."""
        fails = (f for f in self.findings if f.verdict is Verdict.FAIL)
        return tuple(f for f in fails if not (f.forceable and f.check in self.choices.forced))

    @property
    def forced(self) -> tuple[str, ...]:
        """The names of the checks that fail and that staging goes on against."""
        fails = {f.check for f in self.findings if f.verdict is Verdict.FAIL and f.forceable}
        return tuple(name for name in self.choices.forced if name in fails)


def make_plan(
    choices: Choices,
    image: BootImage,
    initrd_bytes: int,
    host: Host,
    loader: str,
    around: Surroundings | None = None,
    dialect: Dialect | None = None,
) -> Plan:
    """Return the plan for an image on a host; `initrd_bytes` is the size of all initrd files.

    `loader` is the name of the machine's own. Where `around` is given, what goes on around the
    kernel is judged too. `dialect` is what the running kernel's parser interface speaks.
    """
    from warmboot.core.kexec.checks.registry import preflight  # not needed to list entries

    architecture = MACHINES.get(host.machine)
    chosen, devicetree = _loader(choices, host, architecture)
    if chosen.call is not Call.FILE:
        dialect = None  # the other calls take what is unpacked, and no parser
    strategy, why = _strategy(image, architecture, dialect, host)
    if chosen.call is None and strategy is not Strategy.NONE:
        strategy, why = Strategy.NONE, chosen.why
    if chosen.call is not None:
        loader = loader.replace(Call.FILE, chosen.call)  # "simulated" in front of it stays
    if isinstance(image, Uki) and choices.initrds is None and image.initrd_section:
        initrd_bytes = max(initrd_bytes, image.initrd_section.size)
    findings = preflight(
        image,
        host,
        architecture,
        handed_over_as_is=_keeps_signature(strategy, image, dialect),
        route_missing=why if strategy is Strategy.NONE else None,
        cmdline=choices.cmdline.text,
        initrd_bytes=initrd_bytes,
        devicetree=_not_carried(choices, devicetree),
        file_load=by_file(host, chosen.call, devicetree=devicetree is not None),
        borrowed_cmdline=choices.foreign_root and choices.cmdline.origin is Origin.RUNNING,
        around=around,
        panic=choices.panic,
        signed=choices.signed,
        dialect=dialect if strategy.by_parser else None,
        copied=strategy is Strategy.COPY,
    )
    return Plan(
        choices=choices,
        image=image,
        architecture=architecture,
        loader=loader,
        call=chosen.call,
        why_loader=chosen.why,
        other_loaders=chosen.others,
        devicetree=devicetree,
        strategy=strategy,
        why=why,
        dialect=dialect if strategy.by_parser else None,
        alternatives=tuple(_alternatives(strategy, image, architecture)),
        steps=tuple(_steps(choices, image, strategy, loader, devicetree, dialect)),
        findings=findings,
        initrd_bytes=initrd_bytes,
    )


def _loader(
    choices: Choices, host: Host, architecture: Architecture | None
) -> tuple[LoaderChoice, str | None]:
    """Return the loader and the device tree that goes with it.

    Where no loader takes the tree, the choice is made without: a check then stands against it.
    """
    if choices.devicetree is not None and not choices.overlays:
        chosen = choose_loader(
            host, architecture, panic=choices.panic, devicetree=True, wanted=choices.loader
        )
        if chosen.call is not None:
            return chosen, choices.devicetree
    chosen = choose_loader(host, architecture, panic=choices.panic, wanted=choices.loader)
    return chosen, None


def _not_carried(choices: Choices, devicetree: str | None) -> str | None:
    """Name what the entry wants of the device tree and the kernel would not get."""
    if choices.overlays:
        base = choices.devicetree or "in use now"
        return f"{base} with the overlays {', '.join(choices.overlays)}"
    return choices.devicetree if devicetree is None else None


def _keeps_signature(strategy: Strategy, image: BootImage, dialect: Dialect | None) -> bool:
    """Whether the kernel sees the file as it was signed."""
    if strategy is Strategy.PARSER:
        return dialect is Dialect.V7 or (isinstance(image, Zboot) and image.has_parser)
    return strategy is Strategy.AS_IS


def _by_parser(image: BootImage, dialect: Dialect, host: Host) -> tuple[Strategy, str] | None:
    """Return the way through the kernel's parser interface; None where another one serves."""
    inner = image.linux if isinstance(image, Uki) else image
    lacks = inner is not None and lacks_decompressor(host, inner)
    if dialect is Dialect.V7:
        if lacks:
            return None
        if isinstance(image, Zboot) and image.stream is not None:
            return Strategy.PARSER, "the kernel unpacks it itself, by a parser of dialect v7"
        if isinstance(image, Uki) and image.linux is not None:
            return Strategy.PARSER, "the kernel takes the UKI apart itself, by parsers"
        return None
    only = "this kernel takes only images that carry a parser"
    if isinstance(inner, Zboot) and inner.stream is not None and not lacks:
        if image is inner and inner.has_parser:
            return Strategy.PARSER, "the image carries a parser, so that the kernel can unpack it"
        return Strategy.PARSER, f"{only}; it unpacks the payload itself"
    if isinstance(inner, RawImage):
        return Strategy.COPY, only
    if isinstance(inner, Zboot | CompressedImage) and inner.stream is not None:
        able = "has no decompressor for" if lacks else "takes no bare"
        return Strategy.COPY, f"{only}; it {able} {inner.stream.method}, so warmboot unpacks it"
    return Strategy.NONE, f"{only}, and there is none for {image.format}"


def _strategy(
    image: BootImage, architecture: Architecture | None, dialect: Dialect | None, host: Host
) -> tuple[Strategy, str]:
    accepted = ACCEPTED.get(architecture, ()) if architecture else ()
    if not accepted:
        return Strategy.NONE, "warmboot knows no way to load kernels on this architecture"
    by_parser = _by_parser(image, dialect, host) if dialect is not None else None
    if by_parser is not None:
        return by_parser
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
    if strategy is Strategy.COPY:
        return [Alternative(Strategy.AS_IS, "The kernel here takes images with a parser only")]
    if strategy is Strategy.PARSER:
        why_not = "not needed: the kernel's own way keeps what is signed as it is"
        return [Alternative(Strategy.UNPACK, why_not)]
    if strategy is not Strategy.AS_IS:
        accepted = " or ".join(ACCEPTED.get(architecture, ())) if architecture else ""
        takes = f"takes {accepted} only" if accepted else "is of an unknown architecture"
        why_not = f"The kernel here {takes}"
        others.append(Alternative(Strategy.AS_IS, why_not))
    if strategy is Strategy.AS_IS and image.stream is not None:
        why_not = "not needed, and a signature would be lost"
        others.append(Alternative(Strategy.UNPACK, why_not))
    return others


def _steps(
    choices: Choices,
    image: BootImage,
    strategy: Strategy,
    loader: str,
    devicetree: str | None,
    dialect: Dialect | None,
) -> list[str]:
    if strategy is Strategy.NONE:
        return []
    steps = [f"Open {choices.kernel} and hold it open", *_kernel_steps(image, strategy, dialect)]
    if isinstance(image, Uki):
        steps += _uki_steps(choices, image)
    if choices.initrds:
        many = len(choices.initrds) > 1
        steps.append(f"{'Join the initrds' if many else 'Open'} {' + '.join(choices.initrds)}")
    elif choices.initrds is not None or not isinstance(image, Uki):
        steps.append("Use no initrd")
    if devicetree is not None:
        steps.append(f"Hand over the device tree {devicetree}, with a new /chosen")
    if choices.panic:
        steps.append(f"Stage with {loader} as the crash kernel; the running system goes on")
    else:
        steps.append(f"Stage with {loader}; the running system goes on")
    return steps


def _kernel_steps(image: BootImage, strategy: Strategy, dialect: Dialect | None) -> list[str]:
    steps = []
    kernel = image
    if isinstance(image, Uki):
        if dialect is not Dialect.V7:
            steps.append("Take the kernel out of the UKI's .linux section")
        kernel = image.linux or image
    if strategy is Strategy.COPY:
        if kernel.stream is not None:
            steps.append(f"Unpack its {kernel.stream.method} payload into memory and check it")
        steps.append("Put a parser that copies it into a copy in memory, and try it first")
    elif strategy is Strategy.PARSER:
        steps += _parser_steps(kernel, dialect)
    elif strategy is not Strategy.AS_IS and kernel.stream and kernel.format is not Format.BZIMAGE:
        steps.append(f"Unpack its {kernel.stream.method} payload into memory and check it")
    return steps


def _parser_steps(kernel: BootImage, dialect: Dialect | None) -> list[str]:
    steps = []
    if kernel.stream is not None:
        steps.append(f"Unpack its {kernel.stream.method} payload here first and check all of it")
    if dialect is Dialect.V6 and isinstance(kernel, Zboot) and kernel.has_parser:
        steps.append("Try the parser it carries: load it, attach it, take it out again")
    elif dialect is Dialect.V6:
        steps.append("Put a parser into a copy in memory, and try it first")
    else:
        steps.append("Put image, initrd and command line beside parsers in memory, tried first")
    return steps


def _uki_steps(choices: Choices, image: Uki) -> list[str]:
    steps = []
    if choices.profile is not None:
        steps.append(f"Use its profile {choices.profile}")
    if choices.addons:
        steps.append(f"Add {' + '.join(choices.addons)}")
    if choices.initrds is None:
        section = "Take the initrd out of the UKI's .initrd section"
        steps.append(section if image.initrd_section else "Use what initrds the parts hold")
    if any(section.name == ".dtbauto" for section in image.headers.sections):
        steps.append("Leave its .dtbauto device trees aside: only firmware knows which one fits")
    steps.append("Measure nothing: what is sealed to the PCRs systemd-stub extends stays shut")
    return steps
