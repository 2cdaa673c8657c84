"""Does the new kernel fit? What doctor said before, held against the boot that followed.

The machine has its root on a SATA disk and an e1000 card. Debian's generic kernel has drivers for
both; the cloud kernel was built without AHCI and without e1000.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.tools import needs_tool

from .cpio import Archive
from .fetch import Arch, cached, debian_packages, run
from .guest import Guest, Step, converse, machine, steps
from .initramfs import GUEST_FILES, busybox, guest_initramfs
from .proof import Nonces

pytestmark = [pytest.mark.timeout(2400), pytest.mark.slow_guest]
LIMIT = 900.0  # seconds; measured on a busy machine: 150
DISK = 512 << 20
NEEDED = ("ahci", "sd_mod", "ext4", "crc32c_generic", "e1000")
INDEX = ("dep", "alias", "softdep", "builtin", "builtin.modinfo")


@dataclass(frozen=True)
class Kernel:
    """One of Debian's kernels, unpacked, and its modules indexed by depmod."""

    name: str
    tree: Path
    release: str

    @property
    def image(self) -> bytes:
        """The bzImage."""
        return (self.tree / f"boot/vmlinuz-{self.release}").read_bytes()

    def modules(self, names: Iterable[str]) -> list[Path]:
        """Return the files that modprobe would load for these, in order; none for what is not."""
        found: dict[Path, None] = {}
        for name in names:
            command = [needs_tool("modprobe"), "-d", str(self.tree), "-S", self.release]
            command += ["--show-depends", name]
            said = subprocess.run(command, check=False, capture_output=True, text=True).stdout
            lines = (line.split() for line in said.splitlines() if line.startswith("insmod "))
            found |= {Path(words[1]): None for words in lines}
        return list(found)

    def index(self) -> dict[str, bytes]:
        """Return the index of its modules, at absolute paths."""
        folder = self.tree / "lib/modules" / self.release
        names = (f"modules.{name}" for name in INDEX)
        return {
            f"/usr/lib/modules/{self.release}/{name}": (folder / name).read_bytes()
            for name in names
        }

    def initrd(self, nonce: str) -> bytes:
        """Return an initrd with what this kernel has of the drivers that the machine needs."""
        archive = Archive()
        for folder in ("/proc", "/sys", "/dev", "/root"):
            archive.folder(folder)
        archive.character_device("/dev/console", 5, 1)
        archive.file("/bin/busybox", busybox(Arch.AMD64), 0o755)
        for applet in ("cat", "insmod", "mount", "poweroff", "sleep", "uname"):
            archive.link(f"/bin/{applet}", "busybox")
        archive.file("/init", GUEST_FILES / "find-root", 0o755)
        archive.file("/nonce", nonce.encode("ascii"))
        order = []
        for path in self.modules(NEEDED):
            place = f"/usr/{path.relative_to(self.tree)}"
            archive.file(place, path)
            order.append(place)
        archive.file("/load-order", "\n".join(order).encode())
        return archive.to_bytes()


def kernel(name: str, package: str) -> Kernel:
    """Return one of Debian's kernels; the package is a metapackage."""
    downloads = debian_packages(Arch.AMD64, [package])

    def unpack(folder: Path) -> None:
        (archive,) = downloads.glob("*.deb")
        run("dpkg-deb", "--extract", archive, folder)
        (release,) = (path.name for path in (folder / "lib/modules").iterdir())
        run(needs_tool("depmod"), "-b", folder, release)

    tree = cached("trees", [downloads.name, "modules"], unpack)
    (release,) = (path.name for path in (tree / "lib/modules").iterdir())
    return Kernel(name, tree, release)


@dataclass(frozen=True)
class Boot:
    """What was said before, and whether the kernel then found the root."""

    compare: dict[str, Any]
    findings: dict[str, dict[str, Any]]
    found: str
    release: str


