"""Every answer there is, and the names of what comes in several forms. A command has one row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from warmboot.tui.present.answers.bpf_build import BpfBuildAnswer
from warmboot.tui.present.answers.bpf_envelope import BpfEnvelopeAnswer
from warmboot.tui.present.answers.bpf_rehearse import BpfRehearseAnswer
from warmboot.tui.present.answers.cmdline import CmdlineAnswer
from warmboot.tui.present.answers.compare import CompareAnswer
from warmboot.tui.present.answers.confirm import ConfirmAnswer
from warmboot.tui.present.answers.doctor import DoctorAnswer
from warmboot.tui.present.answers.error import ErrorAnswer
from warmboot.tui.present.answers.evidence import EvidenceAnswer
from warmboot.tui.present.answers.exec import ExecAnswer
from warmboot.tui.present.answers.extract import ExtractAnswer
from warmboot.tui.present.answers.history import HistoryAnswer
from warmboot.tui.present.answers.inspect import InspectImageAnswer, InspectInitrdsAnswer
from warmboot.tui.present.answers.list import ListAnswer
from warmboot.tui.present.answers.needs_restart import NeedsRestartAnswer
from warmboot.tui.present.answers.objects.image import ImageFields
from warmboot.tui.present.answers.objects.kernel_image import KernelImageFields
from warmboot.tui.present.answers.report import ReportAnswer
from warmboot.tui.present.answers.sandbox import SandboxAnswer
from warmboot.tui.present.answers.shape import members, objects_in
from warmboot.tui.present.answers.stage import StageAnswer
from warmboot.tui.present.answers.status import StatusAnswer
from warmboot.tui.present.answers.unload import UnloadAnswer
from warmboot.tui.present.answers.wait import WaitAnswer

#: The answers of each command, in the order of ``warmboot --help``.
ANSWERS: dict[str, tuple[Any, ...]] = {
    "list": (ListAnswer,),
    "inspect": (InspectImageAnswer, InspectInitrdsAnswer),
    "extract": (ExtractAnswer,),
    "cmdline": (CmdlineAnswer,),
    "compare": (CompareAnswer,),
    "stage": (StageAnswer,),
    "doctor": (DoctorAnswer,),
    "status": (StatusAnswer,),
    "needs-restart": (NeedsRestartAnswer,),
    "history": (HistoryAnswer,),
    "exec": (ExecAnswer,),
    "confirm": (ConfirmAnswer,),
    "wait": (WaitAnswer,),
    "unload": (UnloadAnswer,),
    "report": (ReportAnswer,),
    "bpf build": (BpfBuildAnswer,),
    "bpf rehearse": (BpfRehearseAnswer,),
    "bpf envelope": (BpfEnvelopeAnswer,),
    "sandbox": (SandboxAnswer,),
}

#: Answers that are no command's own: the file of evidence, and the failure of any command.
OTHERS: dict[str, Any] = {"evidence": EvidenceAnswer, "error": ErrorAnswer}

#: Objects that come in several forms, told apart by the field `format`.
UNIONS: dict[str, Any] = {"kernel_image": KernelImageFields, "image": ImageFields}


def answers() -> Iterator[Any]:
    """Yield every answer."""
    for shapes in ANSWERS.values():
        yield from shapes
    yield from OTHERS.values()


def objects() -> tuple[Any, ...]:
    """Return every object that stands in an answer, in the order they are met."""
    found: dict[Any, None] = {}
    waiting = list(answers())
    for shape in waiting:
        for part in objects_in(shape):
            if part not in found:
                found[part] = None
                waiting.append(part)
    return tuple(found)


def union_name(parts: tuple[Any, ...]) -> str | None:
    """Return the name of what comes in the forms `parts`, None for one form or no such union."""
    return next((name for name, kind in UNIONS.items() if members(kind)[0] == parts), None)
