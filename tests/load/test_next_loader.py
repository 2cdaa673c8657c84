"""A call that the kernel turns out not to have: the next one is tried, and that is said."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from warmboot.core.errors import Refused
from warmboot.core.load import errnos
from warmboot.core.load.loader import LoadRequest
from warmboot.core.plan.request import Call, PlanRequest
from warmboot.core.plan.staged import Staged
from warmboot.core.sandbox.simulator import Simulator
from warmboot.core.session import open_session

ENTRY = "warmboot-6.17.8-sandbox"


class Lacking(Simulator):
    """A kernel without some of the calls."""

    def __init__(self, prefix: Path, missing: tuple[Call, ...]) -> None:
        super().__init__(prefix)
        self.missing = missing
        self.asked: list[Call] = []

    def load(self, request: LoadRequest) -> None:
        self.asked.append(request.call)
        if request.call in self.missing:
            raise errnos.refusal(errno.ENOSYS, errnos.LOAD, "Staging")
        super().load(request)


def staged(
    root: Path, *missing: Call, wanted: Call | None = None, options: bool = False
) -> tuple[Staged, str | None, list[Call]]:
    """Stage on a machine that lacks calls; `options`: whether its build options can be read."""
    if not options:
        for config in root.glob("boot/config-*"):
            config.unlink()
    session = open_session(root)
    loader = Lacking(session.host.prefix, missing)
    session.__dict__["loader"] = loader
    with (
        session.plan(PlanRequest(entry=ENTRY, loader=wanted)) as opened,
        session.prepare(opened) as prepared,
    ):
        what, warning = session.stage(prepared)
    return what, warning, loader.asked


def test_the_next_call_is_tried_and_named(root: Path) -> None:
    what, warning, asked = staged(root, Call.FILE)
    assert asked == [Call.FILE, Call.LOAD]
    assert what.loader == "simulated kexec_load(2)"
    assert warning is not None
    assert "no simulated kexec_file_load(2): simulated kexec_load(2) was used instead" in warning
    journal = open_session(root).records()
    assert any("kexec_load(2)" in str(line) for line in journal)


def test_a_kernel_that_has_it_is_asked_once(root: Path) -> None:
    what, warning, asked = staged(root)
    assert (asked, warning) == ([Call.FILE], None)
    assert what.loader == "simulated kexec_file_load(2)"


@pytest.mark.parametrize(
    ("missing", "wanted", "options"),
    [
        ((Call.FILE,), Call.FILE, False),  # it was asked for by name
        ((Call.FILE,), None, True),  # its build options say that it is there
    ],
)
def test_nothing_else_is_tried(
    root: Path, missing: tuple[Call, ...], wanted: Call | None, options: bool
) -> None:
    with pytest.raises(Refused) as caught:
        staged(root, *missing, wanted=wanted, options=options)
    assert caught.value.errno == errno.ENOSYS
    assert not open_session(root).status().staged


def test_where_no_call_is_there_both_are_named(root: Path) -> None:
    with pytest.raises(Refused) as caught:
        staged(root, Call.FILE, Call.LOAD)
    said = "No kexec_file_load(2) here, so kexec_load(2) was tried. Staging was refused: this"
    assert caught.value.message.startswith(said)
