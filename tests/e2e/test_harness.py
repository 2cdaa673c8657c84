"""The harness itself: nothing but a kernel with this run's nonces counts as success.

Shell commands stand for QEMU here.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from .guest import Guest, GuestCrashError, GuestError, Step, converse, steps
from .proof import Nonces, SecondKernel, second_kernel

NOW, BEFORE = Nonces("aa11", "bb22"), Nonces("cc33", "dd44")
TRUE_STORY = f"e2e: second kernel 6.1 initrd={NOW.initrd} cmdline=quiet e2e={NOW.cmdline} :end"


def hear(script: str, seconds: float = 10.0) -> SecondKernel:
    return converse(["sh", "-c", script], lambda guest: second_kernel(guest, NOW, seconds))


def test_the_marker_with_both_nonces_is_success() -> None:
    told = hear(f"echo noise; echo '{TRUE_STORY}'; exit 0")
    assert told == SecondKernel("6.1", f"quiet e2e={NOW.cmdline}")


OTHER_STORIES = {
    "silence": "",
    "power-off": "reboot: Power down",
    "another-command-line": TRUE_STORY.replace(NOW.cmdline, BEFORE.cmdline),
    "another-initrd": TRUE_STORY.replace(NOW.initrd, BEFORE.initrd),
    "no-initrd": TRUE_STORY.replace(NOW.initrd, ""),
    "another-parameter": TRUE_STORY.replace("e2e=", "note="),
    "inside-a-line": "e2e: begin stage " + TRUE_STORY,
}


@pytest.mark.parametrize("said", OTHER_STORIES.values(), ids=OTHER_STORIES)
def test_anything_else_before_the_guest_ends_is_a_failure(said: str) -> None:
    with pytest.raises(GuestError, match="the guest ended"):
        hear(f"echo '{said}'")


def test_silence_is_a_failure_that_shows_what_came_before() -> None:
    with pytest.raises(GuestError, match=r"(?s)0\.5 s without .*the last word"):
        hear("echo the last word; exec sleep 20", seconds=0.5)


@pytest.mark.parametrize(
    "crash",
    ["echo 'Kernel panic - not syncing'; exec sleep 20", "kill -SEGV $$"],
    ids=["kernel", "emulator"],
)
def test_a_crash_is_tried_once_more_and_no_more(crash: str, tmp_path: Path) -> None:
    count = f"echo x >> {tmp_path}/tries; "
    with pytest.raises(GuestCrashError):
        hear(count + crash)
    assert (tmp_path / "tries").read_text() == "x\nx\n"


def test_a_failure_is_not_tried_again(tmp_path: Path) -> None:
    with pytest.raises(GuestError):
        hear(f"echo x >> {tmp_path}/tries; echo 'Nothing staged'")
    assert (tmp_path / "tries").read_text() == "x\n"


def test_a_success_after_a_crash_counts(tmp_path: Path) -> None:
    again = f"if [ -e {tmp_path}/x ]; then echo '{TRUE_STORY}'; else touch {tmp_path}/x; exit 9; fi"
    assert hear(again).release == "6.1"


def test_steps_are_read_back_with_their_exit_codes() -> None:
    printed = ("e2e: begin a", "1", "e2e: end a 0", "e2e: begin b", "e2e: end b 7", "over")
    script = "; ".join(f"echo {line}" for line in printed)
    with Guest(["sh", "-c", script]) as guest:
        guest.wait_for("^over$", 10)
        assert steps(guest.transcript) == {"a": Step(0, "1\n"), "b": Step(7, "")}
