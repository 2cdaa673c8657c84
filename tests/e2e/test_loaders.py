"""Loaders on real kernels: kexec-tools, a crash kernel, and what is refused, with its message."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from warmboot.core.sandbox.builders.devicetree import Node, build_tree

from .fetch import Arch
from .guest import Guest, Step, converse, machine, steps
from .initramfs import GUEST_FILES, debian_kernel, guest_initramfs, kexec_tools, second_initrd
from .proof import Nonces, SecondKernel, second_kernel
from .test_command_line import ARM64_RELEASE, LIMIT, restart

pytestmark = pytest.mark.timeout(900)  # seconds, downloads and a second try included


def test_arm64_through_kexec_tools(
    image_file: Callable[[str], Path], nonces: Nonces, tmp_path: Path
) -> None:
    stock = debian_kernel(Arch.ARM64)
    running = tmp_path / "vmlinuz"
    running.write_bytes(stock.image)
    boot = {
        f"/boot/config-{stock.release}": stock.config,
        **kexec_tools(Arch.ARM64),
        "/boot/zboot.efi": image_file("arm64-6.12-gzip.vmlinuz.efi").read_bytes(),
        "/boot/second.cpio": second_initrd(Arch.ARM64, nonces.initrd),
    }
    cmdline = f"e2e={nonces.cmdline} console=ttyAMA0 panic=-1 quiet"
    options = ["--kernel", "/boot/zboot.efi", "--initrd", "/boot/second.cpio"]
    options += ["--cmdline", cmdline, "--loader", "tools"]
    held = "/boot/second.cpio\n"
    second = restart(Arch.ARM64, running, boot, options, nonces, tmp_path, held=held)
    assert second == SecondKernel(ARM64_RELEASE, cmdline)


def test_x86_64_crash_kernel(nonces: Nonces, tmp_path: Path) -> None:
    kernel = debian_kernel(Arch.AMD64)
    cmdline = f"e2e={nonces.cmdline} console=ttyS0 panic=-1 quiet nr_cpus=1"
    options = ["--kernel", "/boot/bzImage", "--initrd", "/boot/second.cpio", "--cmdline", cmdline]
    files = {
        "/boot/bzImage": kernel.image,
        "/boot/second.cpio": second_initrd(Arch.AMD64, nonces.initrd),
        "/parameters": f"set -- {shlex.join(options)}\n".encode(),
    }
    command = boot(Arch.AMD64, kernel.image, files, "panic", tmp_path, "crashkernel=192M")

    def talk(guest: Guest) -> tuple[SecondKernel, dict[str, Step]]:
        guest.wait_for("^e2e: end stage-again 0", LIMIT)
        guest.expect_crash()
        return second_kernel(guest, nonces, LIMIT), steps(guest.transcript)

    second, done = converse(command, talk)
    assert second.release == kernel.release
    assert second.cmdline.endswith(f" {cmdline}")  # the kernel puts elfcorehdr= in front
    assert done["reserved"].output == f"{192 << 20}\n"
    flags = ("crash-loaded", "not-loaded", "unloaded")
    assert [done[name].output for name in flags] == ["1\n", "0\n", "0\n"]


def test_a_locked_down_kernel_says_so_before_anything_is_tried(
    image_file: Callable[[str], Path], tmp_path: Path
) -> None:
    kernel = debian_kernel(Arch.AMD64)
    files = {
        f"/boot/config-{kernel.release}": kernel.config,
        "/prepare": b"mount -t securityfs none /sys/kernel/security\n",
        "/boot/bzImage": kernel.image,
        "/boot/zboot.efi": image_file("arm64-6.12-gzip.vmlinuz.efi").read_bytes(),
    }
    cases = {
        "unsigned": ("--kernel /boot/stripped --cmdline quiet", 6, "image carries no signature"),
        "changed": ("--kernel /boot/changed --cmdline quiet", 7, "Staging was refused"),
        "architecture": ("--kernel /boot/zboot.efi --cmdline quiet", 6, "The image is for arm64"),
        "load": ("--kernel /boot/bzImage --loader load", 6, "on arm64, riscv64, loongarch64 only"),
        "tools": ("--kernel /boot/bzImage --loader tools", 6, "kexec-tools is not installed"),
    }
    # Without its certificates the image is what an unsigned one is.
    stripped = bytearray(kernel.image)
    pe = int.from_bytes(stripped[0x3C:0x40], "little")
    stripped[pe + 24 + 112 + 32 : pe + 24 + 112 + 40] = bytes(8)
    files["/boot/stripped"] = bytes(stripped)
    changed = bytearray(kernel.image)
    changed[len(changed) // 2] ^= 1
    files["/boot/changed"] = bytes(changed)
    refusals(Arch.AMD64, kernel.image, files, cases, tmp_path, append="lockdown=integrity")


def test_what_is_refused_on_a_stock_arm64_kernel(
    image_file: Callable[[str], Path], tmp_path: Path
) -> None:
    stock = debian_kernel(Arch.ARM64)
    zboot = image_file("arm64-6.12-gzip.vmlinuz.efi").read_bytes()
    files = {
        f"/boot/config-{stock.release}": stock.config,
        "/boot/zboot.efi": zboot,
        "/boot/cut.efi": zboot[: len(zboot) * 2 // 3],
        "/boot/amd64": debian_kernel(Arch.AMD64).image,
        "/boot/bad.dtb": b"\xd0\x0d\xfe\xed" + bytes(60),
        "/boot/other.dtb": build_tree({"compatible": b"e2e,other\0"}),
        **overlays(),
    }
    rest = "--cmdline quiet --no-initrd"
    base = f"--kernel /boot/zboot.efi {rest}"
    cases = {
        "architecture": ("--kernel /boot/amd64 --cmdline quiet", 6, "The image is for x86-64"),
        "truncated": ("--kernel /boot/cut.efi --cmdline quiet", 4, "beyond the end of the file"),
        "long": (f"{base} --append {'x' * 2048}", 6, "bytes long; the kernel takes 2048"),
        "file-load": (f"{base} --loader file", 6, "built without CONFIG_KEXEC_FILE"),
        "devicetree": (f"{base} --dtb /boot/bad.dtb", 4, "bad.dtb is not a device tree"),
        "crash": (f"{base} --panic", 6, "This image cannot be loaded"),
        "board": (
            f"{base} --dtb /boot/other.dtb",
            6,
            "e2e,other, this machine is linux,dummy-virt",
        ),
        "no-label": (
            f"gone.conf {rest}",
            4,
            "gone.dtbo cannot be applied to the device tree: it ne",
        ),
        "nested": (f"deep.conf {rest}", 4, "more than 64 nodes within each other"),
        "no-labels": (f"bare.conf {rest}", 4, "needs the label l, and the tree has none (dtc -@)"),
    }
    refusals(Arch.ARM64, stock.image, files, cases, tmp_path)


def overlays() -> dict[str, bytes]:
    """Entries whose overlays cannot be applied: to a tree with a label, and to one without."""
    board = {"compatible": b"linux,dummy-virt\0"}
    labels: Node = {"l": {"phandle": b"\0\0\0\1"}, "__symbols__": {"l": b"/l\0"}}
    deep: Node = {}
    for _ in range(80):
        deep = {"n": deep}

    def overlay(label: str, content: Node) -> bytes:
        fragment: Node = {"target": b"\xff\xff\xff\xff", "__overlay__": content}
        fixups: Node = {label: b"/fragment@0:target:0\0"}
        return build_tree({"fragment@0": fragment, "__fixups__": fixups})

    files = {
        "/boot/with.dtb": build_tree({**board, **labels}),
        "/boot/without.dtb": build_tree(board),
        "/boot/gone.dtbo": overlay("gone", {}),
        "/boot/deep.dtbo": overlay("l", deep),
        "/boot/bare.dtbo": overlay("l", {}),
    }
    for name, tree in (("gone", "with"), ("deep", "with"), ("bare", "without")):
        text = f"title {name}\nlinux /zboot.efi\noptions quiet\ndevicetree /{tree}.dtb\n"
        text += f"devicetree-overlay /{name}.dtbo\n"
        files[f"/boot/loader/entries/{name}.conf"] = text.encode()
    return files


def test_kexec_that_is_switched_off(image_file: Callable[[str], Path], tmp_path: Path) -> None:
    stock = debian_kernel(Arch.ARM64)
    files = {
        f"/boot/config-{stock.release}": stock.config,
        "/boot/zboot.efi": image_file("arm64-6.12-gzip.vmlinuz.efi").read_bytes(),
        "/prepare": b"echo 1 >/proc/sys/kernel/kexec_load_disabled\n",
    }
    cases = {
        "disabled": ("--kernel /boot/zboot.efi --cmdline quiet", 6, "kexec is switched off"),
    }
    refusals(Arch.ARM64, stock.image, files, cases, tmp_path)


def boot(
    arch: Arch,
    image: bytes,
    files: Mapping[str, bytes],
    scenario: str,
    folder: Path,
    append: str = "",
) -> list[str]:
    """The command that runs a scenario on a stock kernel, with `append` on its command line."""
    running, initramfs = folder / "vmlinuz", folder / "initramfs.cpio"
    running.write_bytes(image)
    guest_initramfs(initramfs, arch, files, GUEST_FILES / scenario)
    command = machine(arch, running, initramfs)
    command[-1] += f" {append}"
    return command


def refusals(
    arch: Arch,
    image: bytes,
    files: Mapping[str, bytes],
    cases: Mapping[str, tuple[str, int, str]],
    folder: Path,
    *,
    append: str = "",
) -> None:
    """Try each case (options, exit code, a part of the message); none may stage anything."""
    lines = "".join(f"{name} {options}\n" for name, (options, _, _) in cases.items())
    files = {**files, "/refusals": lines.encode()}
    command = boot(arch, image, files, "refusals", folder, append)

    def talk(guest: Guest) -> dict[str, Step]:
        guest.wait_for("^e2e: all refused", LIMIT)
        return steps(guest.transcript)

    done = converse(command, talk)
    assert done["not-loaded"] == Step(0, "0\n")
    for name, (_, code, message) in cases.items():
        said = " ".join(done[name].output.split())
        assert (done[name].code, message in said) == (code, True), f"{name}: {done[name]}"
