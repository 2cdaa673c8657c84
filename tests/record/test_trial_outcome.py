"""What the lines of a journal say of a trial, whatever order its ends come in."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.files import put
from support.hardware_trees import DISKS, Tree
from support.machines import make_machine
from support.superblock import UUID, superblock

from warmboot.core.host import Host, read_host
from warmboot.core.host.last_words import BootBefore, LastWords
from warmboot.core.plan.trial.trial import CONFIRMED, Mark
from warmboot.core.record import trial_outcome
from warmboot.core.record.journal import Line
from warmboot.core.record.trial_outcome import Cause, TrialState, ending_of_trial, last_trial

ID = "0a1b2c3d"
EXECUTING: Line = {"event": "executing", "at": 100.0, "boot_id": "old", "trial": ID}
ENDS: dict[str, Line] = {
    "expired": {"event": "expired", "trial": ID, "at": 160},
    "confirmed": {"event": "confirmed", "trial": ID, "at": 160, "by": "health check"},
    "reverting": {"event": "reverting", "trial": ID, "at": 160, "uid": 0},
    "not reverted": {"event": "failed", "step": "reverting", "at": 161},
    "another's": {"event": "confirmed", "trial": "ffffffff", "at": 162},
}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_machine(tmp_path_factory.mktemp("outcome"))


def expected(names: tuple[str, ...]) -> str | None:
    """What ends it, one line after the other: the first end counts, an attempt that failed not."""
    ended: list[str] = []
    for name in names:
        if name == "not reverted":
            ended = [one for one in ended if one != "reverting"]
        elif name != "another's":
            ended.append(name)
    return ended[0] if ended else None


@pytest.mark.parametrize("names", list(itertools.permutations(ENDS, 3)), ids="-".join)
def test_the_first_end_counts(machine: Path, names: tuple[str, ...]) -> None:
    lines = [EXECUTING, *(ENDS[name] for name in names)]
    outcome, ended = last_trial(lines, read_host(machine)), expected(names)
    said = ending_of_trial(lines)
    if ended == "confirmed":
        assert outcome is None, "a later start by hand is no coming back"
        assert said == "on trial, confirmed by health check"
        return
    assert outcome is not None
    assert outcome.state is TrialState.RETURNED
    causes = {"expired": Cause.DEAD_MAN, "reverting": Cause.ASKED, None: Cause.UNKNOWN}
    assert outcome.cause is causes[ended]
    assert said is not None
    assert "confirmed by" not in said


STAGED: Line = {
    "entry": None, "kernel": "/boot/vmlinuz", "initrds": [], "release": "6.12.1", "cmdline": "",
    "strategy": "unpacked", "loader": "kexec_file_load", "sha256": None, "at": 90.0,
    "boot_id": "old", "trial": ID,
}  # fmt: skip
COUNTED = {"uuid": UUID, "count": 7, "checked": 1}


def left_with(cmdline: str, counted: object = None) -> list[Line]:
    """The lines of a restart on trial that nothing ended."""
    return [
        {"event": "arming", "at": 99.0, "trial": ID, "trial_plan": {"root_mounts": counted}},
        {**EXECUTING, "staged": {**STAGED, "cmdline": cmdline}},
    ]


def on_ext4(root: Path, count: int) -> Host:
    """A machine whose root file system has counted so many mounts."""
    tree = Tree(make_machine(root))
    tree.root_on(tree.disk(DISKS["ahci"]), "ext4")
    put(root, "proc/cmdline", "root=/dev/sda1 ro\n")
    put(root, "proc/self/mountinfo", "29 1 8:1 / / rw - ext4 /dev/sda1 rw\n")
    put(root, "dev/sda1", superblock(count, 1))
    return read_host(root)


@pytest.mark.parametrize(
    ("since", "wanted", "cause"),
    [
        (1, "/dev/sda1", Cause.BEFORE_ROOT),
        (2, "/dev/sda1", Cause.UNKNOWN),
        (1, "/dev/nowhere", Cause.BEFORE_ROOT),
        (2, "/dev/nowhere", Cause.ROOT_ABSENT),
        (2, "LABEL=NOWHERE", Cause.UNKNOWN),
    ],
    ids=["not mounted", "mounted", "not mounted, absent", "absent", "no links in /dev/disk"],
)
def test_without_a_record_it_says_how_far_the_new_system_came(
    tmp_path: Path, since: int, wanted: str, cause: Cause
) -> None:
    outcome = last_trial(left_with(f"root={wanted}", COUNTED), on_ext4(tmp_path, 7 + since))
    assert outcome is not None
    assert outcome.cause is cause
    assert "no watchdog fired, pstore has no panic" in outcome.text
    assert ("names no device that is here now" in outcome.text) == (cause is Cause.ROOT_ABSENT)


def test_the_journal_says_whether_the_new_system_came_so_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = LastWords(("Started cron.service.",), "journalctl --boot=-1", False)
    host = on_ext4(tmp_path, 8)
    for found, said in (
        (BootBefore(words), "came as far as its journal"),
        (BootBefore(is_left=True), "ended before it wrote any"),
        (BootBefore(), "an initrd that found no root file system"),
    ):
        monkeypatch.setattr(trial_outcome, "read_journal", lambda *_, found=found: found)
        outcome = last_trial(left_with("root=/dev/sda1"), host)
        assert outcome is not None
        assert (outcome.cause, outcome.last_words) == (Cause.UNKNOWN, found.words)
        assert said in outcome.text


@given(st.recursive(st.none() | st.integers() | st.text(), lambda e: st.lists(e) | st.dictionaries(
    st.sampled_from(["uuid", "count", "checked", "cmdline", "root_mounts"]), e)))  # fmt: skip
def test_any_record_of_the_root_is_read_without_an_error(machine: Path, record: object) -> None:
    lines = left_with("root=/dev/vda1", record)
    for changed in (lines, [{**lines[0], "trial_plan": record}, {**lines[1], "staged": record}]):
        outcome = last_trial(changed, read_host(machine))
        assert outcome is not None
        assert outcome.cause in (Cause.UNKNOWN, Cause.ROOT_ABSENT)


@pytest.mark.parametrize("how", ["", "health check", "by hand", ID, "\x1b[2J"])
def test_without_a_line_the_note_in_run_tells(tmp_path: Path, how: str) -> None:
    root = make_machine(tmp_path)
    (root / "proc/cmdline").write_text(Mark(ID, 60, None, (), 0).word() + "\n")
    note = root / CONFIRMED.lstrip("/")
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(f"{ID} {how}\n" if how else f"{ID}\n")
    outcome = last_trial((), read_host(root))
    assert outcome is not None
    assert outcome.state is TrialState.CONFIRMED
    assert outcome.text == f"confirmed by {outcome.by}"
    assert outcome.text.isprintable()


def by_hand(boot: str) -> Line:
    return {"event": "confirmed", "trial": ID, "at": 160.0, "boot_id": boot, "uid": 0}


@pytest.mark.parametrize("event", ["failed", "refused", None], ids=str)
@pytest.mark.parametrize("trial", [None, "ffffffff"])
@pytest.mark.parametrize("begun", [True, False])
def test_another_restart_from_there_does_not_undo_what_was_confirmed(
    tmp_path: Path, event: str | None, trial: str | None, begun: bool
) -> None:
    """One that did not take place, or is under way; one that was due may fail before it begins."""
    root = make_machine(tmp_path)
    put(root, "proc/cmdline", Mark(ID, 60, None, (), 0).word() + "\n")
    host = read_host(root)
    here = str(host.boot_id)
    lines = [EXECUTING, by_hand(here)]
    if begun:
        lines.append({"event": "executing", "at": 200.0, "boot_id": here, "trial": trial})
    if event is not None:
        lines.append({"event": event, "step": "executing", "boot_id": here, "at": 201.0})
    outcome = last_trial(lines, host)
    assert outcome is not None
    assert (outcome.id, outcome.state) == (ID, TrialState.CONFIRMED)


@pytest.mark.parametrize("how", ["by hand", "health check"])
def test_what_was_confirmed_in_an_earlier_boot_does_not_count(tmp_path: Path, how: str) -> None:
    """Whoever takes the command line over (kernel-install, kexec --reuse-cmdline) takes the trial:
    its timer runs again, and has to be stopped again."""
    root = make_machine(tmp_path)
    put(root, "proc/cmdline", Mark(ID, 60, None, (), 0).word() + "\n")
    before = ENDS["confirmed"] if how == "health check" else by_hand("earlier")
    lines = [EXECUTING, before]
    outcome = last_trial(lines, read_host(root))
    assert outcome is not None
    assert outcome.state is TrialState.PENDING
    put(root, CONFIRMED.lstrip("/"), f"{ID} by hand\n")
    outcome = last_trial(lines, read_host(root))
    assert outcome is not None
    assert outcome.state is TrialState.CONFIRMED


def line_of(boot: str, release: str) -> Line:
    return {"event": "staging", "at": 300.0, "boot_id": boot, "release": release}


@pytest.mark.parametrize(
    ("later", "over"),
    [
        ([], False),
        ([line_of("here", "6.1.0")], False),
        ([line_of("trial", "6.12.1"), line_of("here", "6.1.0")], False),
        ([line_of("back", "6.1.0")], True),
        ([line_of("back", "6.1.0"), line_of("here", "6.1.0")], True),
        ([line_of("trial", "6.12.1"), line_of("back", "6.1.0")], True),
    ],
    ids=["nothing", "this", "the trial's", "the one it came back to", "both", "all"],
)
def test_of_a_boot_behind_the_one_that_came_back_it_says_nothing(
    tmp_path: Path, later: list[Line], over: bool
) -> None:
    """How long it was away, and what the watchdog tells, is only true in the boot right after."""
    root = make_machine(tmp_path)
    put(root, "proc/sys/kernel/random/boot_id", "here\n")
    outcome = last_trial([*left_with("root=/dev/vda1"), *later], read_host(root))
    assert (outcome is None) is over
