"""The answers of ``warmboot inspect``: an image, or initrds."""

from __future__ import annotations

from collections.abc import Iterable

from warmboot.core.hints import Annotated, Literal, TypedDict
from warmboot.core.payload.inspection import InitrdInspection, Inspection
from warmboot.tui.present.answers.declare import SCHEMA, Answer
from warmboot.tui.present.answers.objects.image import ImageFields, image_fields
from warmboot.tui.present.answers.objects.initrd import InitrdFields, initrd_fields
from warmboot.tui.present.answers.objects.parser_image import (
    CarriedParserFields,
    carried_parser_fields,
)
from warmboot.tui.present.answers.objects.payload import (
    PayloadFields,
    SignatureFields,
    payload_fields,
    signature_fields,
)


class InspectImageAnswer(Answer):
    """What is inside an image."""

    command: Annotated[Literal["inspect"], "the command that answers"]
    path: Annotated[str, "path of the file"]
    image: Annotated[ImageFields, "what its header says"]
    payload: Annotated[
        PayloadFields | None, "the kernel inside; null with --quick, or where there is none"
    ]
    signatures: Annotated[list[SignatureFields], "its signatures; none with --quick"]
    parser: Annotated[
        CarriedParserFields | None,
        "what it carries for kernels with CONFIG_KEXEC_BPF; null without",
    ]


class InspectedInitrdFields(TypedDict):
    """An initrd, and whether it fits."""

    path: Annotated[str, "path of the file"]
    initrd: Annotated[InitrdFields, "what is inside"]
    warning: Annotated[
        str | None, "what does not fit the entry's kernel; null where nothing is known not to"
    ]


class InspectInitrdsAnswer(Answer):
    """What is inside initrds."""

    command: Annotated[Literal["inspect"], "the command that answers"]
    initrds: Annotated[list[InspectedInitrdFields], "the initrds, in the order they are joined"]


def inspect_image_answer(found: Inspection, *, simulated: bool) -> InspectImageAnswer:
    """Return the answer for an image."""
    parser, payload = found.parser, found.payload
    return {
        "schema": SCHEMA,
        "command": "inspect",
        "simulated": simulated,
        "path": found.path,
        "image": image_fields(found.image),
        "payload": payload_fields(payload) if payload is not None else None,
        "signatures": [signature_fields(signature) for signature in found.signatures],
        "parser": carried_parser_fields(parser) if parser is not None else None,
    }


def inspect_initrds_answer(
    found: Iterable[InitrdInspection], *, simulated: bool
) -> InspectInitrdsAnswer:
    """Return the answer for initrds."""
    return {
        "schema": SCHEMA,
        "command": "inspect",
        "simulated": simulated,
        "initrds": [_initrd(one) for one in found],
    }


def _initrd(one: InitrdInspection) -> InspectedInitrdFields:
    return {"path": one.path, "initrd": initrd_fields(one.initrd), "warning": one.warning}
