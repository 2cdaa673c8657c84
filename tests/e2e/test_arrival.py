"""After a restart, ``warmboot status`` says from the journal on a disk what became of it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from .fetch import Arch
from .guest import Guest, Step, converse, machine, steps
from .initramfs import GUEST_FILES, debian_kernel, drivers, guest_initramfs
from .proof import Nonces

pytestmark = pytest.mark.timeout(1500)  # seconds, downloads and a second try included
LIMIT = 700.0  # seconds; measured alone: 60
DISK = 32 << 20


def test_status_knows_the_restart_it_came_from(nonces: Nonces, tmp_path: Path) -> None:
    kernel, disk_drivers = debian_kernel(Arch.AMD64), drivers(Arch.AMD64)
    second, first = tmp_path / "second.cpio", tmp_path / "first.cpio"
    scenario = GUEST_FILES / "arrival"
    guest_initramfs(second, Arch.AMD64, disk_drivers, scenario)
    files = {
        **disk_drivers,
        "/boot/bzImage": kernel.image,
        "/boot/second.cpio": second.read_bytes(),
        "/nonce": f"e2e={nonces.cmdline}".encode(),
    }
    guest_initramfs(first, Arch.AMD64, files, scenario)
    running, disk = tmp_path / "bzImage", tmp_path / "disk"
    running.write_bytes(kernel.image)

    def talk(guest: Guest) -> dict[str, Step]:
        guest.wait_for("^e2e: end cmdline 0", LIMIT)
        return steps(guest.transcript)

    def fresh_disk() -> None:
        disk.write_bytes(b"")
        with disk.open("r+b") as file:
            file.truncate(DISK)
        subprocess.run(["mkfs.ext4", "-q", str(disk)], check=True)

    fresh_disk()
    command = machine(Arch.AMD64, running, first)
    command += ["-m", "1024", "-drive", f"file={disk},if=virtio,format=raw"]
    done = converse(command, talk)
    assert {name: step.code for name, step in done.items() if step.code != 0} == {}
    assert f"e2e={nonces.cmdline}" in done["cmdline"].output
    last = json.loads(done["status"].output)["last_restart"]
    assert last["arrived"]
    assert last["before"] == kernel.release
    assert f"e2e={nonces.cmdline}" in last["expected"]["cmdline"]
    assert 0 < last["away"] < LIMIT
