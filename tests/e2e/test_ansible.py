"""The Ansible collection, run by ansible-core on a fleet of simulated machines."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from warmboot.core.record.trial_outcome import TrialState
from warmboot.core.sandbox.tree import create_sandbox
from warmboot.core.session import open_session

from .fetch import REPOSITORY

BIN = REPOSITORY / ".venv/bin"
COUNT = 20
DEFAULT = "6.17.8-sandbox"
LOST = """\
#!/bin/sh
# A machine that takes the order and is not seen again.
case " $* " in
*" exec "*) touch {flag}; echo '{{"schema": "warmboot/1"}}'; exit 0;;
esac
[ ! -e {flag} ] || exit 255
exec {warmboot} "$@"
"""
#: What is said on the terminal that Ansible asks SSH for is one text, sudo's remarks included.
NOISY = """\
#!/bin/sh
printf 'sudo: unable to resolve host\n{{ no answer\n'
exec {warmboot} "$@"
"""


class Fleet:
    """Simulated machines, and the playbook that switches them to their default kernel."""

    def __init__(self, folder: Path, count: int = COUNT) -> None:
        self.folder = folder
        self.names = [f"m{number:02}" for number in range(1, count + 1)]
        create_sandbox(folder / self.names[0])
        for name in self.names[1:]:
            shutil.copytree(folder / self.names[0], folder / name, symlinks=True)
        self.executable = dict.fromkeys(self.names, str(BIN / "warmboot"))
        collections = folder / "collections/ansible_collections/warmboot"
        collections.mkdir(parents=True)
        (collections / "kexec").symlink_to(REPOSITORY / "ansible")

    def play(self, *more: str) -> dict[str, Any]:
        """Run the playbook; returns what Ansible's JSON output says of each machine."""
        lines = [
            f"{name} ansible_connection=local ansible_python_interpreter={BIN}/python "
            f"warmboot_root={self.folder / name} warmboot_executable={self.executable[name]}"
            for name in self.names
        ]
        (self.folder / "inventory").write_text("\n".join(lines))
        words = [str(BIN / "ansible-playbook"), "-i", str(self.folder / "inventory")]
        words += ["warmboot.kexec.switch", "-e", '{"warmboot_serial": 5, "warmboot_timeout": 20}']
        done = subprocess.run(
            [*words, *more],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "LANG": "C.UTF-8",
                "ANSIBLE_COLLECTIONS_PATH": str(self.folder / "collections"),
                "ANSIBLE_STDOUT_CALLBACK": "json_lines",
                "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent / "ansible_callback"),
            },
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        try:
            found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        except (ValueError, IndexError):
            pytest.fail(f"ansible-playbook: {done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return found

    def release(self, name: str) -> str:
        """The kernel that a machine runs."""
        return (self.folder / name / "proc/sys/kernel/osrelease").read_text().strip()

    def staged(self, name: str) -> bool:
        """Whether a machine has something staged."""
        return (self.folder / name / "sys/kernel/kexec_loaded").read_text().strip() == "1"


@pytest.mark.timeout(1800)
def test_a_fleet_is_switched_one_batch_after_the_other(tmp_path: Path) -> None:
    """One machine is in the right kernel already, one refuses, one is lost on the way."""
    fleet = Fleet(tmp_path)
    (tmp_path / "m03/proc/sys/kernel/osrelease").write_text(DEFAULT)
    disabled = tmp_path / "m08/proc/sys/kernel/kexec_load_disabled"
    disabled.write_text("1")
    for name, script in (("m05", NOISY), ("m13", LOST)):
        program = tmp_path / f"warmboot-{name}"
        program.write_text(script.format(flag=tmp_path / "gone", warmboot=BIN / "warmboot"))
        program.chmod(0o755)
        fleet.executable[name] = str(program)

    looked = fleet.play("--check")
    assert not any(fleet.staged(name) for name in fleet.names)
    assert (looked["m01"]["changed"], looked["m03"]["changed"]) == (1, 0)

    stopped = fleet.play()
    failed = {name for name in fleet.names if stopped[name]["failures"]}
    assert failed == {"m08", "m13"}
    there = [name for name in fleet.names if fleet.release(name) == DEFAULT]
    # The batch of the lost machine is finished; the next one does not begin.
    assert there == [name for name in fleet.names[:15] if name not in failed]
    assert not any(fleet.staged(name) for name in fleet.names[15:])

    disabled.write_text("0")
    fleet.executable["m13"] = str(BIN / "warmboot")
    done = fleet.play()
    assert all(fleet.release(name) == DEFAULT for name in fleet.names)
    assert {done[name]["failures"] for name in fleet.names} == {0}
    assert done["m03"]["changed"] == 0

    again = fleet.play()
    assert {again[name]["changed"] for name in fleet.names} == {0}


def test_a_machine_is_restarted_on_trial_and_confirmed(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, 2)
    (tmp_path / "m02/sys/class/watchdog/watchdog0/nowayout").write_text("1")
    played = fleet.play("-e", "warmboot_trial=10m")
    assert [played[name]["failures"] for name in fleet.names] == [0, 1]
    assert fleet.release("m01") == DEFAULT
    trial = open_session(tmp_path / "m01").status().trial
    assert trial is not None
    assert trial.state is TrialState.CONFIRMED
    assert fleet.release("m02") != DEFAULT, "it was refused: it has no watchdog to be used"


def test_the_modules_documentation_is_what_ansible_reads(tmp_path: Path) -> None:
    fleet = tmp_path / "collections/ansible_collections/warmboot"
    fleet.mkdir(parents=True)
    (fleet / "kexec").symlink_to(REPOSITORY / "ansible")
    for module in ("info", "stage", "restart"):
        done = subprocess.run(
            [BIN / "ansible-doc", "--json", f"warmboot.kexec.{module}"],
            env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(tmp_path / "collections")},
            capture_output=True,
            text=True,
            check=True,
        )
        (found,) = json.loads(done.stdout).values()
        assert {"doc", "examples", "return"} <= set(found)


#: ansible-test would fetch pip for each environment that it makes; Python brings one.
PIP = "import ensurepip\nensurepip.bootstrap(default_pip=True)\n"


@pytest.mark.slow_guest
@pytest.mark.timeout(1800)
def test_ansible_test_finds_nothing(tmp_path: Path) -> None:
    """All of ansible-test's sanity checks that apply; it fetches its own tools from PyPI."""
    collection = tmp_path / "ansible_collections/warmboot/kexec"
    shutil.copytree(
        REPOSITORY / "ansible", collection, ignore=shutil.ignore_patterns("__pycache__")
    )
    kept = tmp_path / "home/.ansible/test/cache"
    kept.mkdir(parents=True)
    for version in ("24_2", "25_1", "25_2"):
        (kept / f"get_pip_{version}.py").write_text(PIP)
    done = subprocess.run(
        [BIN / "ansible-test", "sanity", "--python", "3.11"],
        cwd=collection,
        env={**os.environ, "HOME": str(tmp_path / "home"), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
