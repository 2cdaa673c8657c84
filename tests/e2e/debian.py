"""Debian as it is installed: a root file system on a disk, with systemd, and firmware before it.

The boot partition holds systemd-boot or GRUB, whose entries ``old`` (the default) and ``new``
start the same kernel. A service runs what the guest does: guest/trial-scenario.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from support.archives import unpack
from support.tools import needs_tool

from .fetch import (
    KEYRING,
    Arch,
    archive_address,
    cached,
    debian_packages,
    python_modules,
    run,
)
from .foreign import run_foreign
from .guest import BOARDS
from .initramfs import GUEST_FILES, compile_modules, copy_needed_modules, install_warmboot

PACKAGES = (
    *("systemd-sysv", "udev", "kmod", "initramfs-tools", "zstd", "linux-image-amd64", "python3"),
    *("python3-minimal", "busybox", "iproute2", "iputils-ping", "openssh-server", "dracut-core"),
    *("systemd-boot-efi", "bash", "procps"),
)
#: dracut takes an emulated processor too long.
ARM64_PACKAGES = ("linux-image-arm64", *(n for n in PACKAGES if n[:6] not in ("linux-", "dracut")))
PYTHON = {"bookworm": "3.11", "trixie": "3.13"}
LEFT_OUT = ("doc", "man", "locale")
#: What the initrd needs here; all modules of Debian take the guest a minute to unpack.
DRIVERS = ("virtio_pci", "virtio_blk", "ext4", "crc32c_generic")
CONF = "MODULES=list\nCOMPRESS=zstd\n"
#: The emulated timer is late on a busy machine; and of the board's two watchdogs one is enough.
WORDS = "no_timer_check modprobe.blacklist=iTCO_wdt"
QUIET = "quiet loglevel=4 systemd.show_status=0"
SERVICE = """\
[Unit]
Description=The scenario
[Service]
ExecStart=/scenario
StandardOutput=tty
StandardError=tty
TTYPath=/dev/{}
Environment=PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
"""
#: What GRUB's image needs here; it has its configuration and its environment block on the ESP.
GRUB_MODULES = (
    "fat",
    "linux",
    "normal",
    "configfile",
    "loadenv",
    "test",
    "echo",
    "reboot",
    "sleep",
)
#: As grub-mkconfig writes it, down to what honours a choice for the next start only.
GRUB_CFG = """\
if [ -s $prefix/grubenv ]; then
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="0"
fi
set timeout=0
"""
GRUBENV = b"# GRUB Environment Block\n".ljust(1024, b"#")
#: A busy machine may take longer to find a disk than the 90 s that systemd waits for it.
FSTAB = "LABEL=ROOT / ext4 defaults 0 1\n/dev/vda /boot vfat x-systemd.device-timeout=600 0 0\n"


@dataclass(frozen=True)
class Platform:
    """What differs by the architecture of a machine; `efi` is UEFI's short name of it."""

    packages: tuple[str, ...]
    efi: str
    code: Path
    variables: Path
    words: str


_FIRMWARE = Path("/usr/share")
PLATFORMS = {
    Arch.AMD64: Platform(
        PACKAGES,
        "x64",
        _FIRMWARE / "OVMF/OVMF_CODE_4M.fd",
        _FIRMWARE / "OVMF/OVMF_VARS_4M.fd",
        WORDS,
    ),
    # Debian's watchdog core is built in there: it cannot be loaded anew.
    Arch.ARM64: Platform(
        ARM64_PACKAGES,
        "aa64",
        _FIRMWARE / "AAVMF/AAVMF_CODE.fd",
        _FIRMWARE / "AAVMF/AAVMF_VARS.fd",
        "watchdog.stop_on_reboot=0",
    ),
}


@dataclass(frozen=True)
class Disks:
    """The two disks of a machine and its firmware's variables."""

    root: Path
    boot: Path
    variables: Path
    arch: Arch = Arch.AMD64

    def command(self, *more: str) -> list[str]:
        """The command that starts the machine, a watchdog in it."""
        board, code = BOARDS[self.arch], PLATFORMS[self.arch].code
        return [
            *(board.emulator, *board.options, "-accel", "tcg"),
            *("-m", "1024", "-nodefaults", "-display", "none", "-monitor", "none"),
            *("-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"),
            *("-drive", f"if=pflash,format=raw,readonly=on,file={code}"),
            *("-drive", f"if=pflash,format=raw,file={self.variables}"),
            *("-drive", f"if=virtio,format=raw,file={self.boot}"),
            *("-drive", f"if=virtio,format=raw,file={self.root}"),
            *("-device", "i6300esb", *more),
        ]


