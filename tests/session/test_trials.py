"""Restarts on trial on a simulated machine: confirmed, and every way back; nothing stays armed."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest
from support.trials import ASKED, DOG, NEW, OLD, ONE_SHOT, begin, nothing_armed, stage

from warmboot.core.boot.cmdline import reusable
from warmboot.core.errors import Blocked, NotFound, WarmbootError
from warmboot.core.payload.cpio_writer import Node, build_cpio
from warmboot.core.plan.trial.trial import CONFIRMED, LayerName, OneShot, TrialRequest, read_mark
from warmboot.core.record.trial_outcome import Cause, TrialState
from warmboot.core.sandbox.marker import TRIAL
from warmboot.core.session import Session, open_session

LIBRARY = "usr/lib/systemd/libsystemd-shared-257.so"


def let_pass(root: Path, seconds: float) -> Session:
    """Have so much time gone by on the simulated machine."""
    path = root / TRIAL
    state = json.loads(path.read_text())
    for name in ("ends", "checked"):
        state[name] = state[name] and state[name] - seconds
    path.write_text(json.dumps(state))
    return open_session(root)


def test_a_trial_is_planned_with_each_layer_and_the_way_back(sandbox: Path) -> None:
    trial = stage(sandbox).trials.plan(ASKED)
    assert [layer.name for layer in trial.layers] == list(LayerName)
    assert all(layer.how for layer in trial.layers)
    assert (trial.way_back.certain, trial.refusals) == (True, ())
    assert [choice.kind for choice in trial.way_back.choices] == [OneShot.LOADER_ENTRY]
    assert trial.watchdog is not None
    assert trial.watchdog.timeout > trial.asked.seconds
    assert nothing_armed(sandbox), "planning changes nothing"


@pytest.mark.parametrize("program", ["usr/lib/systemd/systemd", "lib/systemd/systemd", None])
def test_an_initrd_with_the_library_alone_has_no_systemd(
    sandbox: Path, program: str | None
) -> None:
    """udev brings the library of systemd into initrds where another program is process 1."""
    names = [
        f"usr/lib/x86_64-linux-gnu/systemd/{Path(LIBRARY).name}",
        *([program] if program else []),
    ]
    with (sandbox / f"boot/initrd.img-{NEW}").open("ab") as file:
        file.write(build_cpio({name: Node(b"", 0o100755) for name in names}))
    (sandbox / DOG).unlink()
    trial = stage(sandbox).trials.plan(ASKED)
    assert any("initrd that waits" in text for text in trial.not_covered) is (program is None)
    assert any(word.startswith("rd.systemd") for word in trial.words) is (program is not None)


@pytest.mark.parametrize(
    ("names", "given_up"),
    [
        (("lib/dracut-lib.sh", "lib/systemd/systemd", "lib/dracut/need-initqueue"), False),
        (("lib/dracut-lib.sh", "lib/systemd/systemd"), True),
        (("lib/dracut-lib.sh",), False),  # its own init has the queue always
        (("lib/systemd/systemd", "conf/initramfs.conf"), False),
    ],
)
@pytest.mark.parametrize("folder", ["", "usr/"])
def test_dracut_without_its_queue_gives_a_device_up_by_a_word_only(
    sandbox: Path, folder: str, names: tuple[str, ...], given_up: bool
) -> None:
    """Its queue does by rd.retry=, and waits as long as somebody is asked for a passphrase."""
    made = build_cpio({f"{folder}{name}": Node(b"", 0o100644) for name in names})
    (sandbox / f"boot/initrd.img-{NEW}").write_bytes(made)
    own = "root=/dev/vda2 rd.timeout=0 quiet"
    trial = stage(sandbox, cmdline=own, forced=("root-drivers",)).trials.plan(ASKED)
    words = (trial.request.cmdline or "").split()
    timeouts = [word for word in words if word.startswith("rd.timeout")]
    assert timeouts == (["rd.timeout=120"] if given_up else ["rd.timeout=0"])
    layer = next(layer for layer in trial.layers if layer.name is LayerName.INITRD)
    assert ("rd.timeout" in (layer.how or "")) is given_up


def test_its_words_are_about_that_restart_alone(sandbox: Path) -> None:
    own = "root=/dev/vda2 ro panic=5 quiet -- word"
    trial = stage(sandbox, cmdline=own).trials.plan(ASKED)
    line = trial.request.cmdline or ""
    mark = read_mark(line)
    assert mark is not None
    assert (mark.id, mark.seconds, mark.watchdog) == (trial.id, 600, "i6300esb")
    assert line.endswith(" -- word")
    assert line.count("panic=") == 1, "the one before is replaced"
    assert reusable(line) == "root=/dev/vda2 ro quiet -- word"


def test_confirmed_by_hand_it_stays_whatever_time_goes_by(sandbox: Path) -> None:
    session = begin(sandbox)
    assert session.host.release == NEW
    status = session.status()
    assert status.trial is not None
    assert status.trial.state is TrialState.PENDING
    assert status.timer is not None
    assert status.timer.ends is not None
    assert status.timer.ends > time.time()
    assert (sandbox / ONE_SHOT).exists()
    session.trials.confirm()
    assert nothing_armed(sandbox)
    noted = (sandbox / CONFIRMED.lstrip("/")).read_text()
    assert noted == f"{status.trial.id} by hand\n", "the unit does not start where this is"
    session = let_pass(sandbox, 100_000)
    assert session.host.release == NEW
    outcome = session.status().trial
    assert outcome is not None
    assert (outcome.state, outcome.by) == (TrialState.CONFIRMED, "root")
    assert session.history()[-1].trial == "on trial, confirmed by root"
    with pytest.raises(NotFound, match="is over"):
        session.trials.confirm()
    with pytest.raises(NotFound, match="is over"):
        session.trials.revert()


@pytest.mark.parametrize("checks", [("ssh",), ("network", "units"), ("true",)])
def test_confirmed_by_its_health_check(sandbox: Path, checks: tuple[str, ...]) -> None:
    begin(sandbox, ASKED._replace(checks=checks))
    session = let_pass(sandbox, 10)
    outcome = session.status().trial
    assert outcome is not None
    assert (outcome.state, outcome.by) == (TrialState.CONFIRMED, "health check")
    assert let_pass(sandbox, 100_000).host.release == NEW


def came_back(root: Path, cause: Cause) -> None:
    session = open_session(root)
    assert session.host.release == OLD
    outcome = session.status().trial
    assert outcome is not None
    assert (outcome.state, outcome.cause, outcome.release) == (TrialState.RETURNED, cause, NEW)
    assert outcome.away is not None
    assert nothing_armed(root)
    assert session.status().staged is False


def test_a_check_that_fails_does_not_confirm(sandbox: Path) -> None:
    begin(sandbox, ASKED._replace(checks=("false",)))
    assert let_pass(sandbox, 10).host.release == NEW
    let_pass(sandbox, 700)
    came_back(sandbox, Cause.DEAD_MAN)


def test_nobody_confirms(sandbox: Path) -> None:
    begin(sandbox)
    let_pass(sandbox, 700)
    came_back(sandbox, Cause.DEAD_MAN)
    assert open_session(sandbox).history()[-1].trial == "on trial, not confirmed in time"


def test_asked_to_go_back(sandbox: Path) -> None:
    begin(sandbox).trials.revert()
    came_back(sandbox, Cause.ASKED)
    assert open_session(sandbox).history()[-1].trial == "on trial, taken back by root"


def test_a_panic_is_quoted(sandbox: Path) -> None:
    begin(sandbox, append="init=/no/such/init")
    came_back(sandbox, Cause.PANIC)
    outcome = open_session(sandbox).status().trial
    assert outcome is not None
    assert outcome.last_words is not None
    assert "Requested init /no/such/init failed" in outcome.last_words.lines[0]


def test_without_a_root_file_system(sandbox: Path) -> None:
    begin(sandbox, append="root=/dev/nowhere")
    came_back(sandbox, Cause.UNKNOWN)


REFUSED: dict[str, tuple[Callable[[Path], object], TrialRequest, str]] = {
    "no way back": (
        lambda root: (root / ONE_SHOT.replace("EntryOneShot", "Info")).unlink(),
        ASKED,
        "The way back is not certain",
    ),
    "another BootNext": (
        lambda root: (
            root / "sys/firmware/efi/efivars/BootNext-8be4df61-93ca-11d2-aa0d-00e098032b8c"
        ).write_bytes(bytes((7, 0, 0, 0, 9, 0))),
        ASKED,
        "Boot0009",
    ),
    "no watchdog": (
        lambda root: (root / DOG).unlink(),
        ASKED,
        "hangs before its systemd",
    ),
    "too long for the watchdog": (lambda _: None, TrialRequest(2000), "2046 s at most"),
    "nothing ends it": (
        lambda root: deque(map(Path.unlink, (root / LIBRARY, root / DOG)), 0),
        ASKED,
        "Nothing here would end the trial",
    ),
    "a command that is too long": (
        lambda _: None,
        ASKED._replace(checks=("true " + "x" * 500, "true " + "y" * 500)),
        "bytes; the kernel takes 2048",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_trial_that_does_not_bring_the_machine_back_is_refused(sandbox: Path, case: str) -> None:
    change, asked, text = REFUSED[case]
    change(sandbox)
    session = stage(sandbox)
    trial = session.trials.plan(asked)
    with pytest.raises(Blocked) as caught:
        session.trials.execute(trial)
    assert text in caught.value.message
    assert nothing_armed(sandbox)
    assert session.host.release == OLD
    accepted = trial.asked._replace(without_way_back=True, without_watchdog=True)
    left = session.trials.plan(accepted).refusals
    assert bool(left) is (case in ("nothing ends it", "a command that is too long"))


def test_what_was_staged_is_what_is_tried(sandbox: Path) -> None:
    session = stage(sandbox)
    trial = session.trials.plan(ASKED)
    kernel = sandbox / f"boot/vmlinuz-{NEW}"
    other = sandbox / f"boot/vmlinuz-{OLD}"
    before = kernel.read_bytes()
    kernel.write_bytes(other.read_bytes())
    with pytest.raises(WarmbootError, match="not the one that was looked at"):
        session.trials.execute(trial)
    kernel.write_bytes(before)
    initrd = sandbox / f"boot/initrd.img-{NEW}"
    initrd.write_bytes(initrd.read_bytes() + bytes(512))
    with pytest.raises(WarmbootError, match="initrd is not the one that was staged"):
        session.trials.execute(trial)
    stage(sandbox, cmdline="root=/dev/vda2 ro")
    with pytest.raises(Blocked, match="changed meanwhile"):
        session.trials.execute(trial)
    assert nothing_armed(sandbox)


def test_words_that_a_trial_replaces_do_not_keep_it_from_starting(sandbox: Path) -> None:
    own = "root=/dev/vda2 ro panic=5 oops=panic rd.shell=1 rd.emergency=halt quiet"
    session = begin(sandbox, cmdline=own)
    assert session.host.release == NEW
    assert session.status().on_trial
