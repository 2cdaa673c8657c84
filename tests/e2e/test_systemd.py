"""A restart through systemd: services are stopped, then the staged kernel runs."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from .fetch import Arch
from .guest import Guest, Step, converse, machine, steps
from .initramfs import debian_kernel, second_initrd
from .proof import Nonces, SecondKernel, second_kernel
from .systemd import systemd_initramfs

pytestmark = pytest.mark.timeout(1500)  # seconds, downloads and a second try included
LIMIT = 700.0  # seconds; measured on a busy machine: 100


def test_systemctl_kexec_stops_services_first(nonces: Nonces, tmp_path: Path) -> None:
    stock = debian_kernel(Arch.AMD64)
    release, kernel = stock.release, stock.image
    cmdline = f"e2e={nonces.cmdline} console=ttyS0 panic=-1 quiet"
    options = ["--kernel", "/boot/bzImage", "--initrd", "/boot/second.cpio", "--cmdline", cmdline]
    files = {
        "/boot/bzImage": kernel,
        "/boot/second.cpio": second_initrd(Arch.AMD64, nonces.initrd),
        "/parameters": f"set -- {shlex.join(options)}\n".encode(),
    }
    running, initramfs = tmp_path / "bzImage", tmp_path / "initramfs.cpio"
    running.write_bytes(kernel)
    systemd_initramfs(initramfs, files)

    def talk(guest: Guest) -> tuple[SecondKernel, dict[str, Step], str]:
        found = second_kernel(guest, nonces, LIMIT)
        return found, steps(guest.transcript), guest.transcript

    second, done, transcript = converse(machine(Arch.AMD64, running, initramfs), talk)
    assert second == SecondKernel(release, cmdline)
    assert {name: step.code for name, step in done.items() if step.code != 0} == {}
    assert "Version=" in done["systemd"].output
    status = json.loads(done["status"].output)
    assert (status["staged"], status["host"]["systemd"]) == (True, True)
    assert "e2e: the service was stopped" in transcript
    assert transcript.index("service was stopped") < transcript.index("second kernel")
