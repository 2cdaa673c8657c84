"""The simulated kernel says no where a kernel of its architecture would, with its errno."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.machines import make_sandbox

from warmboot.core.errors import NothingStaged, Refused
from warmboot.core.load.loader import LoadFlags, LoadRequest
from warmboot.core.payload.memfile import MemFile
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.pe import build_certificate
from warmboot.core.sandbox.builders.uki import build_uki
from warmboot.core.sandbox.simulator import Simulator

Load = Callable[..., None]


def make(tmp_path: Path, machine: str) -> Path:
    return make_sandbox(tmp_path / machine, machine)


@pytest.fixture
def load() -> Iterator[Load]:
    files: list[MemFile] = []

    def run(
        root: Path, kernel: bytes, cmdline: str = "quiet", flags: LoadFlags = LoadFlags.NONE
    ) -> None:
        memory = MemFile("test")
        files.append(memory)
        memory.write(kernel)
        request = LoadRequest(memory.fd, "kernel", None, None, cmdline, flags)
        Simulator(root).load(request)

    yield run
    for memory in files:
        memory.close()


def arm64() -> bytes:
    return build_arm64_image("6.12.1-arm64", body_size=100_000)


def refused(root: Path, load: Load, kernel: bytes, code: int, **more: object) -> None:
    before = (root / "sys/kernel/kexec_loaded").read_text()
    with pytest.raises(Refused) as caught:
        load(root, kernel, **more)
    assert errno.errorcode[caught.value.errno] == errno.errorcode[code]
    assert caught.value.hint
    assert (root / "sys/kernel/kexec_loaded").read_text() == before


def test_an_image_of_this_architecture_is_taken_and_replaces_the_old(
    tmp_path: Path, load: Load
) -> None:
    root = make(tmp_path, "aarch64")
    load(root, arm64())
    assert Simulator(root).loaded()
    load(root, build_arm64_image("6.13.0-next", body_size=100_000), "second")
    Simulator(root).execute()
    assert (root / "proc/sys/kernel/osrelease").read_text() == "6.13.0-next\n"
    assert (root / "proc/cmdline").read_text() == "second\n"
    assert not Simulator(root).loaded()


@pytest.mark.parametrize(
    ("machine", "code"), [("x86_64", errno.ENOEXEC), ("aarch64", errno.EINVAL)]
)
def test_strangers_are_refused_in_the_words_of_the_architecture(
    tmp_path: Path, load: Load, machine: str, code: int
) -> None:
    root = make(tmp_path, machine)
    arch = "x86-64" if machine == "x86_64" else "arm64"
    uki = build_uki(
        arch=arch, linux=arm64(), initrd=b"", cmdline="quiet", osrel="NAME=x\n", uname="6"
    )
    for kernel in (uki, b"#!/bin/sh\n" * 100, b""):
        refused(root, load, kernel, code)
    stranger = arm64() if machine == "x86_64" else build_bzimage("6.1.0")
    refused(root, load, stranger, code)


def test_x86_wants_room_behind_the_command_line(tmp_path: Path, load: Load) -> None:
    root = make(tmp_path, "x86_64")
    kernel = build_bzimage("6.1.0", cmdline_size=2047)
    load(root, kernel, "x" * (2047 - 30 - 1))
    refused(root, load, kernel, errno.EINVAL, cmdline="x" * (2047 - 30))


def test_an_old_bzimage_is_not_for_kexec(tmp_path: Path, load: Load) -> None:
    root = make(tmp_path, "x86_64")
    refused(root, load, build_bzimage("3.0.0", protocol=0x020A), errno.ENOEXEC)
    refused(root, load, build_bzimage("6.1.0", xloadflags=0), errno.ENOEXEC)


def test_arm64_limits(tmp_path: Path, load: Load) -> None:
    root = make(tmp_path, "aarch64")
    load(root, arm64(), "x" * 2047)
    refused(root, load, arm64(), errno.EINVAL, cmdline="x" * 2048)
    big_endian = build_arm64_image("6.1.0", body_size=100_000, flags=0xB)
    refused(root, load, big_endian, errno.EINVAL)


def test_signatures(tmp_path: Path, load: Load) -> None:
    root = make(tmp_path, "x86_64")
    config = root / "boot/config-6.1.0"
    lockdown = root / "sys/kernel/security/lockdown"
    lockdown.write_text("none [integrity] confidentiality\n")
    refused(root, load, build_bzimage("6.1.0"), errno.EPERM)
    enforced = "CONFIG_KEXEC_FILE=y\nCONFIG_KEXEC_SIG_FORCE=y\n"
    config.write_text(enforced)
    refused(root, load, build_bzimage("6.1.0"), errno.EKEYREJECTED)  # it can verify nothing
    config.write_text(enforced + "CONFIG_KEXEC_BZIMAGE_VERIFY_SIG=y\n")
    refused(root, load, build_bzimage("6.1.0"), errno.ENODATA)
    signed = build_bzimage("6.1.0", certificates=build_certificate(b"0\x82"))
    refused(root, load, signed, errno.EBADMSG)


def test_privilege_switch_and_limit(tmp_path: Path, load: Load) -> None:
    root = make(tmp_path, "aarch64")
    kernel = root / "proc/sys/kernel"
    (kernel / "kexec_load_limit_reboot").write_text("2\n")
    load(root, arm64())
    Simulator(root).unload()
    assert (kernel / "kexec_load_limit_reboot").read_text() == "0\n"
    refused(root, load, arm64(), errno.EPERM)
    (kernel / "kexec_load_limit_reboot").write_text("-1\n")
    (kernel / "kexec_load_disabled").write_text("1\n")
    refused(root, load, arm64(), errno.EPERM)
    (kernel / "kexec_load_disabled").write_text("0\n")
    (root / "proc/self/status").write_text("CapEff:\t0000000000000000\n")
    refused(root, load, arm64(), errno.EPERM)


def test_memory_flags_and_descriptors(tmp_path: Path, load: Load) -> None:
    root = make(tmp_path, "aarch64")
    refused(root, load, arm64(), errno.EINVAL, flags=LoadFlags(0x40))
    (root / "proc/meminfo").write_text("MemAvailable: 10 kB\n")
    refused(root, load, arm64(), errno.ENOMEM)
    closed = os.open(os.devnull, os.O_RDONLY)
    os.close(closed)
    with pytest.raises(Refused) as caught:
        Simulator(root).load(LoadRequest(closed, "x", None, None, "quiet"))
    assert caught.value.errno == errno.EBADF


def test_nothing_to_execute(tmp_path: Path) -> None:
    root = make(tmp_path, "aarch64")
    with pytest.raises(NothingStaged):
        Simulator(root).execute()


def test_a_crash_kernel_has_memory_and_a_limit_of_its_own(tmp_path: Path, load: Load) -> None:
    root = make(tmp_path, "aarch64")
    refused(root, load, arm64(), errno.EADDRNOTAVAIL, flags=LoadFlags.ON_CRASH)
    (root / "sys/kernel/kexec_crash_size").write_text("268435456\n")
    (root / "proc/sys/kernel/kexec_load_limit_panic").write_text("2\n")
    load(root, arm64(), flags=LoadFlags.ON_CRASH)
    assert (root / "sys/kernel/kexec_crash_loaded").read_text() == "1\n"
    assert (root / "sys/kernel/kexec_loaded").read_text() == "0\n"
    Simulator(root).unload(panic=True)
    assert (root / "sys/kernel/kexec_crash_loaded").read_text() == "0\n"
    assert (root / "proc/sys/kernel/kexec_load_limit_panic").read_text() == "0\n"
    refused(root, load, arm64(), errno.EPERM, flags=LoadFlags.ON_CRASH)
