"""The full-screen program over a guest's serial console, as a person would use it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .bpf_kernel import COMPLAINT, HOST, TRUSTED, BpfKernel, signed, with_parser
from .fetch import Arch
from .guest import Guest, converse, machine
from .initramfs import GUEST_FILES, guest_initramfs, second_initrd
from .proof import Nonces, SecondKernel, second_kernel
from .screen import Screen

pytestmark = pytest.mark.timeout(900)  # seconds, downloads and a second try included

RELEASE = "6.12.95-kexectest2"  # of the image in the repository
OPTIONS = "console=ttyAMA0 panic=-1 quiet"
TITLE = "A kernel to restart into"
# Seconds; measured alone: 15 to the first screen, 2 for a key, 4 to stage, 5 to the second kernel;
# on a busy machine eight times that.
START, KEY, STAGE, RESTART = 200.0, 60.0, 100.0, 100.0


@pytest.mark.parametrize("dialect", [None, "v6", "v7"])
def test_list_plan_stage_and_restart_by_keys(
    image_file: Callable[[str], Path], nonces: Nonces, tmp_path: Path, dialect: str | None
) -> None:
    """On a kernel as it is, and on those that unpack a signed image themselves."""
    image = image_file("arm64-6.12-gzip.vmlinuz.efi").read_bytes()
    if dialect == "v6":
        image = with_parser(image, tmp_path, TRUSTED)
    elif dialect == "v7":
        image = signed(image, tmp_path, TRUSTED)
    kernel, initrd = f"/vmlinuz-{RELEASE}", f"/initrd.img-{RELEASE}"
    entry = f"title {TITLE}\nlinux {kernel}\ninitrd {initrd}\noptions {OPTIONS}\n"
    files = {
        "/boot/loader/entries/second.conf": entry.encode(),
        f"/boot{kernel}": image,
        f"/boot{initrd}": second_initrd(Arch.ARM64, nonces.initrd),
    }
    scenario = GUEST_FILES / "full-screen"
    if dialect is not None:
        bpf_kernel = BpfKernel(dialect, image_file, tmp_path, "lockdown=integrity")
        command = bpf_kernel.command(files, scenario)
    else:
        initramfs = tmp_path / "initramfs.cpio"
        guest_initramfs(initramfs, Arch.ARM64, files, scenario)
        command = machine(Arch.ARM64, image_file("arm64-6.12.Image"), initramfs)

    def talk(guest: Guest) -> SecondKernel:
        screen = Screen(guest)
        screen.wait_for(TITLE, START)
        screen.press("enter")
        screen.wait_for("Esc Back", KEY)
        screen.press("e")
        screen.wait_for("Tab Complete", KEY)  # the editor takes keys; its cursor stands at the end
        screen.press("end")
        screen.write(f" e2e={nonces.cmdline}")
        screen.wait_for(f"e2e={nonces.cmdline}", KEY)
        screen.press("f2")
        screen.wait_for(f"{RELEASE} is staged", STAGE)
        screen.press("enter")
        screen.wait_while(f"{RELEASE} is staged", KEY)
        screen.wait_for(f"STAGED {RELEASE}", KEY)
        screen.press("x")
        screen.wait_for(f"Type {HOST}", KEY)
        screen.fill(f"Type {HOST}", HOST, KEY)
        screen.press("enter")
        second = second_kernel(guest, nonces, RESTART)
        assert COMPLAINT.search(guest.transcript) is None
        return second

    assert converse(command, talk) == SecondKernel(RELEASE, f"{OPTIONS} e2e={nonces.cmdline}")
