"""What a restart on trial takes along: its mark, its units, its health checks."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.files import put
from support.tools import needs_tool

from warmboot.core.boot.cmdline import append, reusable
from warmboot.core.errors import WrongArgument
from warmboot.core.fit.initramfs import Initramfs
from warmboot.core.images import BytesView
from warmboot.core.payload.initrd import read_initrd
from warmboot.core.plan.trial.health import BUILT_IN, Baseline, read_baseline, shell_of
from warmboot.core.plan.trial.target import TargetSystem
from warmboot.core.plan.trial.trial import (
    CHECK_UNIT,
    CONFIRMED,
    UNIT,
    Mark,
    OneShot,
    parse_time,
    read_mark,
)
from warmboot.core.plan.trial.unit import (
    JOURNAL,
    Way,
    carry,
    check_unit,
    dead_man,
    disarm_script,
    way_of,
)
from warmboot.core.plan.trial.watchdog import DRIVERS
from warmboot.core.record.journal import Journal

BASE = Baseline("192.0.2.1", 22, ())


@given(
    st.from_regex(r"[0-9a-f]{8}", fullmatch=True),
    st.integers(60, 86400),
    st.sampled_from([None, "i6300esb", "iTCO_wdt"]),
    st.lists(st.sampled_from(list(OneShot)), unique=True),
    st.lists(st.sampled_from(["a=b", "panic=30", "x"]), max_size=4),
)
def test_a_mark_is_read_back_and_its_words_go_with_it(
    name: str, seconds: int, watchdog: str | None, kinds: list[OneShot], words: list[str]
) -> None:
    ordered = tuple(kind for kind in OneShot if kind in kinds)
    mark = Mark(name, seconds, watchdog, ordered, len(words))
    line = append("root=/dev/a quiet -- init", " ".join([mark.word(), *words]))
    assert read_mark(line) == mark
    assert reusable(line) == "root=/dev/a quiet -- init"


@given(st.text(max_size=60))
def test_any_mark_is_read_without_an_error(text: str) -> None:
    line = f"root=/dev/a warmboot.trial={text} b c"
    read_mark(line)
    assert reusable(line).startswith("root=/dev/a")


@pytest.mark.parametrize(
    ("text", "seconds"), [("60", 60), ("90s", 90), ("10m", 600), ("2h", 7200), ("1440m", 86400)]
)
def test_times(text: str, seconds: int) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "59", "0", "-5m", "1d", "86401", "25h", "ten", "10 m", "٦٠"])
def test_what_is_no_time_for_a_trial(text: str) -> None:
    with pytest.raises(WrongArgument, match="no time for a trial"):
        parse_time(text)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("root", [None, 239, 252, 256, 262])
@pytest.mark.parametrize("inside", [None, 252, 257])
@pytest.mark.parametrize("kind", list(Initramfs))
def test_the_timer_comes_by_a_way_that_this_systemd_takes(
    known: bool, root: int | None, inside: int | None, kind: Initramfs
) -> None:
    target = TargetSystem(kind, inside, root, known)
    way, why_not = way_of(target)
    if way is None:
        assert why_not
        return
    assert known
    assert root is not None
    assert (way is Way.CREDENTIAL) is (root >= 256)
    carried = carry(way, target, "0a1b2c3d", 600, "(true)", "")
    assert (carried.segment == b"") is (way is Way.CREDENTIAL)
    assert f"systemd.wants={UNIT}" in carried.words
    rd = [word for word in carried.words if word.startswith("rd.systemd.wants")]
    assert bool(rd) is (inside is not None and way is not Way.PARAM_CONF)
    names = [n for part in read_initrd(BytesView(carried.segment)).segments for n in part.names]
    for word in carried.words:
        name, _, text = word.partition(":")
        if name.startswith("systemd.set_credential_binary="):
            unit = base64.b64decode(text).decode()
            assert ("RuntimeMaxSec=600" in unit) is name.endswith(UNIT)
            assert (f"ConditionPathExists=!{CONFIRMED}" in unit) is name.endswith(UNIT)
    if way is Way.PARAM_CONF:
        assert {"conf/param.conf", f"warmboot/{UNIT}", f"warmboot/{CHECK_UNIT}"} <= set(names)
    if way is Way.INITRD_UNIT:
        assert f"etc/systemd/system/{UNIT}" in names


def script_of(unit: str, key: str) -> str:
    """The shell of a unit's command, as systemd hands it over."""
    found = re.search(rf'^{key}=-?/bin/sh -c "(.*)"$', unit, re.MULTILINE)
    assert found
    text = found[1].replace("$$", "$").replace("%%", "%")
    return re.sub(r"\\(.)", r"\1", text)


