"""Each check passes on a quiet machine, and says what it saw where something stands against it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from support.files import put
from support.machines import (
    EFIVAR,
    configure,
    doctor,
    lock,
    make_machine,
    planned,
    with_file,
)

from warmboot.core.plan.checks.base import Finding, Verdict
from warmboot.core.plan.checks.command_line import COMMAND_LINE
from warmboot.core.plan.checks.drivers import DRIVERS
from warmboot.core.plan.checks.initrd_fit import INITRD_FIT
from warmboot.core.plan.checks.kernel_changes import KERNEL_CHANGES
from warmboot.core.plan.checks.network import NETWORK
from warmboot.core.plan.checks.parser import PARSER
from warmboot.core.plan.checks.registry import all_checks
from warmboot.core.sandbox.builders.bzimage import build_bzimage

LOGINS = "run/systemd/sessions/{}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_machine(tmp_path)
    (tmp_path / LOGINS.format("7")).unlink()
    return tmp_path


def test_a_quiet_machine_passes_every_check(root: Path) -> None:
    put(root, "dev/a", "")
    found = {**doctor(root), **planned(root)}
    put(root, "sys/kernel/security/ima/policy", "measure func=BPRM_CHECK\n")
    put(root, "proc/iomem", "40000000-bfffffff : System RAM\n")
    found = {**found, **planned(root), **planned_x86(root)}
    assert {f.check: f.text for f in found.values() if f.verdict is not Verdict.PASS} == {}
    asked_for_only = {"devicetree", "board", "memory-limit"}
    asked_for_only |= {"crash-memory", "crash-load-limit", "crash-staged"}
    asked_for_only |= {check.id for check in PARSER.checks}  # for kernels that unpack images only
    for group in (DRIVERS, INITRD_FIT, KERNEL_CHANGES, NETWORK):  # of real kernels; see tests/fit
        asked_for_only |= {check.id for check in group.checks}
    quiet = {check.id for check in COMMAND_LINE.checks} - {"command-line-root"}
    asked_for_only |= quiet  # they speak up only where something is wrong
    assert set(found) == {each.id for each in all_checks()} - asked_for_only
    assert all(finding.text.isprintable() for finding in found.values())


def planned_x86(root: Path) -> dict[str, Finding]:
    put(root, "proc/sys/kernel/arch", "x86_64\n")
    found = planned(root, build_bzimage("6.1"))
    put(root, "proc/sys/kernel/arch", "aarch64\n")
    return {"bzimage": found["bzimage"]}


def _inhibit(root: Path) -> None:
    put(root, "run/systemd/inhibit/1", "WHAT=sleep\nWHO=Desktop\nMODE=delay\n")
    fields = "WHAT=shutdown:sleep\nWHO=Backup\nWHY=nightly\\x20r\\303\\274n\nMODE=block\nUID=0\n"
    put(root, "run/systemd/inhibit/2", fields)


def _encrypted(root: Path) -> None:
    """LVM on LUKS on a disk, by the links that the kernel shows."""
    put(root, "proc/self/mountinfo", "29 1 253:1 / / rw - ext4 /dev/mapper/vg-root rw\n")
    blocks = "sys/devices/virtual/block"
    for name, number, uuid, title, below in (
        ("dm-1", "253:1", "LVM-abc", "vg-root", "dm-0"),
        ("dm-0", "253:0", "CRYPT-LUKS2-1234-luksroot", "luksroot", "vda2"),
        ("vda2", "254:2", None, None, None),
    ):
        put(root, f"{blocks}/{name}/dev", f"{number}\n")
        if below is not None:
            put(root, f"{blocks}/{name}/dm/uuid", f"{uuid}\n")
            put(root, f"{blocks}/{name}/dm/name", f"{title}\n")
            (root / blocks / name / "slaves").mkdir()
            (root / blocks / name / "slaves" / below).symlink_to(f"../../{below}")
        for link in (f"sys/dev/block/{number}", f"sys/class/block/{name}"):
            (root / link).parent.mkdir(parents=True, exist_ok=True)
            (root / link).symlink_to(f"../../devices/virtual/block/{name}")


def _hibernated(root: Path) -> None:
    put(root, "proc/swaps", "Filename Type Size Used Priority\n/dev/vda3 partition 9 0 -2\n")
    page = os.sysconf("SC_PAGE_SIZE")
    put(root, "dev/vda3", bytes(page - 10) + b"S1SUSPEND\0" + bytes(page))


def _zypper(root: Path) -> None:
    put(root, "run/zypp.pid", "4711\n")
    put(root, "proc/4711/comm", "zypper\n")


def _btrfs(root: Path) -> None:
    """A lock below a btrfs mount, whose device is not the one that stat(2) gives."""
    inode = put(root, "usr/lib/sysimage/rpm/.rpm.lock", "").stat().st_ino
    put(root, "proc/self/mountinfo", "29 1 0:43 /@ / rw - btrfs /dev/vda2 rw\n")
    put(root, "proc/locks", f"1: POSIX  ADVISORY  WRITE 9 00:2b:{inode} 0 EOF\n")


def _card(root: Path) -> None:
    folder = root / "sys/class/drm/card0/device"
    folder.mkdir(parents=True)
    (folder / "driver").symlink_to("../../../bus/pci/drivers/i915")


def _watchdog_that_goes_on(root: Path) -> None:
    put(root, "sys/class/watchdog/watchdog0/state", "active\n")
    put(root, "sys/class/watchdog/watchdog0/timeout", "30\n")
    put(root, "sys/module/watchdog/parameters/stop_on_reboot", "0\n")


def _modules(root: Path) -> None:
    for release in ("6.1.0", "6.1.9"):
        (root / "usr/lib/modules" / release).mkdir(parents=True)


NONE = "CapEff:\t0\nCapBnd:\t{}\n"


MACHINES = [
    ("privilege", with_file("proc/self/status", NONE.format("1ffffffffff")), "fail", "as root"),
    (
        "privilege",
        with_file("proc/self/status", NONE.format("0")),
        "fail",
        "outside of this container",
    ),
    ("container", with_file("run/systemd/container", "lxc\n"), "fail", "(lxc)"),
    ("kexec", lambda root: (root / "sys/kernel/kexec_loaded").unlink(), "fail", "no kexec at all"),
    (
        "kexec-enabled",
        with_file("proc/sys/kernel/kexec_load_disabled", "1\n"),
        "fail",
        "switched off",
    ),
    ("load-limit", with_file("proc/sys/kernel/kexec_load_limit_reboot", "0\n"), "fail", "used up"),
    (
        "load-limit",
        with_file("proc/sys/kernel/kexec_load_limit_reboot", "1\n"),
        "warn",
        "1 more load",
    ),
    (
        "load-limit",
        with_file("proc/sys/kernel/kexec_load_limit_reboot", "3\n"),
        "pass",
        "3 more loads",
    ),
    ("kexec-calls", lambda root: configure(root, "KEXEC"), "warn", "kexec_load(2) only"),
    ("kexec-calls", lambda root: configure(root, "SMP"), "fail", "CONFIG_KEXEC_FILE"),
    (
        "signature-policy",
        with_file("sys/kernel/security/lockdown", "none [integrity] confidentiality\n"),
        "warn",
        "will be refused",
    ),
    ("signature-policy", with_file(EFIVAR.format("SecureBoot"), b"\6\0\0\0\1"), "warn", "will be"),
    ("signature-policy", lambda root: configure(root, "KEXEC_SIG_FORCE"), "warn", "SIG_FORCE"),
    ("crash-kernel", with_file("sys/kernel/kexec_crash_loaded", "1\n"), "pass", "is loaded"),
    ("crash-kernel", with_file("sys/kernel/kexec_crash_size", "268435456\n"), "pass", "256.0 MiB"),
    ("staged", with_file("sys/kernel/kexec_loaded", "1\n"), "warn", "will be replaced"),
    ("kernel-log", with_file("proc/self/status", NONE.format("1ffffffffff")), "warn", "CAP_SYSLOG"),
    (
        "processors",
        with_file("sys/firmware/devicetree/base/cpus/cpu@1/enable-method", b"spin-table\0"),
        "fail",
        "spin-table",
    ),
    ("processors", lambda root: configure(root, "KEXEC", "KEXEC_FILE"), "fail", "HOTPLUG_CPU"),
    ("processors", with_file("proc/cmdline", "kvm-arm.mode=protected\n"), "fail", "protected KVM"),
    ("processors", with_file("sys/devices/system/cpu/possible", "0\n"), "pass", "one processor"),
    (
        "ima",
        with_file("sys/kernel/security/ima/policy", "appraise func=KEXEC_KERNEL_CHECK\n"),
        "warn",
        "requires a signature",
    ),
    ("display", _card, "warn", "i915"),
    ("display", with_file("proc/fb", "0 nouveaudrmfb\n"), "warn", "nouveaudrmfb"),
    ("display", with_file("proc/fb", "0 EFI VGA\n"), "pass", "No graphics card"),
    ("encryption", _encrypted, "warn", "luksroot"),
    ("hibernation", _hibernated, "fail", "/dev/vda3"),
    (
        "sessions",
        with_file(LOGINS.format("9"), "USER=eve\nSTATE=active\nTTY=pts/4\nREMOTE_HOST=192.0.2.1\n"),
        "warn",
        "eve on pts/4 from 192.0.2.1",
    ),
    ("inhibitors", _inhibit, "warn", "inhibited by Backup (nightly rün)"),
    (
        "mounts",
        with_file(
            "proc/self/mountinfo",
            "29 1 254:2 / / rw - ext4 /dev/vda2 rw\n"
            "40 29 0:50 / /srv/a\\040b rw,relatime shared:9 - nfs4 server:/srv rw\n"
            "41 29 0:51 / /home/x/remote rw - fuse.sshfs x@y: rw\n"
            "42 29 0:52 / /run/user/0/doc rw - fuse.portal portal rw\n",
        ),
        "warn",
        "2 network or FUSE file systems mounted: /srv/a b (nfs4), /home/x/remote (fuse.sshfs)",
    ),
    ("raid", with_file("sys/block/md0/md/sync_action", "resync\n"), "warn", "md0 (resync)"),
    ("guests", with_file("proc/812/comm", "qemu-system-x86\n"), "warn", "qemu-system-x86 (812)"),
    (
        "guests",
        with_file("run/systemd/machines/web", "NAME=web\nCLASS=container\nLEADER=9\n"),
        "warn",
        "1 container running: web",
    ),
    ("package-manager", lambda root: lock(root, "var/lib/dpkg/lock-frontend"), "fail", "dpkg"),
    ("package-manager", with_file("var/lib/pacman/db.lck", ""), "fail", "pacman"),
    ("package-manager", with_file("run/zypp.pid", "4711\n"), "pass", "No package manager"),
    ("package-manager", _zypper, "fail", "zypper"),
    ("package-manager", _btrfs, "fail", "rpm"),
    ("hibernation", with_file("sys/power/resume", "254:3\n"), "warn", "not known"),
    ("updates", with_file("run/reboot-required", ""), "pass", "wait for a restart"),
    (
        "updates",
        with_file("var/lib/dpkg/triggers/Unincorp", "update-initramfs\n"),
        "warn",
        "initrd",
    ),
    ("updates", _modules, "pass", "ewer kernels are installed: 6.1.9"),
    ("watchdog", with_file("sys/class/watchdog/watchdog0/state", "active\n"), "pass", "stops it"),
    ("watchdog", _watchdog_that_goes_on, "warn", "goes on counting"),
]


@pytest.mark.parametrize(
    ("name", "change", "verdict", "says"), MACHINES, ids=[f"{m[0]}-{m[2]}" for m in MACHINES]
)
def test_what_a_check_says_of_a_machine(
    root: Path, name: str, change: Callable[[Path], object], verdict: str, says: str
) -> None:
    change(root)
    finding = doctor(root)[name]
    assert finding.verdict == verdict
    assert says in f"{finding.text} {finding.hint}"
    assert finding.verdict is Verdict.PASS or finding.hint


def test_a_tpm_that_opens_the_root_is_told_from_a_passphrase(root: Path) -> None:
    _encrypted(root)
    put(root, "dev/vda2", b"LUKS\xba\xbe\0\2" + bytes(4088) + b'{"tokens":{}}')
    assert "passphrase" in doctor(root)["encryption"].text
    put(root, "dev/vda2", b"LUKS\xba\xbe\0\2" + bytes(4088) + b'{"type":"systemd-tpm2"}')
    assert "TPM" in doctor(root)["encryption"].text
    (root / "dev/vda2").unlink()
    put(root, "etc/crypttab", "luksroot UUID=1 none luks,tpm2-device=auto\n")
    assert "TPM" in doctor(root)["encryption"].text


def test_a_waiting_lock_is_not_a_held_one(root: Path) -> None:
    lock(root, "var/lib/dpkg/lock-frontend")
    path = root / "proc/locks"
    path.write_text(path.read_text().replace("POSIX", "-> POSIX"))
    assert doctor(root)["package-manager"].verdict is Verdict.PASS


def test_noresume_makes_a_hibernated_system_harmless(root: Path) -> None:
    _hibernated(root)
    assert planned(root)["hibernation"].verdict is Verdict.FAIL
    assert planned(root, cmdline="root=/dev/a noresume")["hibernation"].verdict is Verdict.PASS


def test_a_machine_without_sysfs_is_not_one_without_kexec(root: Path) -> None:
    configure(root, "KEXEC_CORE")
    (root / "sys/kernel/kexec_loaded").unlink()
    assert "Mount sysfs" in f"{doctor(root)['kexec'].hint}"


def test_files_without_an_end_are_read_to_a_limit(root: Path) -> None:
    for path in [path for path in root.rglob("*") if path.is_file()]:
        os.truncate(path, 3 << 30)
    put(root, "proc/sys/kernel/arch", "aarch64\n")
    assert doctor(root)["privilege"].verdict in (Verdict.PASS, Verdict.FAIL)


def test_the_manual_s_table_of_checks_is_that_of_the_code() -> None:
    from warmboot.tui.manual import checks

    page = (Path(__file__).parent.parent.parent / "man/warmboot-checks.7").read_text()
    assert f"\n{checks()}\n.El\n" in page


def test_every_check_is_named_by_the_rules() -> None:
    checks = all_checks()
    assert len({check.id for check in checks}) == len(checks) >= 30
    for each in checks:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", each.id)
        assert each.title.endswith("?")
        assert each.looks_at


GARBAGE = [
    pytest.param(bytes(range(256)) * 40, id="binary"),
    pytest.param(b"9" * 100_000, id="digits"),
    pytest.param(b"-\n" * 50_000, id="lines"),
    pytest.param("²³ ٣ nan inf -1\n".encode() * 9, id="numbers of other kinds"),
    pytest.param(b"\x1b]0;x\x07 WHAT=shutdown\nWHO=\\xzz\x1b[2J\nNAME=\n", id="escapes"),
    pytest.param(b"", id="nothing"),
]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_in_any_file_raises_nothing_and_steers_no_terminal(
    root: Path, garbage: bytes
) -> None:
    for _, change, _, _ in MACHINES:
        if change is not _modules:
            try:
                change(root)
            except OSError:
                continue
    files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    assert len(files) > 40
    for path in files:
        path.write_bytes(garbage)
    put(root, "proc/sys/kernel/arch", "aarch64\n")
    for finding in (*doctor(root).values(), *planned(root).values()):
        assert finding.text.isprintable()
        assert finding.hint is None or finding.hint.isprintable()
        assert len(finding.text) < 1000


def test_each_rule_of_the_kernel_names_its_source() -> None:
    """A file of the kernel, a manual page, or the patches that are in no kernel yet."""
    source = re.compile(r"\.[chS]\b|\.rst\b|Kconfig|arch/|Documentation/|patches for|\w\([2-8]\)")
    rules = {one.id: one.rule for one in all_checks() if one.rule is not None}
    assert [name for name, rule in rules.items() if not source.search(rule)] == []
    page = (Path(__file__).parent.parent.parent / "man/warmboot-checks.7").read_text()
    judged = [one.id for one in all_checks() if one.rule is None]
    assert page.count("A judgement of warmboot's own: no rule of the kernel.") == len(judged)