def system(suite: str, arch: Arch = Arch.AMD64) -> Path:
    """The archive of a root file system, its packages configured."""
    packages = PLATFORMS[arch].packages

    def make(folder: Path) -> None:
        hook = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in LEFT_OUT]
        source = f"deb [signed-by={KEYRING}] {archive_address()} {suite} main"
        command: list[str | Path] = ["mmdebstrap", "--mode=root", "--variant=essential"]
        command += [f"--include={','.join(packages)}", '--aptopt=Acquire::Languages "none"']
        command += hook
        if arch is not Arch.AMD64:  # there an initrd with all modules takes minutes
            conf = '"$1/etc/initramfs-tools/conf.d'
            command += [f'--essential-hook=mkdir -p {conf}"; echo MODULES=list >{conf}/e2e"']
            command += [f"--architectures={arch}"]
        _run_for(arch, *command, suite, folder / "root.tar", source, seconds=3000)

    key = [suite, *packages] if arch is Arch.AMD64 else [suite, arch, *packages]
    return cached("systems", key, make) / "root.tar"


def _run_for(arch: Arch, *command: str | Path, seconds: float) -> None:
    """Run what starts programs of a system of `arch`."""
    if arch is Arch.AMD64:
        run(*command, seconds=seconds)
    else:
        run_foreign(arch, *command, seconds=seconds)


def prepared(suite: str, arch: Arch = Arch.AMD64) -> Path:
    """That file system as a folder, with what warmboot needs and a small initrd of each kind."""
    wheels = python_modules(arch, PYTHON[suite])
    packages, console = PLATFORMS[arch].packages, BOARDS[arch].console
    service = SERVICE.format(console)

    def make(folder: Path) -> None:
        tree = folder / "tree"
        tree.mkdir()
        unpack(system(suite, arch), tree, system=True)
        copy_needed_modules(wheels, tree / f"usr/local/lib/python{PYTHON[suite]}/dist-packages")
        conf = tree / "etc/initramfs-tools"
        (conf / "conf.d").mkdir(exist_ok=True)
        (conf / "conf.d/e2e").write_text(CONF)
        (conf / "modules").write_text("\n".join(DRIVERS) + "\n")
        _run_for(arch, "chroot", tree, "update-initramfs", "-u", seconds=1200)
        if "dracut-core" in packages:
            (kernel,) = (tree / "boot").glob("vmlinuz-*")
            release = kernel.name.partition("-")[2]
            run(
                *("chroot", tree, "dracut", "--force", "--no-hostonly", "--no-hostonly-cmdline"),
                *("--omit", "plymouth network dm lvm mdraid crypt multipath nfs iscsi"),
                *("--drivers", " ".join(DRIVERS), "/boot/dracut.img", release),
                seconds=900,
            )
        (tree / "etc/fstab").write_text(FSTAB)
        (tree / "etc/hostname").write_text("guest\n")
        (tree / "etc/systemd/system/e2e.service").write_text(service)
        wants = tree / "etc/systemd/system/multi-user.target.wants"
        wants.mkdir(exist_ok=True)
        (wants / "e2e.service").symlink_to("/etc/systemd/system/e2e.service")
        for unit in (
            "getty@tty1.service",
            f"serial-getty@{console}.service",
            "systemd-firstboot.service",
        ):
            (tree / "etc/systemd/system" / unit).symlink_to("/dev/null")
        (tree / "var/lib/e2e").mkdir()

    key = [suite, wheels.name, *packages, *DRIVERS, service, FSTAB]
    return cached("prepared", key, make) / "tree"


