"""What a restart waits for."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command import Call

from warmboot.core.errors import ExitCode
from warmboot.core.session import open_session

DEFAULT = "6.17.8-sandbox"


WAYS = [(), ("--trial", "10m"), ("--in", "10m"), ("--whatever-is-staged",)]


@pytest.mark.parametrize("way", WAYS)
def test_a_system_on_trial_is_not_left_before_it_is_confirmed(
    sandbox: Path, call: Call, way: tuple[str, ...]
) -> None:
    """Its watchdog counts on through the next jump, and would reset a system that knows nothing."""
    call("stage", "--default")
    assert call("exec", "--yes", "--trial", "10m")[0] == ExitCode.OK
    assert open_session(sandbox).host.release == DEFAULT
    call("stage", "--default")
    code, answer = call("exec", "--yes", *way)
    assert code == ExitCode.BLOCKED
    assert "on trial itself" in answer["error"]["message"]
    assert open_session(sandbox).status().countdown is None
    assert call("confirm")[0] == ExitCode.OK
    assert call("exec", "--yes")[0] == ExitCode.OK
