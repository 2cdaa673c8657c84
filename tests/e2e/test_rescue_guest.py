"""A Debian whose root is not found: its initramfs's shell, with warmboot in it, and the way out.

The guest boots with a root that does not exist and ends in the shell that initramfs-tools, or
dracut, gives. From there a person mounts the disk, looks, stages the kernel that is installed on
it with the right root, and executes it; that system says what it is. Sizes are in PROVEN.md.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.archives import unpack

from .debian import DRIVERS, WORDS, system
from .fetch import REPOSITORY, cached, run
from .guest import Guest
from .proof import Nonces
from .rescue import rescue_build

pytestmark = [pytest.mark.slow_guest, pytest.mark.timeout(3600)]
SUITE = "trixie"
SLOW = 600.0  # seconds; measured: up to 150 on a busy machine
SETTLED = 10.0  # seconds in which sulogin sets the terminal up: what is typed before is dropped
CONSOLE = f"console=ttyS0 loglevel=4 {WORDS}"
#: What initramfs-tools and dracut are told, so that the shell comes soon.
BROKEN = {
    "initramfs-tools": "root=LABEL=NOWHERE ro rootdelay=2",
    # Root has no password in this initramfs; dracut's word for a shell all the same is the last.
    "dracut": "root=LABEL=NOWHERE ro rootflags=x-systemd.device-timeout=3 rd.timeout=3 "
    "SYSTEMD_SULOGIN_FORCE=1",
}
PROMPTS = {"initramfs-tools": r"\(initramfs\) ", "dracut": r"^(dracut:/|sh-[\d.]+)?# "}
PROOF = """\
#!/bin/sh
mount -t proc proc /proc
echo "e2e: good system $(uname -r) $(cut -d' ' -f1-2 /proc/mounts | grep ' /$' | tail -n 1) \\
$(cat /proc/cmdline) :end"
sync
poweroff -f
"""


@dataclass(frozen=True)
class Broken:
    """A machine: the kernel and initramfs that it is started with, its disk, its boot partition."""

    kernel: Path
    initramfs: Path
    root: Path
    boot: Path

    def command(self, words: str) -> list[str]:
        """Return what starts it."""
        return [
            *("qemu-system-x86_64", "-M", "q35", "-cpu", "max,-cx16", "-accel", "tcg"),
            *("-m", "1024", "-nodefaults", "-display", "none", "-monitor", "none", "-no-reboot"),
            *("-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"),
            *("-drive", f"if=virtio,format=raw,file={self.root}"),
            *("-drive", f"if=virtio,format=raw,file={self.boot}"),
            *("-kernel", str(self.kernel), "-initrd", str(self.initramfs)),
            *("-append", f"{CONSOLE} {words}"),
        ]


@pytest.fixture(scope="module")
def rescue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that the rescue archive unpacks to."""
    target = tmp_path_factory.mktemp("unpacked")
    unpack(rescue_build()[".tar.xz"], target)
    return target / "warmboot-rescue"


def installed() -> Path:
    """Return a Debian as a folder, with the small initrd that it boots by."""

    def make(folder: Path) -> None:
        tree = folder / "tree"
        tree.mkdir()
        unpack(system(SUITE), tree, system=True)
        conf = tree / "etc/initramfs-tools"
        (conf / "conf.d").mkdir(exist_ok=True)
        (conf / "conf.d/e2e").write_text("MODULES=list\nCOMPRESS=zstd\n")
        (conf / "modules").write_text(
            "\n".join((*DRIVERS, "vfat", "nls_ascii", "nls_cp437")) + "\n"
        )
        run("chroot", tree, "update-initramfs", "-u", seconds=600)

    return cached("broken", [system(SUITE).parent.name, *DRIVERS], make) / "tree"


