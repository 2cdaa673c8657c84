"""One answer for both front ends: the same request gives the same plan, whoever asks."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from warmboot.core.boot.root import BootRoot
from warmboot.core.host import read_host
from warmboot.core.plan.plan import Plan
from warmboot.core.plan.request import Call, Origin, PlanRequest
from warmboot.core.progress import Cancel
from warmboot.core.sandbox.machine import SimulatedMachine, write_machine
from warmboot.core.sandbox.tree import create_sandbox
from warmboot.core.session import Session, open_session
from warmboot.tui.commands.options import stage_request
from warmboot.tui.parser import make_parser
from warmboot.tui.screens.workers import open_plan

ENTRY = "warmboot-6.17.8-sandbox.conf"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("machines") / "sandbox"
    create_sandbox(path)
    return path


@pytest.fixture
def foreign(tmp_path: Path, sandbox: Path) -> Session:
    """This machine simulated, with the root of another system as boot root."""
    machine = tmp_path / "here"
    write_machine(machine, SimulatedMachine("aarch64", "6.1.0", "root=/dev/here ro"))
    (sandbox / "etc/kernel").mkdir(parents=True, exist_ok=True)
    (sandbox / "etc/kernel/cmdline").write_text("root=/dev/there ro\n")
    return Session(BootRoot(sandbox), read_host(machine), simulated=True, foreign_root=True)


def planned(session: Session, request: PlanRequest) -> Plan:
    with session.plan(request) as opened:
        return opened.plan


def test_an_entry_without_options_gets_its_own_system_s_command_line(foreign: Session) -> None:
    request = PlanRequest(entry="vmlinuz-6.6.119-lts")
    plan = planned(foreign, request)
    assert (plan.cmdline.text, plan.cmdline.origin) == ("root=/dev/there ro", Origin.INSTALLED)
    assert foreign.doctor(request) == plan.findings
    evidence = foreign.evidence(request).plan
    assert evidence is not None
    assert evidence.cmdline == plan.cmdline
    assert open_plan(foreign, request, Cancel()).opened.plan.cmdline == plan.cmdline
    assert foreign.command_line(request).line == plan.cmdline


def test_doctor_says_of_a_command_line_what_staging_says(sandbox: Path) -> None:
    session = open_session(sandbox)
    request = PlanRequest(entry=ENTRY)
    names = {finding.check for finding in session.doctor(request)}
    assert {name for name in names if name.startswith("command-line-")}
    assert session.doctor(request) == planned(session, request).findings


def test_a_name_of_several_entries_means_the_one_that_the_list_marks(sandbox: Path) -> None:
    folder = sandbox / "boot/loader/entries"
    first = folder / ENTRY
    second = folder / "zz-recovery.conf"
    second.write_text(first.read_text() + "sort-key aaa\n")
    (sandbox / "boot/loader/loader.conf").write_text(f"default {ENTRY}\n")
    try:
        session = open_session(sandbox)
        (marked,) = [entry.id for entry in session.entries().entries if entry.default]
        assert session.entry("6.17.8-sandbox").id == marked
        for plan in (
            planned(session, PlanRequest(entry="6.17.8-sandbox")),
            session.evidence(PlanRequest(entry="6.17.8-sandbox")).plan,
        ):
            assert plan is not None
            assert plan.entry == marked
    finally:
        second.unlink()
        (sandbox / "boot/loader/loader.conf").unlink()


def command_lines(sandbox: Path) -> Iterator[tuple[list[str], PlanRequest]]:
    """Yield the words of a command line, and the request that the screen would make of them."""
    kernel = str(sandbox / "boot/vmlinuz-6.6.119-lts")
    initrd = str(sandbox / "boot/initrd.img-6.6.119-lts")
    whats = (
        ([ENTRY], PlanRequest(entry=ENTRY)),
        (["warmboot-7"], PlanRequest(entry="warmboot-7")),
        (["--kernel", kernel], PlanRequest(kernel=kernel)),
        (["--kernel", kernel, "--initrd", initrd], PlanRequest(kernel=kernel, initrds=(initrd,))),
    )
    lines: tuple[tuple[list[str], dict[str, object]], ...] = (
        ([], {}),
        (["--cmdline", "root=/dev/x quiet"], {"cmdline": "root=/dev/x quiet"}),
        (["--reuse-cmdline"], {"cmdline_from": Origin.RUNNING}),
        (["--preset", "rescue", "--append", "a=1"], {"presets": ("rescue",), "append": "a=1"}),
    )
    others: tuple[tuple[list[str], dict[str, object]], ...] = (
        ([], {}),
        (["--no-initrd", "--loader", "load"], {"initrds": (), "loader": Call.LOAD}),
        (["--force", "memory"], {"forced": ("memory",)}),
    )
    for (what, request), (line, asked), (other, more) in itertools.product(whats, lines, others):
        yield [*what, *line, *other], request._replace(**asked, **more)  # type: ignore[arg-type]


def test_the_command_line_and_the_screen_get_equal_plans(sandbox: Path) -> None:
    count = 0
    for words, request in command_lines(sandbox):
        if "--no-initrd" in words and "--initrd" in words:
            continue
        arguments = ["--root", str(sandbox), "stage", *words]
        asked = stage_request(make_parser(arguments).parse_args(arguments))
        assert asked == request
        session = open_session(sandbox)
        with open_plan(session, request, Cancel()).opened as shown:
            assert planned(session, asked) == shown.plan
        count += 1
    assert count >= 36
