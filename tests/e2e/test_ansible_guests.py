"""Two real machines over SSH: switched by the Ansible playbook, then by the manual's own recipe.

Each is a Debian with systemd in QEMU that runs Debian's cloud kernel and has the generic one
installed. While the second one has the file /etc/crash, a kernel that kexec starts crashes there.
What became of them is looked at from this side, as a user who may use sudo.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from .debian import PYTHON, WORDS
from .fetch import REPOSITORY, Arch, cached, debian_packages, python_modules, run
from .initramfs import copy_needed_modules, install_warmboot
from .test_rescue_guest import SUITE, installed

pytestmark = [pytest.mark.slow_guest, pytest.mark.timeout(5400)]
BIN = REPOSITORY / ".venv/bin"
PACKAGES = ["linux-image-cloud-amd64*", "sudo", "libapparmor1"]
NAMES = ("m1", "m2")
SLOW = 900.0  # seconds until a machine answers by SSH; measured: up to 200
CMDLINE = f"root=LABEL=ROOT ro console=ttyS0 loglevel=4 systemd.show_status=0 {WORDS}"
NETWORK = "[Match]\nType=ether\n[Network]\nDHCP=ipv4\n"
#: A machine on which no kernel gets far that firmware did not start, as with a driver that fails.
CRASH = """\
[Unit]
DefaultDependencies=no
ConditionKernelCommandLine=!by-firmware
ConditionPathExists=/etc/crash
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo 5 > /proc/sys/kernel/panic; echo c > /proc/sysrq-trigger'
"""
SSH_CONFIG = """\
Host *
User ops
IdentityFile {folder}/key
UserKnownHostsFile /dev/null
StrictHostKeyChecking no
LogLevel ERROR
ConnectTimeout 60
"""
INVENTORY = """\
[all:vars]
ansible_become=true
ansible_ssh_common_args=-F {folder}/config
ansible_python_interpreter=/usr/bin/python3
[all]
"""


def with_two_kernels() -> Path:
    """Return a Debian as a folder: two kernels, network, SSH, sudo, and what warmboot needs."""
    packages = debian_packages(Arch.AMD64, PACKAGES, SUITE)
    wheels = python_modules(Arch.AMD64, PYTHON[SUITE])

    def make(folder: Path) -> None:
        tree = folder / "tree"
        run("cp", "-a", "--reflink=auto", installed(), tree)
        for package in packages.glob("*.deb"):
            run("dpkg-deb", "--extract", package, tree)
        cloud = next(path.name for path in (tree / "usr/lib/modules").glob("*cloud*"))
        run("chroot", tree, "depmod", cloud)
        run("chroot", tree, "update-initramfs", "-c", "-k", cloud, seconds=600)
        copy_needed_modules(wheels, tree / f"usr/local/lib/python{PYTHON[SUITE]}/dist-packages")
        run("chroot", tree, "useradd", "--create-home", "--shell", "/bin/sh", "ops")
        run("chroot", tree, "install", "-d", "-m", "700", "-o", "ops", "/home/ops/.ssh")
        (tree / "etc/sudoers.d/ops").write_text("ops ALL=(ALL) NOPASSWD: ALL\n")
        (tree / "etc/fstab").write_text("LABEL=ROOT / ext4 defaults 0 1\n")
        (tree / "etc/systemd/network/all.network").write_text(NETWORK)
        units = tree / "etc/systemd/system"
        (units / "crash.service").write_text(CRASH)
        for target, unit in (
            ("multi-user", "/usr/lib/systemd/system/systemd-networkd.service"),
            ("multi-user", "/usr/lib/systemd/system/ssh.service"),
            ("sysinit", "/etc/systemd/system/crash.service"),
        ):
            wants = units / f"{target}.target.wants"
            wants.mkdir(exist_ok=True)
            (wants / Path(unit).name).unlink(missing_ok=True)
            (wants / Path(unit).name).symlink_to(unit)
        for unit in ("getty@tty1", "serial-getty@ttyS0", "systemd-firstboot"):
            (units / f"{unit}.service").symlink_to("/dev/null")

    key = [installed().parent.name, packages.name, wheels.name, NETWORK, CRASH]
    return cached("two-kernels", key, make) / "tree"


class Fleet:
    """The machines m1 and m2, and how this side reaches them."""

    def __init__(self, folder: Path, guests: ExitStack) -> None:
        self.folder = folder
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key")
        self.ports = {name: _free_port() for name in NAMES}
        lines = [SSH_CONFIG.format(folder=folder)]
        lines += [f"Host {name}\nHostName 127.0.0.1\nPort {self.ports[name]}" for name in NAMES]
        (folder / "config").write_text("\n".join(lines) + "\n")
        self._write_disks()
        for name in NAMES:
            (folder / f"{name}.log").touch()
            guests.callback(_end, subprocess.Popen(self._machine(name), stdin=subprocess.DEVNULL))
        for name in NAMES:
            self.wait_for(name)

    def _write_disks(self) -> None:
        tree = self.folder / "tree"
        run("cp", "-a", "--reflink=auto", with_two_kernels(), tree)
        install_warmboot(tree, PYTHON[SUITE])
        run("chroot", tree, "python3", "-m", "compileall", "-q", "/usr/local/lib", seconds=600)
        shutil.copy(self.folder / "key.pub", tree / "home/ops/.ssh/authorized_keys")
        releases = sorted(path.name[8:] for path in (tree / "boot").glob("vmlinuz-*"))
        self.cloud = next(release for release in releases if "cloud" in release)
        self.generic = next(release for release in releases if "cloud" not in release)
        (tree / "boot/loader/entries").mkdir(parents=True)
        for name, release in (("cloud", self.cloud), ("generic", self.generic)):
            lines = [f"title The {name} one", f"version {release}", f"linux /vmlinuz-{release}"]
            lines += [f"initrd /initrd.img-{release}", f"options {CMDLINE}"]
            (tree / f"boot/loader/entries/{name}.conf").write_text("\n".join(lines) + "\n")
        for name in NAMES:
            (tree / "etc/hostname").write_text(f"{name}\n")
            if name == "m2":
                (tree / "etc/crash").touch()
            image = self.folder / f"{name}.img"
            with image.open("wb") as file:
                file.truncate(2 << 30)
            run("mke2fs", "-q", "-t", "ext4", "-L", "ROOT", "-d", tree, image, seconds=600)
        for kind in ("vmlinuz", "initrd.img"):
            shutil.copy(tree / f"boot/{kind}-{self.cloud}", self.folder / kind)
        shutil.rmtree(tree)

    def _machine(self, name: str) -> list[str]:
        forward = f"user,id=net,hostfwd=tcp:127.0.0.1:{self.ports[name]}-:22"
        return [
            *("qemu-system-x86_64", "-M", "q35", "-cpu", "max,-cx16", "-accel", "tcg"),
            *("-m", "1024", "-nodefaults", "-display", "none", "-monitor", "none"),
            *("-serial", f"file:{self.folder / name}.log"),
            *("-drive", f"if=virtio,format=raw,file={self.folder / name}.img"),
            *("-netdev", forward, "-device", "virtio-net-pci,netdev=net"),
            *("-kernel", str(self.folder / "vmlinuz"), "-initrd", str(self.folder / "initrd.img")),
            *("-append", f"{CMDLINE} by-firmware"),
        ]

    def ssh(self, name: str, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command on a machine."""
        return subprocess.run(
            ["ssh", "-F", self.folder / "config", name, command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def wait_for(self, name: str) -> None:
        """Wait until a machine answers."""
        end = time.monotonic() + SLOW
        while (done := self.ssh(name, "true")).returncode != 0:
            console = (self.folder / f"{name}.log").read_text(errors="replace")
            assert time.monotonic() < end, f"{name}: {done.stderr}\n{console[-4000:]}"
            time.sleep(2)

    def state(self, name: str) -> tuple[str, str]:
        """Return the release that a machine runs, and which boot it is in."""
        said = self.ssh(name, "uname -r; cat /proc/sys/kernel/random/boot_id").stdout.split()
        return said[0], said[1]

    def last_restart(self, name: str) -> dict[str, Any]:
        """Return what a machine says of its last restart."""
        said = self.ssh(name, "sudo warmboot status --json").stdout
        last: dict[str, Any] = json.loads(said)["last_restart"]
        return last

    def play(self, order: Sequence[str]) -> tuple[int, str]:
        """Switch them to the generic kernel by the collection's playbook."""
        collections = self.folder / "collections/ansible_collections/warmboot"
        if not collections.exists():
            collections.mkdir(parents=True)
            (collections / "kexec").symlink_to(REPOSITORY / "ansible")
        inventory = self.folder / "inventory"
        inventory.write_text(INVENTORY.format(folder=self.folder) + "\n".join(order) + "\n")
        words = ["-e", "warmboot_entry=generic.conf", "-e", f"warmboot_timeout={SLOW:.0f}"]
        done = subprocess.run(
            [BIN / "ansible-playbook", "-i", inventory, "warmboot.kexec.switch", *words],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "LANG": "C.UTF-8",
                "ANSIBLE_COLLECTIONS_PATH": str(self.folder / "collections"),
                "ANSIBLE_TIMEOUT": "60",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        print(done.stdout, done.stderr)
        return done.returncode, done.stdout

    def follow_the_manual(self, order: Sequence[str]) -> str:
        """Run word by word what warmboot(8) says for SSH alone."""
        page = (REPOSITORY / "man/warmboot.8").read_text()
        recipe = page.split("With SSH alone")[1].split(".Bd -literal -offset indent\n")[1]
        recipe = recipe.split(".Ed")[0].replace("\\e\n", "\\\n")
        folder = self.folder / "recipe"
        folder.mkdir(exist_ok=True)
        (folder / "machines").write_text("\n".join(order) + "\n")
        ssh = folder / "ssh"
        ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {self.folder}/config "$@"\n')
        ssh.chmod(0o755)
        done = subprocess.run(
            ["sh", "-c", recipe],
            cwd=folder,
            env={"PATH": f"{folder}:{BIN}:{os.environ['PATH']}", "HOME": str(self.folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        print(done.stdout)
        return done.stdout


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _end(machine: subprocess.Popen[bytes]) -> None:
    machine.kill()
    machine.wait()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Return two machines that run their cloud kernel."""
    with ExitStack() as guests:
        yield Fleet(tmp_path_factory.mktemp("fleet"), guests)


def test_the_playbook_switches_one_after_the_other(fleet: Fleet) -> None:
    """The canary comes back in it, the next machine does not; once it is mended it does, too."""
    before = {name: fleet.state(name) for name in NAMES}
    assert [release for release, _ in before.values()] == [fleet.cloud] * 2

    code, said = fleet.play(NAMES)
    assert code == 2, said
    assert len(set(re.findall(r'"msg": "([0-9a-f]{64})"', said))) == 1  # one plan for both
    assert re.findall(r"runs (\S+), away \d+ s", said) == [fleet.generic]
    assert fleet.state("m1")[0] == fleet.generic
    assert fleet.last_restart("m1")["arrived"] is True
    assert "Back, but not in what was staged: " in said
    assert fleet.state("m2")[0] == fleet.cloud
    assert fleet.state("m2")[1] != before["m2"][1]
    assert fleet.last_restart("m2")["arrived"] is False

    fleet.ssh("m2", "sudo rm /etc/crash")
    boot = fleet.state("m1")[1]
    code, said = fleet.play(NAMES)
    assert code == 0, said
    assert "runs it already" in said
    assert fleet.state("m1") == (fleet.generic, boot)
    assert fleet.state("m2")[0] == fleet.generic
    assert re.findall(r"runs (\S+), away \d+ s", said) == [fleet.generic]


def test_the_manual_s_recipe_stops_at_the_first_that_is_lost(fleet: Fleet) -> None:
    before = {name: fleet.state(name) for name in NAMES}
    said = fleet.follow_the_manual(NAMES)
    plans = {name: json.loads((fleet.folder / f"recipe/{name}.plan").read_text()) for name in NAMES}
    assert plans["m1"]["digest"] == plans["m2"]["digest"]
    newest = getattr(fleet, plans["m1"]["plan"]["entry"].removesuffix(".conf"))
    for name, (_, boot) in before.items():
        release, now = fleet.state(name)
        assert (release, now != boot) == (newest, True), said
    assert said.count(f"Back in {newest}, after ") == 2

    fleet.ssh("m2", "sudo touch /etc/crash && sync")
    boot = fleet.state("m1")[1]
    said = fleet.follow_the_manual(["m2", "m1"])
    assert re.search(rf"^Back in {re.escape(fleet.cloud)}, .*not", said, re.MULTILINE)
    assert fleet.state("m2")[0] == fleet.cloud
    assert fleet.last_restart("m2")["arrived"] is False
    assert fleet.state("m1") == (newest, boot)
