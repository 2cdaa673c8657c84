"""Whoever came over the network is told what would keep them from coming back that way."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.command import Call
from support.files import put
from support.machines import make_machine

from warmboot.core.boot.cmdline import parse
from warmboot.core.boot.cmdline_context import CmdlineContext
from warmboot.core.boot.presets import apply, built_in
from warmboot.core.host import read_host
from warmboot.core.plan.checks.base import Verdict
from warmboot.core.plan.checks.command_line import CmdlineSubject
from warmboot.core.plan.checks.registry import judge_login
from warmboot.core.plan.checks.remote_login import REMOTE_LOGIN
from warmboot.core.session import open_session
from warmboot.tui.cli import main

RUNNING = "root=/dev/vda1 ro ip=192.0.2.9::192.0.2.1:255.255.255.0::eth0:off net.ifnames=0 quiet"


def verdict(line: str, running: str = RUNNING, remote: str | None = "192.0.2.17") -> str:
    """Return the worst that is said of a line, "" for nothing."""
    subject = CmdlineSubject(parse(line), CmdlineContext(), running=parse(running), remote=remote)
    found = [finding.verdict for finding in REMOTE_LOGIN.run(subject)]
    return next((str(one) for one in ("fail", "warn", "pass") if one in found), "")


@pytest.mark.parametrize(
    "words",
    [
        "systemd.unit=rescue.target", "systemd.unit=emergency.target", "init=/bin/sh", "single",
        "init=/usr/bin/bash", "rdinit=/bin/busybox", "S", "s", "1", "emergency", "rescue",
        "-- single", "-- -b", "break", "break=premount", "rd.break", "rd.break=pre-mount",
        "rd.systemd.unit=emergency.target", "systemd.mask=ssh.service", "systemd.mask=sshd.socket",
        'init="/bin/sh"', "systemd.confirm_spawn=1", "systemd.unit=rescue.service",
    ],
)  # fmt: skip
def test_words_that_lead_to_a_shell_on_the_console_are_refused(words: str) -> None:
    assert verdict(f"{RUNNING} {words}") == "fail"
    assert verdict(f"{RUNNING} {words}", remote=None) == ""
    assert verdict(f"{RUNNING} {words}", f"{RUNNING} {words}") == "pass", "they let us in"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (RUNNING, "pass"),
        (f"{RUNNING} init=/usr/lib/systemd/systemd -- --log-level=debug", "pass"),
        (f"{RUNNING} systemd.unit=multi-user.target panic=30 rd.shell=0", "pass"),
        (f"{RUNNING} single=no systemd.confirm_spawn=0 systemd.mask=cups.service", "pass"),
        ("root=/dev/vda1 ro net.ifnames=0", "warn"),
        ("root=/dev/vda1 ro ip=dhcp net.ifnames=0", "warn"),
        (RUNNING.replace("net.ifnames=0", "net.ifnames=1"), "warn"),
        (RUNNING.replace("net.ifnames=0 ", ""), "warn"),
        (f"{RUNNING} biosdevname=0", "warn"),
        (f"{RUNNING} nameserver=192.0.2.1", "pass"),
    ],
)
def test_what_is_said_of_a_line(line: str, said: str) -> None:
    assert verdict(line) == said


def test_presets_that_end_in_a_shell_are_told_from_the_others() -> None:
    said = {one.name: verdict(apply(RUNNING, one)) for one in built_in("x86_64")}
    assert said.pop("rescue") == said.pop("init-shell") == "fail"
    assert set(said.values()) == {"pass"}


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_words_get_a_printable_answer(line: str, running: str) -> None:
    subject = CmdlineSubject(parse(line), CmdlineContext(), running=parse(running), remote="x")
    found = list(REMOTE_LOGIN.run(subject))
    assert found
    assert all(finding.text.isprintable() and len(finding.text) < 1000 for finding in found)
    assert verdict(line, line) == "pass"


def test_where_a_login_comes_from(tmp_path: Path) -> None:
    root = make_machine(tmp_path)
    assert read_host(root).remote == "192.0.2.17"
    assert judge_login("single", read_host(root))[0].verdict is Verdict.FAIL
    assert judge_login("root=/dev/vda1", read_host(root)) == ()
    own = root / "run/systemd/sessions/3"
    own.write_text(own.read_text().replace("active", "closing"))  # what tmux outlives
    assert read_host(root).remote == "192.0.2.17"
    put(root, "run/systemd/sessions/3", "USER=root\nCLASS=user\nSTATE=active\nTTY=tty1\n")
    assert read_host(root).remote is None
    assert judge_login("single", read_host(root)) == ()
    put(root, "run/systemd/sessions/3", "USER=root\nSTATE=active\nREMOTE=1\nTTY=pts/0\n")
    assert read_host(root).remote == "elsewhere"
    shutil.rmtree(root / "run/systemd/sessions")
    assert read_host(root).remote is None


def test_a_restart_says_again_what_would_lock_one_out(
    sandbox: Path, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = "warmboot-6.17.8-sandbox.conf"
    assert call("stage", entry, "--append", "single", "--force", "remote-login")[0] == 0
    session = open_session(sandbox)
    (concern,) = session.restarts.concerns(session.restarts.target())
    assert (concern.check, concern.verdict) == ("remote-login", Verdict.FAIL)
    assert session.restarts.concerns(None) == ()
    put(sandbox, "run/systemd/sessions/3", "USER=root\nSTATE=active\nTTY=tty1\n")
    session = open_session(sandbox)
    assert session.restarts.concerns(session.restarts.target()) == (), "at the console now"
    put(sandbox, "run/systemd/sessions/3", "USER=root\nSTATE=active\nREMOTE=1\nTTY=pts/0\n")
    assert main(["--root", str(sandbox), "exec", "--yes"]) == 0
    said = capsys.readouterr().err
    assert "You are logged in from elsewhere; with single nobody can log in" in said
