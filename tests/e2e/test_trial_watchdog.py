"""A hardware watchdog counts through the jump: a kernel that hangs comes back, and status says why.

The machine is one of QEMU with an i6300esb, and Debian's kernel. QEMU itself starts the old kernel
after a reset.
"""

from __future__ import annotations

import json
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from .cpio import Archive
from .fetch import Arch, debian_packages, run
from .guest import Guest, Step, machine, steps
from .initramfs import DISK_DRIVERS, GUEST_FILES, busybox, guest_initramfs

pytestmark = pytest.mark.timeout(2400)  # seconds, downloads included
LIMIT = 1000.0  # seconds until the machine is back; measured: 300, of which 240 are the watchdog's
DISK = 32 << 20
DRIVERS = ("crc16.ko", "mbcache.ko", "jbd2.ko", "crc32c_generic.ko", "ext4.ko", *DISK_DRIVERS)
WATCHDOG = ("watchdog.ko", "i6300esb.ko")
HANG = "#!/bin/busybox sh\nwhile :; do /bin/busybox sleep 1000; done\n"
#: It kills what has it run, once the core's module is out.
KILLING = (
    '#!/bin/busybox sh\n/bin/busybox modprobe "$@" || exit\n'
    '[ "$*" = "-r watchdog" ] || exit 0\n/bin/busybox rm "$0"\nkill -9 "$PPID"\n'
)
PANIC = (
    "#!/bin/busybox sh\n/bin/busybox mkdir /proc\n/bin/busybox mount -t proc proc /proc\n"
    "echo c >/proc/sysrq-trigger\n"
)


def stock_kernel() -> dict[str, bytes]:
    """Debian's kernel and the modules that are needed here, by their names; and its release."""
    (package,) = debian_packages(Arch.AMD64, ["linux-image-amd64*"]).glob("*.deb")
    content = run("dpkg-deb", "--fsys-tarfile", package)
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=BytesIO(content)) as archive:
        for member in archive:
            name = Path(member.name).name
            file = archive.extractfile(member) if member.isfile() else None
            if file is not None and name.startswith("vmlinuz-"):
                found |= {"vmlinuz": file.read(), "release": name[8:].encode()}
            elif file is not None and name in (*DRIVERS, *WATCHDOG):
                found[name] = file.read()
    return found


def small_initrd(init: str) -> bytes:
    archive = Archive()
    archive.character_device("/dev/console", 5, 1)
    archive.file("/bin/busybox", busybox(Arch.AMD64), 0o755)
    archive.file("/init", init.encode(), 0o755)
    return archive.to_bytes()


def outcome(step: Step) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(step.output)["trial"]
    return answer


def test_a_kernel_that_hangs_or_panics_comes_back(tmp_path: Path) -> None:
    kernel = stock_kernel()
    modules = f"/lib/modules/{kernel['release'].decode()}"
    files = {
        **{f"/drivers/{n:02}-{name}": kernel[name] for n, name in enumerate(DRIVERS)},
        **{f"{modules}/{name}": kernel[name] for name in WATCHDOG},
        f"{modules}/modules.dep": b"watchdog.ko:\ni6300esb.ko: watchdog.ko\n",
        "/killing-modprobe": KILLING.encode(),
        "/held.py": (GUEST_FILES / "held.py").read_bytes(),
        "/boot/bzImage": kernel["vmlinuz"],
        "/boot/hang.cpio": small_initrd(HANG),
        "/boot/panic.cpio": small_initrd(PANIC),
    }
    image, initramfs, disk = tmp_path / "bzImage", tmp_path / "initramfs.cpio", tmp_path / "disk"
    image.write_bytes(kernel["vmlinuz"])
    guest_initramfs(initramfs, Arch.AMD64, files, GUEST_FILES / "trial-watchdog")
    with disk.open("wb") as file:
        file.truncate(DISK)
    subprocess.run(["mkfs.ext4", "-q", str(disk)], check=True)
    command = [word for word in machine(Arch.AMD64, image, initramfs) if word != "-no-reboot"]
    # On a busy machine the emulated timer is late, which the kernel takes for a broken one.
    command[-1] += " no_timer_check"
    command += ["-m", "1024", "-device", "i6300esb"]
    command += ["-drive", f"file={disk},if=virtio,format=raw"]
    with Guest(command) as guest:
        guest.wait_for("^e2e: going on trial: hang$", LIMIT)
        guest.expect_crash()
        guest.wait_for("^e2e: going on trial: panic$", LIMIT)
        guest.wait_for("^e2e: back from both$", LIMIT)
        done = steps(guest.transcript)

    assert "\ne2e: the trial ended with 137: " in guest.transcript.replace("\r", "")
    assert done["taken-back"].output == "0\n-1\n"
    assert done["modules"].output == "/dev/watchdog0\n/sys/module/i6300esb\n"
    assert json.loads(done["left-over"].output)["left_over"] == []
    assert done["killed"].output == "inactive\n"
    assert done["reloaded"].output == "0\n"
    plan = json.loads(done["plan-hang"].output)["trial"]
    layers = {layer["name"]: layer["how"] for layer in plan["layers"]}
    assert layers["hardware watchdog"] == "i6300esb, 240 s from the jump"
    assert layers["dead-man timer"] is None
    hung, panicked = outcome(done["status-1"]), outcome(done["status-2"])
    assert (hung["state"], hung["cause"]) == ("came back", "watchdog")
    assert 240 <= hung["away"] <= LIMIT
    assert panicked["state"] == "came back"
    assert panicked["cause"] != "watchdog"
    assert 0 < panicked["away"] < LIMIT
