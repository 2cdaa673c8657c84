"""A plan in JSON: what staging does, why, and what stands against it."""

from __future__ import annotations

from warmboot.core.architecture import Architecture
from warmboot.core.bpf.abi import Dialect
from warmboot.core.hints import Annotated, TypedDict
from warmboot.core.plan.command_line import CommandLine
from warmboot.core.plan.loader_choice import OtherLoader
from warmboot.core.plan.plan import Plan
from warmboot.core.plan.request import Call, Origin
from warmboot.core.plan.route import Alternative, Strategy
from warmboot.tui.present.answers.objects.finding import FindingFields, finding_fields
from warmboot.tui.present.answers.objects.image import ImageFields, image_fields


class CommandLineFields(TypedDict):
    """A command line, and where it comes from."""

    text: Annotated[str, "the whole line"]
    origin: Annotated[Origin, "where it comes from, presets and what was appended aside"]


class AlternativeFields(TypedDict):
    """A way for the image into the kernel that was not taken."""

    strategy: Annotated[Strategy, "the way"]
    why_not: Annotated[str, "why it was not taken"]


class OtherLoaderFields(TypedDict):
    """A way to hand the kernel over that was not taken."""

    loader: Annotated[Call, "the way"]
    why_not: Annotated[str, "why it was not taken"]


class PlanFields(TypedDict):
    """Everything that staging does."""

    entry: Annotated[str | None, "id of the entry it is for; null for a kernel given by its path"]
    kernel: Annotated[str, "path of the kernel"]
    initrds: Annotated[
        list[str] | None, "paths of the initrds; null where those inside the image are used"
    ]
    initrd_bytes: Annotated[int, "bytes of all initrds together"]
    cmdline: Annotated[CommandLineFields, "the command line"]
    devicetree: Annotated[
        str | None, "the device tree that goes along; null where the running one is taken"
    ]
    overlays: Annotated[list[str], "overlays that the entry wants for its device tree"]
    addons: Annotated[list[str], "the add-ons that are taken into a UKI"]
    profile: Annotated[str | None, "id of the UKI's profile; null for the base"]
    panic: Annotated[bool, "whether it is to run after a crash"]
    signed: Annotated[
        bool | None, "whether the image carries a signature; null where nobody looked"
    ]
    signature_kept: Annotated[bool, "whether the kernel sees the file as it was signed"]
    image: Annotated[ImageFields, "what the image is"]
    architecture: Annotated[Architecture | None, "that of the machine; null where it is unknown"]
    strategy: Annotated[Strategy, "how the kernel gets the image"]
    why: Annotated[str, "why so"]
    alternatives: Annotated[list[AlternativeFields], "ways that were not taken"]
    dialect: Annotated[
        Dialect | None, "that of the kernel's parser interface; null where no parser is used"
    ]
    loader: Annotated[str, "what hands it over, in words"]
    call: Annotated[Call | None, "how it is handed over; null where there is no way"]
    why_loader: Annotated[str, "why so"]
    other_loaders: Annotated[list[OtherLoaderFields], "ways that were not taken"]
    steps: Annotated[list[str], "what is done, in sentences, in order"]
    findings: Annotated[list[FindingFields], "what the checks say"]
    forced: Annotated[list[str], "the checks that fail and that staging goes on against"]


def command_line_fields(line: CommandLine) -> CommandLineFields:
    """Return a command line as answers hold it."""
    return {"text": line.text, "origin": line.origin}


def plan_fields(plan: Plan) -> PlanFields:
    """Return a plan as answers hold it."""
    files = plan.files
    return {
        "entry": plan.entry,
        "kernel": files.kernel,
        "initrds": list(files.initrds) if files.initrds is not None else None,
        "initrd_bytes": plan.initrd_bytes,
        "cmdline": command_line_fields(plan.cmdline),
        "devicetree": plan.devicetree,
        "overlays": list(files.overlays),
        "addons": list(files.addons),
        "profile": files.profile,
        "panic": plan.request.panic,
        "signed": files.signed,
        "signature_kept": plan.signature_kept,
        "image": image_fields(plan.image),
        "architecture": plan.architecture,
        "strategy": plan.strategy,
        "why": plan.why,
        "alternatives": [_alternative(other) for other in plan.alternatives],
        "dialect": plan.dialect,
        "loader": plan.loader,
        "call": plan.call,
        "why_loader": plan.why_loader,
        "other_loaders": [_other_loader(other) for other in plan.other_loaders],
        "steps": list(plan.steps),
        "findings": [finding_fields(finding) for finding in plan.findings],
        "forced": list(plan.forced),
    }


def _alternative(other: Alternative) -> AlternativeFields:
    return {"strategy": other.strategy, "why_not": other.why_not}


def _other_loader(other: OtherLoader) -> OtherLoaderFields:
    return {"loader": other.loader, "why_not": other.why_not}
