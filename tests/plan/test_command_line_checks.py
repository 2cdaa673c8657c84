"""Command lines are checked against the machine, and nothing is said that cannot be known."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.files import put
from support.loader_files import MACHINE, UUID

from warmboot.core.boot.cmdline import parse
from warmboot.core.boot.cmdline_context import CmdlineContext, read_cmdline_context
from warmboot.core.boot.root import BootRoot
from warmboot.core.plan.checks.base import Finding, Verdict
from warmboot.core.plan.checks.command_line import COMMAND_LINE, CmdlineSubject

UNKNOWN = CmdlineContext()
KNOWN = CmdlineContext(
    links={
        "by-uuid": {UUID: "/dev/sda2", "5a5a": "/dev/sda3", "cafe": "/dev/dm-0"},
        "by-partuuid": {"1234-02": "/dev/sda2"},
        "by-label": {"my root": "/dev/sda2"},
        "mapper": {"luks-cafe": "/dev/dm-0"},
    },
    nodes=frozenset({"/dev/sda2", "/dev/sda3", "/dev/dm-0", "/dev/mapper/luks-cafe"}),
    swaps=frozenset({"/dev/sda3"}),
    encrypted=frozenset({"/dev/dm-0"}),
    machine="x86_64",
    machine_id=MACHINE,
)
GOOD = f"root=UUID={UUID}"


def lint(line: str, context: CmdlineContext) -> list[Finding]:
    return list(COMMAND_LINE.run(CmdlineSubject(parse(line), context)))


def short(finding: Finding) -> str:
    return finding.check.removeprefix("command-line-")


def said(line: str, devices: CmdlineContext = KNOWN) -> list[str]:
    return [short(one) for one in lint(line, devices) if one.verdict is not Verdict.PASS]


@pytest.mark.parametrize(
    "line",
    [
        GOOD,
        f"root=uuid={UUID.upper()}",
        "root=PARTUUID=1234-02",
        'root="LABEL=my root"',
        "root=/dev/sda2",
        f"root=/dev/disk/by-uuid/{UUID}",
        "root=PARTUUID=1234-02/PARTNROFF=1",
        "root=zfs:rpool/ROOT/debian",
        "root=nfs:192.0.2.1:/srv",
        "root=0802",
        "root=gpt-auto",
        "ostree=/ostree/boot.1/x/y/0 ro",
        "root=/dev/sda2 quiet root=/dev/sda2",
        f"{GOOD} rd.luks.uuid=a rd.luks.uuid=b module_blacklist=a module_blacklist=b",
        f"{GOOD} -- root=/dev/sda1 loglevel=3 loglevel=4",
        f"{GOOD} console=tty0 console=ttyS0,115200n8",
        f"{GOOD} resume=UUID=5a5a",
        f"{GOOD} resume=/dev/sda2 resume_offset=34816",
        f"{GOOD} resume=UUID=none noresume",
        f"{GOOD} crashkernel=256M",
        f"{GOOD} crashkernel=1G-4G:192M,4G-64G:256M,64G-:512M",
        f"{GOOD} crashkernel=512M,high crashkernel=128M,low",
        "root=/dev/mapper/luks-cafe rd.luks.uuid=luks-cafe",
        "cryptdevice=UUID=1:root root=UUID=cafe",
        f"{GOOD} systemd.machine_id={MACHINE}",
        f"{GOOD} -- console=ttyS0 console=ttyS0",
    ],
)
def test_nothing_to_say(line: str) -> None:
    assert said(line) == []


@pytest.mark.parametrize(
    ("line", "check"),
    [
        ("quiet", "root"),
        ("root= ro", "root"),
        ("root=UUID=0000", "root"),
        ("root=PARTUUID=1234-09", "root"),
        ("root=/dev/vda1", "root"),
        ("root=/dev/sda1 root=/dev/sda2", "repeated"),
        (f"{GOOD} loglevel=3 loglevel=7", "repeated"),
        (f"{GOOD} ro quiet rw", "repeated"),
        (f"{GOOD} systemd.unit=rescue.target systemd.unit=multi-user.target", "repeated"),
        (f"{GOOD} console=ttyS0,9600 console=ttyS0,115200", "console"),
        (f"{GOOD} console=tty0 console=tty0", "console"),
        (f"{GOOD} console=ttyAMA0", "console"),
        (f"{GOOD} resume=UUID=gone", "resume"),
        (f"{GOOD} resume=/dev/sda2", "resume"),
        (f"{GOOD} crashkernel=much", "crashkernel"),
        ("root=/dev/mapper/luks-cafe", "luks"),
        ("root=UUID=cafe", "luks"),
        (f"{GOOD} systemd.machine_id=0123456789abcdef0123456789abcdef", "machine-id"),
    ],
)
def test_what_is_said(line: str, check: str) -> None:
    assert said(line) == [check]
    (remark,) = (one for one in lint(line, KNOWN) if one.verdict is not Verdict.PASS)
    assert remark.text.isprintable()
    assert remark.hint


def test_nothing_is_claimed_of_an_unknown_machine() -> None:
    line = "root=UUID=0000 resume=/dev/sdz console=ttyAMA0 systemd.machine_id=1"
    assert said(line, UNKNOWN) == []


def test_a_reservation_for_crash_dumps_that_would_be_lost() -> None:
    devices = CmdlineContext(crash_reserved=True)
    assert said("root=/dev/a", devices) == ["crashkernel"]
    assert said("root=/dev/a crashkernel=256M", devices) == []


def test_facts_come_from_files_below_a_prefix(tmp_path: Path) -> None:
    put(tmp_path, "dev/sda2")
    put(tmp_path, "dev/mapper/control")
    for name, target in (("by-uuid/1234", "../../sda2"), ("by-label/my\\x20root", "../../sda2")):
        link = tmp_path / "dev/disk" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)
    (tmp_path / "dev/mapper/luks-x").symlink_to("../dm-0")
    put(tmp_path, "sys/block/dm-0/dm/uuid", "CRYPT-LUKS2-1234-luks-x\n")
    put(tmp_path, "proc/swaps", "Filename\t\tType\n/dev/sda3   partition\t1\t0\t-2\n")
    put(tmp_path, "sys/kernel/kexec_crash_size", "268435456\n")
    put(tmp_path, "etc/machine-id", MACHINE + "\n")
    devices = read_cmdline_context(tmp_path, BootRoot(tmp_path), "aarch64")
    assert devices.links["by-uuid"] == {"1234": "/dev/sda2"}
    assert devices.links["by-label"] == {"my root": "/dev/sda2"}
    assert devices.real("/dev/mapper/luks-x") == "/dev/dm-0"
    assert devices.real("UUID=1234") == "/dev/sda2"
    assert devices.nodes is not None
    assert {"/dev/sda2", "/dev/mapper/luks-x"} <= devices.nodes
    assert devices.swaps == frozenset({"/dev/sda3"})
    assert devices.encrypted == {"/dev/dm-0"}
    assert (devices.machine_id, devices.crash_reserved) == (MACHINE, True)
    assert [short(one) for one in lint("root=/dev/mapper/luks-x", devices)] == [
        "root", "crashkernel", "luks",
    ]  # fmt: skip


@given(st.text(max_size=300))
def test_any_line_is_judged(line: str) -> None:
    assert all(one.text.isprintable() for one in lint(line, KNOWN))
