"""Restarts through systemd, at once and later: services stop, then the staged kernel runs."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

from .fetch import Arch
from .guest import Guest, Step, converse, machine, steps
from .initramfs import GUEST_FILES, debian_kernel, second_initrd
from .proof import Nonces, SecondKernel, second_kernel
from .systemd import systemd_initramfs

pytestmark = pytest.mark.timeout(1500)  # seconds, downloads and a second try included
LIMIT = 700.0  # seconds; measured on a busy machine: 100


@dataclass(frozen=True)
class Boot:
    """What a guest did until the second kernel ran."""

    release: str
    cmdline: str
    second: SecondKernel
    steps: dict[str, Step]
    transcript: str


def boot(tmp_path: Path, nonces: Nonces, scenario: str, stopped: str) -> Boot:
    """Boot the guest, let the scenario run, and wait for the second kernel."""
    stock = debian_kernel(Arch.AMD64)
    cmdline = f"e2e={nonces.cmdline} console=ttyS0 panic=-1 quiet"
    options = ["--kernel", "/boot/bzImage", "--initrd", "/boot/second.cpio", "--cmdline", cmdline]
    files = {
        "/boot/bzImage": stock.image,
        "/boot/second.cpio": second_initrd(Arch.AMD64, nonces.initrd),
        "/parameters": f"set -- {shlex.join(options)}\n".encode(),
        "/terminal.py": (GUEST_FILES / "terminal.py").read_bytes(),
    }
    running, initramfs = tmp_path / "bzImage", tmp_path / "initramfs.cpio"
    running.write_bytes(stock.image)
    systemd_initramfs(initramfs, files, scenario, stopped)

    def talk(guest: Guest) -> Boot:
        second = second_kernel(guest, nonces, LIMIT)
        return Boot(stock.release, cmdline, second, steps(guest.transcript), guest.transcript)

    done = converse(machine(Arch.AMD64, running, initramfs), talk)
    assert done.second == SecondKernel(stock.release, cmdline)
    assert {name: step.code for name, step in done.steps.items() if step.code != 0} == {}
    assert "e2e: the service was stopped" in done.transcript
    assert done.transcript.index("service was stopped") < done.transcript.index("second kernel")
    return done


def test_systemctl_kexec_stops_services_first(nonces: Nonces, tmp_path: Path) -> None:
    done = boot(tmp_path, nonces, "systemd-scenario", "stopped").steps
    assert "Version=" in done["systemd"].output
    status = json.loads(done["status"].output)
    assert (status["staged"], status["host"]["systemd"]) == (True, True)


def test_a_restart_for_later_outlives_who_asked_and_happens(nonces: Nonces, tmp_path: Path) -> None:
    done = boot(tmp_path, nonces, "systemd-countdown", "stopped-countdown").steps
    countdown = json.loads(done["ask"].output)["countdown"]
    assert countdown["unit"] == "warmboot-exec.timer"
    assert set(done["set"].output.split()) == {"ActiveState=active", "Transient=yes"}
    assert "LoadState=not-found" in done["asker-gone"].output
    assert json.loads(done["status"].output)["countdown"] == countdown
    assert json.loads(done["cancel"].output)["cancelled"] == countdown
    assert done["nothing-left"].output.split() == [
        "/run/systemd/transient:",
        "/run/warmboot:",
        "lock",
    ]
    after = json.loads(done["status-after"].output)
    assert (after["staged"], after["countdown"], after["attempt"]) == (True, None, None)

    steps_taken = ["staging", "staged", "setting", "set", "cancelled", "setting", "set"]
    steps_taken += ["executing", "handed-over"]
    recorded = [json.loads(line) for line in done["journal"].output.splitlines()]
    assert [line["event"] for line in recorded] == steps_taken
    sent = [json.loads(line) for line in done["journald"].output.splitlines()]
    assert [line["WARMBOOT_EVENT"] for line in sent] == steps_taken
    assert sent[-1]["_SYSTEMD_UNIT"] == "warmboot-exec.service"

    heard = done["heard"].output
    told = [heard.index(text) for text in ("into another kernel at", "is cancelled.", " now.")]
    assert told == sorted(told)