def run_shell(script: str, root: Path, **variables: str) -> int:
    """Run it with its files below `root`, and with stand-ins for the system's programs."""
    for name in ("systemctl", "modprobe", "sleep", "sync"):
        path = root / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'#!/bin/sh\necho {name} "$@" >>{root}/called\n')
        path.chmod(0o755)
    for place in ("/var/lib/warmboot", "/run/warmboot", "/dev/", "/sys/class/watchdog"):
        script = script.replace(place, f"{root}{place}")
    env = {"PATH": f"{root}/bin:{os.environ['PATH']}", **variables}
    return subprocess.run(["sh", "-c", script], env=env, check=False).returncode


@pytest.fixture
def system(tmp_path: Path) -> Path:
    for place in ("var/lib/warmboot", "dev"):
        (tmp_path / place).mkdir(parents=True)
    put(tmp_path, "sys/class/watchdog/watchdog0/identity", "iTCO_wdt\n")
    put(tmp_path, "sys/class/watchdog/watchdog1/identity", "i6300ESB timer\n")
    return tmp_path


@pytest.mark.parametrize("result", ["timeout", "success"])
def test_the_timer_notes_that_it_fired_and_nothing_else(system: Path, result: str) -> None:
    script = script_of(dead_man("0a1b2c3d", 60), "ExecStopPost")
    run_shell(script, system, SERVICE_RESULT=result)
    lines = Journal(system).lines()
    if result == "success":
        assert lines == []
        return
    (line,) = lines
    assert (line["event"], line["trial"]) == ("expired", "0a1b2c3d")
    assert isinstance(line["at"], int)


@pytest.mark.parametrize("module", ["i6300esb", "iTCO_wdt"])
@pytest.mark.parametrize("journal", [True, False])
def test_a_check_stops_the_watchdog_then_the_timer_and_notes_it(
    system: Path, journal: bool, module: str
) -> None:
    if not journal:
        shutil.rmtree(system / "var/lib/warmboot")
    unit = check_unit("0a1b2c3d", '([ "a b" = "a b" ]&&test 50% != "$x")', disarm_script(module))
    run_shell(script_of(unit, "ExecStart"), system)
    called = (system / "called").read_text().splitlines()
    assert called[:2] == [f"modprobe {module}", f"systemctl stop {UNIT}"]
    stopped = {path.name: path.read_text() for path in (system / "dev").iterdir()}
    assert stopped == ({"watchdog0": "V\n"} if module == "iTCO_wdt" else {})
    assert (system / "run/warmboot/confirmed").read_text() == "0a1b2c3d\n"
    events = [(line["event"], line["by"]) for line in Journal(system).lines()]
    assert events == ([("confirmed", "health check")] if journal else [])


@pytest.mark.parametrize("module", sorted(n for n, d in DRIVERS.items() if d.why_not is None))
def test_a_check_confirms_nothing_while_the_driver_shows_no_watchdog(
    tmp_path: Path, module: str
) -> None:
    """The module may load, and find that somebody else has its registers: it counts on."""
    (tmp_path / "dev").mkdir()
    put(tmp_path, "sys/class/watchdog/watchdog0/identity", "Software Watchdog\n")
    unit = check_unit("0a1b2c3d", "(true)", disarm_script(module))
    assert run_shell(script_of(unit, "ExecStart"), tmp_path) != 0
    assert (tmp_path / "called").read_text() == f"modprobe {module}\n"
    assert not (tmp_path / "run/warmboot/confirmed").exists()


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=80))
def test_systemd_gives_the_shell_what_was_typed(command: str) -> None:
    """As systemd.service(5) says it undoes quotes, backslashes, percent and dollar signs."""
    unit = check_unit("0a1b2c3d", f"({command})", "")
    assert f"until ({command});do" in script_of(unit, "ExecStart")


