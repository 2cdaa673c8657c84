"""A whole simulated machine: boot images, boot entries, initrds and the files of a kernel."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from warmboot.core.errors import WarmbootError
from warmboot.core.host.firmware import GLOBAL
from warmboot.core.payload.cpio_writer import build_cpio
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.builders.kernel import (
    build_arm64_image,
    build_loongarch_image,
    build_riscv_image,
)
from warmboot.core.sandbox.builders.uki import build_uki
from warmboot.core.sandbox.builders.zboot import build_zboot
from warmboot.core.sandbox.hardware import (
    EXT4,
    JBD2,
    MODULES,
    VIRTIO_NET,
    index_files,
    write_hardware,
    write_modules,
)
from warmboot.core.sandbox.machine import SimulatedMachine, write_machine
from warmboot.core.sandbox.marker import check_above, is_sandbox, write_marker
from warmboot.core.text import printable

_RUNNING = "6.12.57-sandbox"
_OPTIONS = "root=/dev/vda2 ro console=ttyAMA0 quiet"
_BODY = 6 << 20
_BSS = 1 << 20
_OS = 'NAME="Warmboot Linux"\nPRETTY_NAME="Warmboot Linux 7 (unified image)"\nVERSION_ID=7\n'


def create_sandbox(path: Path, *, kexec_bpf: str | None = None) -> bool:
    """Make a simulated arm64 machine in `path`; return False where one is there already.

    `kexec_bpf` ("v6", "v7") gives its kernel the parser interface in that dialect.
    It appears whole or not at all. Raises WarmbootError where `path` holds something else, or
    cannot be written, Blocked where somebody else could exchange it.
    """
    if is_sandbox(path):
        return False
    try:
        check_above(path)
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
        if os.path.lexists(path):
            raise WarmbootError(
                f"{printable(str(path))} already exists and is not a sandbox",
                hint="Name a directory that does not exist yet.",
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            _write(draft, kexec_bpf)
            draft.chmod(0o755)
            draft.replace(path)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
    except OSError as error:
        raise WarmbootError(
            f"{printable(str(path))} could not be made: {error.strerror}",
            hint="Check the free space and the permissions there.",
        ) from error
    return True


def _write(root: Path, kexec_bpf: str | None) -> None:
    machine = SimulatedMachine("aarch64", _RUNNING, _OPTIONS, kexec_bpf=kexec_bpf)
    write_machine(root, machine)
    _write_trial(root)
    write_hardware(root)
    _write_entries(root)
    _write_plain(root)
    _write_foreign(root)
    write_marker(root)


def _write_trial(root: Path) -> None:
    """What a restart on trial needs: a boot loader that says so, a watchdog, and a systemd."""
    variables = root / "sys/firmware/efi/efivars"
    variables.mkdir(parents=True)
    text = "systemd-boot 257.9\0".encode("utf-16-le")
    vendor = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
    (variables / f"LoaderInfo-{vendor}").write_bytes(bytes(4) + text)
    for name, number in (("BootCurrent", 1), ("BootOrder", 1)):
        raw = (6).to_bytes(4, "little") + number.to_bytes(2, "little")
        (variables / f"{name}-{GLOBAL}").write_bytes(raw)
    dog = "sys/class/watchdog/watchdog0"
    for name, value in (("state", "inactive"), ("identity", "i6300ESB timer"), ("timeout", "30")):
        _put(root, f"{dog}/{name}", f"{value}\n")
    driver = root / dog / "device/driver"
    driver.mkdir(parents=True)
    (driver / "module").symlink_to("/sys/module/i6300esb")
    _put(root, "sys/module/watchdog/initstate", "live\n")
    _put(root, "sys/module/watchdog/parameters/stop_on_reboot", "1\n")
    _put(root, "usr/lib/systemd/libsystemd-shared-257.so", "")
    for program in ("bash", "ping", "systemctl"):
        _put(root, f"usr/bin/{program}", "")


def _write_entries(root: Path) -> None:
    """Two boot loader entries with zboot kernels, and a unified image that needs neither."""
    for release, method, title in (
        (_RUNNING, "gzip", "Warmboot Linux 7 (6.12)"),
        ("6.17.8-sandbox", "zstd", "Warmboot Linux 7 (6.17)"),
    ):
        kernel = build_arm64_image(release, body_size=_BODY)
        _put(root, f"boot/vmlinuz-{release}", build_zboot(kernel, arch="arm64", method=method))
        _put(root, f"boot/initrd.img-{release}", _initrd(release))
        write_modules(root, release, MODULES)
        lines = (
            f"title {title}",
            f"version {release}",
            "sort-key warmboot",
            "machine-id 6f2a0f7e3c1d4b5a9e8d7c6b5a4f3e2d",
            f"linux /vmlinuz-{release}",
            f"initrd /initrd.img-{release}",
            f"options {_OPTIONS}",
        )
        _put(root, f"boot/loader/entries/warmboot-{release}.conf", "\n".join(lines) + "\n")
    release = "6.18.2-uki"
    inner = build_zboot(build_arm64_image(release, body_size=_BODY), arch="arm64", method="zstd")
    uki = build_uki(
        arch="arm64",
        linux=inner,
        initrd=_initrd(release),
        cmdline=f"{_OPTIONS} systemd.unified=1",
        osrel=_OS,
        uname=release,
    )
    _put(root, "boot/efi/EFI/Linux/warmboot-7.efi", uki)
    write_modules(root, release, MODULES)


def _write_plain(root: Path) -> None:
    """Kernels known by their names alone: a raw Image, one in /usr/lib/modules, a damaged one."""
    release = "6.6.119-lts"
    _put(root, f"boot/vmlinuz-{release}", build_arm64_image(release, body_size=_BODY, bss=_BSS))
    _put(root, f"boot/initrd.img-{release}", _initrd(release))
    write_modules(root, release, MODULES)
    release = "6.19.0-rc1"
    # As the kernel's build does it, the payload holds the zeros of the .bss as well.
    padded = build_arm64_image(release, body_size=_BODY, bss=_BSS) + bytes(_BSS)
    kernel = build_zboot(padded, arch="arm64", method="xz")
    _put(root, f"usr/lib/modules/{release}/vmlinuz", kernel)
    # It has no initrd, and only the file system is built in: it cannot reach its root.
    loadable = [module for module in MODULES if module not in (EXT4, JBD2)]
    write_modules(root, release, loadable, built_in=(EXT4.path, JBD2.path))
    release = "5.10.99-damaged"
    kernel = build_zboot(build_arm64_image(release, body_size=_BODY), arch="arm64", method="gzip")
    broken = bytearray(kernel)
    broken[len(broken) // 2] ^= 0xFF
    _put(root, f"boot/vmlinuz-{release}", bytes(broken))


def _write_foreign(root: Path) -> None:
    """Kernels for other machines, as they lie about on install media."""
    riscv = build_riscv_image("6.12.57-riscv64", body_size=_BODY // 2)
    loong = build_loongarch_image("6.12.57-loong64", body_size=_BODY // 2)
    for kernel, arch, method, name in (
        (riscv, "riscv64", "lz4", "riscv64"),
        (loong, "loongarch64", "zstd", "loong64"),
    ):
        _put(root, f"boot/vmlinuz-6.12.57-{name}", build_zboot(kernel, arch=arch, method=method))
    _put(root, "boot/vmlinuz-6.12.57-amd64", build_bzimage("6.12.57-amd64"))


def _initrd(release: str) -> bytes:
    folder = f"usr/lib/modules/{release}"
    modules = [module for module in MODULES if module is not VIRTIO_NET]
    index = index_files(modules)
    files = {
        "init": b"#!/bin/sh\nexec /bin/sh\n",
        "conf/initramfs.conf": b"MODULES=most\n",
        **{f"{folder}/{name}": text.encode() for name, text in index.items()},
        **{f"{folder}/{module.path}": bytes(50_000) for module in modules},
    }
    return build_cpio(files)


def _put(root: Path, name: str, content: bytes | str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
