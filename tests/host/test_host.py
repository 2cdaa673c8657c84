"""The facts of a machine, read from fake /proc, /sys and /run trees of every kind."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from support.files import put
from support.machines import EFIVAR, make_machine

from warmboot.core.host import Host, read_host
from warmboot.core.host.sessions import terminals
from warmboot.core.host.virtualization import read_hypervisor


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_machine(tmp_path)


def test_capabilities(root: Path) -> None:
    assert read_host(root).privileged
    put(root, "proc/self/status", "CapEff:\t0000000000000000\nCapBnd:\t000001ffffffffff\n")
    put(root, "proc/sys/kernel/dmesg_restrict", "1\n")
    host = read_host(root)
    assert not host.privileged
    assert host.privilege_reachable
    assert not host.log_readable
    put(root, "proc/self/status", "CapEff:\t0\nCapBnd:\t00000000a80425fb\n")
    assert not read_host(root).privilege_reachable


def test_kexec_files_where_they_are_and_where_newer_kernels_put_them(root: Path) -> None:
    for name in ("loaded", "crash_loaded", "crash_size"):
        (root / f"sys/kernel/kexec_{name}").unlink()
    assert read_host(root).staged is None
    put(root, "sys/kernel/kexec/loaded", "1\n")
    put(root, "sys/kernel/kexec/crash_loaded", "1\n")
    put(root, "sys/kernel/kexec/crash_size", "268435456\n")
    host = read_host(root)
    assert (host.staged, host.crash_staged, host.crash_size) == (True, True, 256 << 20)


def test_firmware_variables(root: Path) -> None:
    assert read_host(root).secure_boot is None
    put(root, EFIVAR.format("SecureBoot"), b"\x06\0\0\0\x01")
    put(root, EFIVAR.format("SetupMode"), b"\x06\0\0\0\x00")
    host = read_host(root)
    assert (host.secure_boot, host.setup_mode) == (True, False)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("run/systemd/container", "lxc\n", "lxc"),
        ("proc/1/environ", b"PATH=/bin\0container=oci\0", "oci"),
        ("run/host/container-manager", "systemd-nspawn\n", "systemd-nspawn"),
        ("proc/vz/version", "", "openvz"),
        ("proc/sys/kernel/osrelease", "5.15.90.1-microsoft-standard-WSL2\n", "wsl"),
        (".dockerenv", "", "docker"),
        ("run/.containerenv", "", "podman"),
    ],
)
def test_containers(root: Path, name: str, content: str | bytes, kind: str) -> None:
    assert read_host(root).container is None
    put(root, name, content)
    assert read_host(root).container == kind


@pytest.mark.parametrize(
    ("mark", "kind"),
    [
        (".dockerenv", "docker"),
        ("run/.containerenv", "podman"),
        ("proc/self/cgroup", "kubernetes"),
        ("unmarked", "mount namespace"),
    ],
)
def test_a_container_that_sees_the_machine_s_processes(root: Path, mark: str, kind: str) -> None:
    for process, mounts in (("self", "mnt:[4026532321]"), ("1", "mnt:[4026531841]")):
        folder = root / "proc" / process / "ns"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pid").symlink_to("pid:[4026531836]")
        (folder / "mnt").symlink_to(mounts)
    put(root, mark, "0::/kubepods.slice/x\n")
    assert read_host(root).container == kind


def test_a_virtuozzo_host_is_no_container(root: Path) -> None:
    put(root, "proc/vz/version", "")
    put(root, "proc/bc/0", "")
    assert read_host(root).container is None


def test_namespaces_tell_a_container_from_a_machine_made_of_one(root: Path) -> None:
    put(root, ".dockerenv", "")
    folder = root / "proc/self/ns"
    folder.mkdir()
    (folder / "pid").symlink_to("pid:[4026531836]")
    assert read_host(root).container is None
    (folder / "user").symlink_to("user:[4026532201]")
    assert read_host(root).container == "user namespace"


def test_virtual_machines(root: Path) -> None:
    assert read_hypervisor(root) is None
    put(root, "proc/cpuinfo", "processor: 0\nflags\t\t: fpu hypervisor la57\n")
    assert read_hypervisor(root) == "a hypervisor"
    put(root, "sys/class/dmi/id/sys_vendor", "QEMU\n")
    assert read_hypervisor(root) == "QEMU"


def test_kexec_tools_are_found_outside_of_path(root: Path) -> None:
    assert read_host(root).kexec_tools is None
    put(root, "usr/sbin/kexec", "#!/bin/sh\n").chmod(0o755)
    assert read_host(root).kexec_tools == str(root / "usr/sbin/kexec")


def test_the_own_login_is_marked(root: Path) -> None:
    assert [(s.user, s.own) for s in read_host(root).sessions] == [
        ("root", True),
        ("ansible", False),
    ]
    put(root, "proc/self/sessionid", "4294967295\n")
    assert not any(s.own for s in read_host(root).sessions)
    assert "pts/3" in terminals({"SSH_TTY": "/dev/pts/3"})


def test_where_the_configuration_comes_from(root: Path) -> None:
    assert read_host(root).option("KEXEC_FILE") is True
    put(root, "proc/config.gz", gzip.compress(b"CONFIG_KEXEC=y\n"))
    assert read_host(root).config == {"KEXEC": "y"}
    put(root, "proc/config.gz", b"\x1f\x8b\x08 damaged")
    assert read_host(root).option("KEXEC_FILE") is True
    (root / "boot/config-6.1.0").unlink()
    put(root, "usr/lib/modules/6.1.0/config", "CONFIG_KEXEC_FILE=m\n")
    assert read_host(root).config == {"KEXEC_FILE": "m"}


GARBAGE = [
    pytest.param(bytes(range(256)) * 40, id="binary"),
    pytest.param(b"9" * 100_000, id="digits"),
    pytest.param(b"\x00" * 5000, id="NULs"),
    pytest.param("²³ ٣ nan inf -1\n".encode() * 9, id="numbers of other kinds"),
    pytest.param(b"", id="nothing"),
]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_in_any_file_is_no_more_than_an_unknown_fact(root: Path, garbage: bytes) -> None:
    files = [path for path in root.rglob("*") if path.is_file()]
    assert len(files) > 15
    for path in files:
        path.write_bytes(garbage)
    put(root, "proc/1/environ", b"container=" + garbage)
    put(root, "proc/config.gz", garbage)
    put(root, EFIVAR.format("SecureBoot"), garbage)
    host = read_host(root)
    assert isinstance(host, Host)
    assert host.uptime is None or host.uptime >= 0
    assert host.memory_available is None


def test_pipes_and_folders_in_place_of_files_do_not_hold_it_up(root: Path) -> None:
    for name in ("proc/uptime", "boot/config-6.1.0", "proc/self/status"):
        (root / name).unlink()
        os.mkfifo(root / name)
    (root / "proc/cmdline").unlink()
    (root / "proc/cmdline").mkdir()
    host = read_host(root)
    assert host.uptime is None
    assert host.cmdline == ""
    assert not host.privileged