def make_disks(
    folder: Path,
    suite: str,
    cases: Mapping[str, str],
    *,
    initrd: str = "initramfs-tools",
    loader: str = "systemd-boot",
    arch: Arch = Arch.AMD64,
) -> Disks:
    """Write the disks of a machine: `cases` are scripts by their names, run in order."""
    tree = folder / "tree"
    run("cp", "-a", "--reflink=auto", prepared(suite, arch), tree)
    install_warmboot(tree, PYTHON[suite])
    compile_modules(tree, suite, PYTHON[suite], "usr/local/lib")
    for name in ("trial-scenario", "report.sh"):
        target = tree / {"trial-scenario": "scenario", "report.sh": "report.sh"}[name]
        shutil.copy(GUEST_FILES / name, target)
        target.chmod(0o755)
    (tree / "cases").mkdir()
    for number, (name, script) in enumerate(cases.items()):
        (tree / f"cases/{number}").write_text(f"this={name}\n{script}\n")
    boot = _boot_partition(folder, tree, initrd, loader, arch)
    root = folder / "root.img"
    with root.open("wb") as file:
        file.truncate(1400 << 20)
    run("mke2fs", "-q", "-t", "ext4", "-L", "ROOT", "-d", tree, root, seconds=600)
    shutil.rmtree(tree)
    variables = folder / "variables.fd"
    shutil.copy(PLATFORMS[arch].variables, variables)
    return Disks(root, boot, variables, arch)


def _boot_partition(folder: Path, tree: Path, initrd: str, loader: str, arch: Arch) -> Path:
    (kernel,) = (tree / "boot").glob("vmlinuz-*")
    (made,) = (tree / "boot").glob("initrd.img-*")
    image = folder / "boot.img"
    with image.open("wb") as file:
        file.truncate(200 << 20)
    run("mkfs.vfat", "--mbr=n", "-F", "32", "-n", "BOOT", image)
    files = folder / "boot"
    (files / "EFI/BOOT").mkdir(parents=True)
    shutil.copy(kernel, files / kernel.name)
    shutil.copy(tree / "boot/dracut.img" if initrd == "dracut" else made, files / "initrd.img")
    words = f"console={BOARDS[arch].console} {QUIET} {PLATFORMS[arch].words}"
    if loader == "grub":
        _grub(files, kernel.name, words)
    else:
        _systemd_boot(files, tree, kernel.name, words, PLATFORMS[arch].efi)
    run("mcopy", "-i", image, "-s", *sorted(files.iterdir()), "::")
    for path in (tree / "boot").iterdir():
        if not path.name.startswith("config-"):
            path.unlink()
    shutil.rmtree(files)
    return image


def _systemd_boot(files: Path, tree: Path, kernel: str, words: str, efi: str) -> None:
    program = tree / f"usr/lib/systemd/boot/efi/systemd-boot{efi}.efi"
    shutil.copy(program, files / f"EFI/BOOT/BOOT{efi.upper()}.EFI")
    (files / "loader/entries").mkdir(parents=True)
    (files / "loader/loader.conf").write_text("default old.conf\ntimeout 0\n")
    for name in ("old", "new"):
        lines = (
            f"title The {name} one",
            f"version {kernel.partition('-')[2]}",
            f"linux /{kernel}",
            "initrd /initrd.img",
            f"options root=LABEL=ROOT ro {words} e2e={name}",
        )
        (files / f"loader/entries/{name}.conf").write_text("\n".join(lines) + "\n")


def _grub(files: Path, kernel: str, words: str) -> None:
    """GRUB of this machine's Debian: its modules have to be of the version of grub-mkimage."""
    downloads = debian_packages(Arch.AMD64, ["grub-efi-amd64-bin"])

    def unpack(folder: Path) -> None:
        (archive,) = downloads.glob("*.deb")
        run("dpkg-deb", "--extract", archive, folder)

    modules = cached("trees", [downloads.name, "grub"], unpack) / "usr/lib/grub/x86_64-efi"
    run(
        *(needs_tool("grub-mkimage"), "--format=x86_64-efi", f"--directory={modules}"),
        *("--prefix=/grub", f"--output={files / 'EFI/BOOT/BOOTX64.EFI'}", *GRUB_MODULES),
    )
    (files / "grub").mkdir()
    (files / "grub/grubenv").write_bytes(GRUBENV)
    entries = (
        f"menuentry 'The {name} one' --id {name} {{\n"
        f"  linux /{kernel} root=LABEL=ROOT ro {words} e2e={name}\n  initrd /initrd.img\n}}\n"
        for name in ("old", "new")
    )
    (files / "grub/grub.cfg").write_text(GRUB_CFG + "".join(entries))


def still_running(command: str) -> bool:
    """Whether a process with this in its command line is left behind."""
    return (
        subprocess.run(["pgrep", "-f", command], capture_output=True, check=False).returncode == 0
    )