def boot(tmp_path: Path, nonces: Nonces, chosen: Kernel, code: int, *words: str) -> Boot:
    """Start the machine with the generic kernel, judge the chosen one there, and start that."""
    generic = kernel("generic", "linux-image-amd64*")
    cmdline = f"root=/dev/sda console=ttyS0 panic=-1 quiet loglevel=3 e2e={nonces.cmdline}"
    entry = f"title {chosen.name}\nversion {chosen.release}\nlinux /boot/chosen\n"
    entry += f"initrd /boot/chosen.img\noptions {cmdline}\n"
    drivers = {f"/drivers/{n:02}-{p.name}": p for n, p in enumerate(generic.modules(NEEDED))}
    files = {
        **{name: path.read_bytes() for name, path in drivers.items()},
        **generic.index(),
        **chosen.index(),
        "/boot/chosen": chosen.image,
        "/boot/chosen.img": chosen.initrd(nonces.initrd),
        "/boot/loader/entries/chosen.conf": entry.encode(),
        "/parameters": f"set -- {shlex.join(['chosen.conf', str(code), *words])}\n".encode(),
    }
    running, initramfs, disk = (tmp_path / name for name in ("bzImage", "initramfs", "disk"))
    running.write_bytes(generic.image)
    guest_initramfs(initramfs, Arch.AMD64, files, GUEST_FILES / "fit")

    def talk(guest: Guest) -> tuple[str, str, dict[str, Step]]:
        proof = rf"initrd={nonces.initrd} cmdline=.*e2e={nonces.cmdline}.* :end$"
        said = guest.wait_for(rf"^e2e: root (\w+) on (\S+) {proof}", LIMIT)
        return said[1], said[2], steps(guest.transcript)

    with disk.open("wb") as file:
        file.truncate(DISK)
    subprocess.run(["mkfs.ext4", "-q", str(disk)], check=True)
    command = machine(Arch.AMD64, running, initramfs)
    command += ["-m", "1536", "-drive", f"file={disk},if=none,id=disk,format=raw"]
    command += ["-device", "ide-hd,drive=disk,bus=ide.0"]
    command += ["-netdev", "user,id=net,restrict=on", "-device", "e1000,netdev=net"]
    found, release, done = converse(command, talk)
    assert {name: step.code for name, step in done.items() if step.code != 0} == {}
    answer = json.loads(done["doctor"].output)
    findings = {one["check"]: one for one in answer["findings"] if one["verdict"] != "pass"}
    passed = {one["check"]: one for one in answer["findings"] if one["verdict"] == "pass"}
    compare = json.loads(done["compare"].output)
    print(
        f"e2e-proof: {chosen.release}: {findings.get('root-drivers', passed.get('root-drivers'))}"
    )
    print(f"e2e-proof: then: root {found} on {release}")
    return Boot(compare, {**passed, **findings}, found, release)


def places(answer: dict[str, Any], purpose: str) -> dict[str, str]:
    """Return where the chosen kernel has each driver, by the driver's name here."""
    needs = answer["new"]["needs"]
    return {
        one["need"]["module"] or one["need"]["driver"]: one["place"]
        for one in needs
        if one["need"]["purpose"] == purpose
    }


def test_the_cloud_kernel_lacks_the_disk_s_driver_and_finds_no_root(
    nonces: Nonces, tmp_path: Path
) -> None:
    cloud = kernel("cloud", "linux-image-cloud-amd64*")
    done = boot(tmp_path, nonces, cloud, 6, "--force", "root-drivers")
    assert done.findings["root-drivers"]["verdict"] == "fail"
    assert "ahci" in done.findings["root-drivers"]["text"]
    assert done.findings["network-drivers"]["verdict"] == "warn"
    assert places(done.compare, "root")["ahci"] == "missing"
    assert places(done.compare, "network") == {"e1000": "missing"}
    assert (done.found, done.release) == ("missing", cloud.release)


def test_the_generic_kernel_fits_and_finds_it(nonces: Nonces, tmp_path: Path) -> None:
    generic = kernel("generic", "linux-image-amd64*")
    done = boot(tmp_path, nonces, generic, 0)
    assert done.findings["root-drivers"]["verdict"] == "pass"
    assert done.findings["network-drivers"]["verdict"] == "pass"
    assert set(places(done.compare, "root").values()) <= {"in the initrd", "built in"}
    assert (done.found, done.release) == ("mounted", generic.release)