def broken(folder: Path, rescue: Path, kind: str, nonces: Nonces) -> Broken:
    """Make the disks, and an initramfs with the rescue build in it; print what that takes."""
    tree = folder / "tree"
    run("cp", "-a", "--reflink=auto", installed(), tree)
    (kernel,) = (tree / "boot").glob("vmlinuz-*")
    (initrd,) = (tree / "boot").glob("initrd.img-*")
    release = kernel.name.partition("-")[2]
    plain = _make_initramfs(tree, folder / "plain.img", kind, release)
    shutil.copytree(rescue, tree / "usr/lib/warmboot-rescue", symlinks=True)
    hooks = {"initramfs-tools": ("warmboot", "usr/share/initramfs-tools/hooks/warmboot"),
             "dracut": ("90warmboot", "usr/lib/dracut/modules.d/90warmboot")}  # fmt: skip
    name, place = hooks[kind]
    run("cp", "-a", REPOSITORY / "install" / kind / name, tree / place)
    made = _make_initramfs(tree, folder / "rescue.img", kind, release)
    sizes = [path.stat().st_size for path in (folder / "plain.img", folder / "rescue.img")]
    print(f"{kind}: without {sizes[0]} bytes, {plain:.0f} s; with {sizes[1]} bytes, {made:.0f} s")
    entries = tree / "boot/loader/entries"
    entries.mkdir(parents=True)
    lines = [
        "title The good system",
        f"version {release}",
        f"linux /{kernel.name}",
        f"initrd /{initrd.name}",
        f"options root=LABEL=ROOT ro {CONSOLE} init=/proof e2e={nonces.cmdline}",
    ]
    (entries / "good.conf").write_text("\n".join(lines) + "\n")
    (tree / "proof").write_text(PROOF)
    (tree / "proof").chmod(0o755)
    shutil.copy(kernel, folder / "vmlinuz")
    boot = folder / "boot.img"
    with boot.open("wb") as file:
        file.truncate(120 << 20)
    run("mkfs.vfat", "--mbr=n", "-F", "32", "-n", "BOOT", boot)
    run("mcopy", "-i", boot, "-s", kernel, initrd, tree / "boot/loader", "::")
    root = folder / "root.img"
    with root.open("wb") as file:
        file.truncate(1400 << 20)
    run("mke2fs", "-q", "-t", "ext4", "-L", "ROOT", "-d", tree, root, seconds=600)
    shutil.rmtree(tree)
    return Broken(folder / "vmlinuz", folder / "rescue.img", root, boot)


def _make_initramfs(tree: Path, target: Path, kind: str, release: str) -> float:
    """Make an initramfs by the system's own tools; returns the seconds that it took."""
    if kind == "dracut":
        words = ["dracut", "--force", "--no-hostonly", "--no-hostonly-cmdline", "--omit"]
        words += ["plymouth network dm lvm mdraid crypt multipath nfs iscsi"]
        words += ["--drivers", " ".join((*DRIVERS, "vfat")), "/made.img", release]
    else:
        words = ["mkinitramfs", "-o", "/made.img", release]
    mounts = f"mount -t proc proc {tree}/proc; mount -t sysfs -o ro sysfs {tree}/sys"
    enter = ["unshare", "--mount", "sh", "-c", f'{mounts}; exec chroot {tree} "$@"', "-"]
    start = time.monotonic()
    said = subprocess.run([*enter, *words], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr[-3000:]
    assert "90warmboot/" not in said.stderr, said.stderr[-3000:]
    seconds = time.monotonic() - start
    shutil.move(tree / "made.img", target)
    return seconds


@pytest.mark.parametrize("where", ["--root /sysroot", ""], ids=["root", "boot-partition"])
@pytest.mark.parametrize("kind", ["initramfs-tools", "dracut"])
def test_a_broken_root_is_left_for_the_good_kernel(
    kind: str, where: str, rescue: Path, tmp_path: Path, nonces: Nonces
) -> None:
    machine = broken(tmp_path, rescue, kind, nonces)
    with Guest(machine.command(BROKEN[kind])) as guest:
        if kind == "dracut":
            guest.wait_for(r"Control-D to continue\):", SLOW)
            time.sleep(SETTLED)
            guest.type(b"\r")
        guest.wait_for(PROMPTS[kind], SLOW)

        def command(line: str) -> str:
            guest.type(f'{line}; echo "e2e:" "ended $?"\r'.encode())
            start = len(guest.transcript)
            found = guest.wait_for(r"^e2e: ended (\d+)$", SLOW)
            assert found[1] == "0", guest.transcript[-3000:]
            return guest.transcript[start : found.start()]

        busybox = kind == "initramfs-tools"  # dracut's shell is dash, and there is no grep
        if busybox:
            command("dmesg | grep -i -e 'unpacking initramfs' -e 'freeing initrd'")
        place = "/dev/vda /sysroot" if where else "/dev/vdb /boot"
        command(f"mkdir -p /sysroot /boot; modprobe ext4; modprobe vfat; mount -o ro {place}")
        assert "The good system" in command(f"{'time ' * busybox}warmboot {where} list")
        command(f"warmboot {where} stage good.conf")
        assert f"e2e={nonces.cmdline}" in command("warmboot status")
        guest.type(b"warmboot exec\r")
        name = guest.wait_for(r"^Restart (\S+) into ", SLOW)[1]
        guest.wait_for("Type the host's name to go on: ", SLOW)
        guest.type(name.encode() + b"\r")
        said = guest.wait_for(r"^e2e: good system (\S+) (\S+) / (.*) :end$", SLOW)
        assert f"e2e={nonces.cmdline}" in said[3]
        print("\n".join(guest.transcript.splitlines()[-200:]))