def test_real_systemd_takes_the_units(tmp_path: Path) -> None:
    program = needs_tool("systemd-analyze")
    units = {
        UNIT: dead_man("0a1b2c3d", 600),
        CHECK_UNIT: check_unit(
            "0a1b2c3d", shell_of(tuple(BUILT_IN), BASE), disarm_script("i6300esb")
        ),
    }
    for name, text in units.items():
        (tmp_path / name).write_text(text)
    paths = [str(tmp_path / name) for name in units]
    command = [program, "verify", "--man=no", "--recursive-errors=no", *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if str(tmp_path) in line] == []


@pytest.mark.parametrize("failed", [(), ("a.service",), (r"dev-disk-by\x2duuid.swap", "b.mount")])
def test_shell_of_the_checks_is_shell(failed: tuple[str, ...]) -> None:
    script = shell_of((*BUILT_IN, "true"), Baseline("192.0.2.1", 2222, failed))
    assert subprocess.run(["sh", "-n", "-c", script], check=False).returncode == 0
    assert "127.0.0.1/2222" in script


@pytest.mark.parametrize("failed", [(), ("old.service",)])
@pytest.mark.parametrize("now", [(), ("old.service",), ("new.service",)])
def test_the_check_units_sees_what_failed_anew(
    tmp_path: Path, failed: tuple[str, ...], now: tuple[str, ...]
) -> None:
    program = tmp_path / "systemctl"
    rows = "".join(f"echo {unit} loaded failed failed Text;" for unit in now)
    program.write_text(f"#!/bin/sh\n[ $1 = is-system-running ]&&echo degraded&&exit 1\n{rows}\n")
    program.chmod(0o755)
    script = shell_of(("units",), Baseline(None, 22, failed))
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", script], env=env, check=False)
    assert (done.returncode == 0) is (set(now) <= set(failed))


@pytest.mark.parametrize(
    ("check", "base", "why"),
    [
        ("network", Baseline(None, 22, ()), "no default route"),
        ("units", Baseline(None, 22, None), "could not be asked"),
        ("ssh", Baseline(None, 22, (), lambda _: False), "needs bash"),
        ("x" * 513, BASE, "at most 512"),
        ("a\nb", BASE, "one line"),
        ("", BASE, "one line"),
    ],
)
def test_a_check_that_cannot_run_there_is_refused(check: str, base: Baseline, why: str) -> None:
    with pytest.raises(WrongArgument, match=why):
        shell_of((check,), base)


def test_what_the_checks_compare_with_is_read(tmp_path: Path) -> None:
    assert read_baseline(tmp_path, None) == Baseline(None, 22, None)
    route = "Iface\tDestination\tGateway\nlo x\nens3\t00000000\t0102A8C0\t3\t0\t0\t0\t00000000\n"
    put(tmp_path, "proc/net/route", route)
    put(tmp_path, "etc/ssh/sshd_config", "#Port 1\n  Port 2222\nPort 22\n")
    put(tmp_path, "usr/bin/systemctl", "")
    found = read_baseline(tmp_path, tmp_path)
    assert (found.gateway, found.port, found.failed) == ("192.168.2.1", 2222, ())
    assert found.programs is not None
    assert (found.programs("systemctl"), found.programs("bash")) == (True, False)


def test_a_journal_line_of_the_shell_is_json(system: Path) -> None:
    script = script_of(dead_man("0a1b2c3d", 60), "ExecStopPost")
    run_shell(script, system, SERVICE_RESULT="timeout")
    json.loads((system / JOURNAL.lstrip("/")).read_text())


def test_the_checks_fit_on_a_command_line() -> None:
    """That of Debian with all that a trial adds stays below what x86 takes (2048 less 31 bytes)."""
    target = TargetSystem(Initramfs.DRACUT, 257, 257, True)
    failed = tuple(f"some-service-{n}.service" for n in range(3))
    check = shell_of(("ssh", "units"), Baseline("192.168.100.100", 22, failed))
    carried = carry(Way.CREDENTIAL, target, "0a1b2c3d", 600, check, disarm_script("i6300esb"))
    assert len(" ".join(carried.words)) < 2017 - 300
