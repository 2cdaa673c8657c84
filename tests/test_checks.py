"""Each check passes on a quiet machine, and says what it saw where something stands against it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from machines import EFIVAR, configure, lock, make_machine, put

from warmboot.core.errors import Blocked, ExitCode, WrongArgument
from warmboot.core.host import read_host
from warmboot.core.host.surroundings import read_surroundings
from warmboot.core.images import Architecture, BytesView, identify
from warmboot.core.images.authenticode import is_signed
from warmboot.core.kexec import (
    Choices,
    CommandLine,
    Finding,
    Origin,
    Plan,
    Verdict,
    check,
    make_plan,
)
from warmboot.core.kexec.checks.registry import (
    all_checks,
    examine_machine,
    forced_checks,
    preflight,
)
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.pe import build_certificate
from warmboot.core.sandbox.builders.zboot import build_zboot

ARM64 = build_arm64_image("6.12.1-arm64", body_size=60_000)
ZBOOT = build_zboot(ARM64, arch="arm64", method="gzip")
LOGINS = "run/systemd/sessions/{}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_machine(tmp_path)
    (tmp_path / LOGINS.format("7")).unlink()
    return tmp_path


def doctor(root: Path) -> dict[str, Finding]:
    found = examine_machine(read_host(root), read_surroundings(root))
    return {finding.check: finding for finding in found}


def plan(root: Path, kernel: bytes = ARM64, cmdline: str = "root=/dev/a", **more: object) -> Plan:
    choices = Choices("/boot/k", ("/boot/initrd",), CommandLine(cmdline, Origin.TYPED))
    choices = replace(choices, **more)  # type: ignore[arg-type]
    image = identify(BytesView(kernel))
    return make_plan(choices, image, 1000, read_host(root), "loader", read_surroundings(root))


def planned(root: Path, kernel: bytes = ARM64, cmdline: str = "root=/dev/a") -> dict[str, Finding]:
    return {finding.check: finding for finding in plan(root, kernel, cmdline).findings}


def test_a_quiet_machine_passes_every_check(root: Path) -> None:
    found = {**doctor(root), **planned(root)}
    put(root, "sys/kernel/security/ima/policy", "measure func=BPRM_CHECK\n")
    put(root, "proc/iomem", "40000000-bfffffff : System RAM\n")
    found = {**found, **planned(root), **planned_x86(root)}
    assert {f.check: f.text for f in found.values() if f.verdict is not Verdict.PASS} == {}
    asked_for_only = {"devicetree", "crash-memory", "crash-load-limit"}
    assert set(found) == {each.id for each in all_checks()} - asked_for_only
    assert all(finding.text.isprintable() for finding in found.values())


def planned_x86(root: Path) -> dict[str, Finding]:
    put(root, "proc/sys/kernel/arch", "x86_64\n")
    found = planned(root, build_bzimage("6.1"))
    put(root, "proc/sys/kernel/arch", "aarch64\n")
    return {"bzimage": found["bzimage"]}


def sure(name: str, content: str | bytes) -> Callable[[Path], object]:
    """Return what puts one file into a machine."""
    return lambda root: put(root, name, content)


def _inhibit(root: Path) -> None:
    put(root, "run/systemd/inhibit/1", "WHAT=sleep\nWHO=Desktop\nMODE=delay\n")
    fields = "WHAT=shutdown:sleep\nWHO=Backup\nWHY=nightly\\x20r\\303\\274n\nMODE=block\nUID=0\n"
    put(root, "run/systemd/inhibit/2", fields)


def _encrypted(root: Path) -> None:
    put(root, "proc/self/mountinfo", "29 1 253:1 / / rw - ext4 /dev/mapper/vg-root rw\n")
    put(root, "sys/dev/block/253:1/dm/uuid", "LVM-abc\n")
    (root / "sys/dev/block/253:1/slaves/dm-0").mkdir(parents=True)
    put(root, "sys/class/block/dm-0/dm/uuid", "CRYPT-LUKS2-1234-luksroot\n")
    put(root, "sys/class/block/dm-0/dm/name", "luksroot\n")
    (root / "sys/class/block/dm-0/slaves/vda2").mkdir(parents=True)


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


def _modules(root: Path) -> None:
    for release in ("6.1.0", "6.1.9"):
        (root / "usr/lib/modules" / release).mkdir(parents=True)


NONE = "CapEff:\t0\nCapBnd:\t{}\n"
MACHINES = [
    ("privilege", sure("proc/self/status", NONE.format("1ffffffffff")), "fail", "as root"),
    ("privilege", sure("proc/self/status", NONE.format("0")), "fail", "outside of this container"),
    ("container", sure("run/systemd/container", "lxc\n"), "fail", "(lxc)"),
    ("kexec", lambda root: (root / "sys/kernel/kexec_loaded").unlink(), "fail", "no kexec at all"),
    ("kexec-enabled", sure("proc/sys/kernel/kexec_load_disabled", "1\n"), "fail", "switched off"),
    ("load-limit", sure("proc/sys/kernel/kexec_load_limit_reboot", "0\n"), "fail", "used up"),
    ("load-limit", sure("proc/sys/kernel/kexec_load_limit_reboot", "1\n"), "warn", "1 more load"),
    ("load-limit", sure("proc/sys/kernel/kexec_load_limit_reboot", "3\n"), "pass", "3 more loads"),
    ("kexec-calls", lambda root: configure(root, "KEXEC"), "warn", "kexec_load(2) only"),
    ("kexec-calls", lambda root: configure(root, "SMP"), "fail", "CONFIG_KEXEC_FILE"),
    (
        "signature-policy",
        sure("sys/kernel/security/lockdown", "none [integrity] confidentiality\n"),
        "warn",
        "will be refused",
    ),
    ("signature-policy", sure(EFIVAR.format("SecureBoot"), b"\6\0\0\0\1"), "warn", "may be"),
    ("signature-policy", lambda root: configure(root, "KEXEC_SIG_FORCE"), "warn", "SIG_FORCE"),
    ("crash-kernel", sure("sys/kernel/kexec_crash_loaded", "1\n"), "pass", "is loaded"),
    ("crash-kernel", sure("sys/kernel/kexec_crash_size", "268435456\n"), "pass", "256.0 MiB"),
    ("staged", sure("sys/kernel/kexec_loaded", "1\n"), "warn", "will be replaced"),
    ("kernel-log", sure("proc/self/status", NONE.format("1ffffffffff")), "warn", "CAP_SYSLOG"),
    (
        "processors",
        sure("sys/firmware/devicetree/base/cpus/cpu@1/enable-method", b"spin-table\0"),
        "fail",
        "spin-table",
    ),
    ("processors", lambda root: configure(root, "KEXEC", "KEXEC_FILE"), "fail", "HOTPLUG_CPU"),
    ("processors", sure("proc/cmdline", "kvm-arm.mode=protected\n"), "fail", "protected KVM"),
    ("processors", sure("sys/devices/system/cpu/possible", "0\n"), "pass", "one processor"),
    (
        "ima",
        sure("sys/kernel/security/ima/policy", "appraise func=KEXEC_KERNEL_CHECK\n"),
        "warn",
        "wants a signature",
    ),
    ("display", _card, "warn", "i915"),
    ("display", sure("proc/fb", "0 nouveaudrmfb\n"), "warn", "nouveaudrmfb"),
    ("display", sure("proc/fb", "0 EFI VGA\n"), "pass", "No graphics card"),
    ("encryption", _encrypted, "warn", "luksroot"),
    ("hibernation", _hibernated, "fail", "/dev/vda3"),
    (
        "sessions",
        sure(LOGINS.format("9"), "USER=eve\nSTATE=active\nTTY=pts/4\nREMOTE_HOST=192.0.2.1\n"),
        "warn",
        "eve on pts/4 from 192.0.2.1",
    ),
    ("inhibitors", _inhibit, "warn", "held by Backup (nightly rün)"),
    (
        "mounts",
        sure(
            "proc/self/mountinfo",
            "29 1 254:2 / / rw - ext4 /dev/vda2 rw\n"
            "40 29 0:50 / /srv/a\\040b rw,relatime shared:9 - nfs4 server:/srv rw\n"
            "41 29 0:51 / /home/x/remote rw - fuse.sshfs x@y: rw\n"
            "42 29 0:52 / /run/user/0/doc rw - fuse.portal portal rw\n",
        ),
        "warn",
        "2 network or FUSE file systems mounted: /srv/a b (nfs4), /home/x/remote (fuse.sshfs)",
    ),
    ("raid", sure("sys/block/md0/md/sync_action", "resync\n"), "warn", "md0 (resync)"),
    ("guests", sure("proc/812/comm", "qemu-system-x86\n"), "warn", "qemu-system-x86 (812)"),
    (
        "guests",
        sure("run/systemd/machines/web", "NAME=web\nCLASS=container\nLEADER=9\n"),
        "warn",
        "1 container running: web",
    ),
    ("package-manager", lambda root: lock(root, "var/lib/dpkg/lock-frontend"), "fail", "dpkg"),
    ("package-manager", sure("var/lib/pacman/db.lck", ""), "fail", "pacman"),
    ("package-manager", sure("run/zypp.pid", "4711\n"), "pass", "No package manager"),
    ("package-manager", _zypper, "fail", "zypper"),
    ("package-manager", _btrfs, "fail", "rpm"),
    ("hibernation", sure("sys/power/resume", "254:3\n"), "warn", "not known"),
    ("updates", sure("run/reboot-required", ""), "pass", "wait for a restart"),
    ("updates", sure("var/lib/dpkg/triggers/Unincorp", "update-initramfs\n"), "warn", "initrd"),
    ("updates", _modules, "pass", "ewer kernels are installed: 6.1.9"),
    ("watchdog", sure("sys/class/watchdog/watchdog0/state", "active\n"), "pass", "stays so"),
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


def _secure_boot_with_ima(root: Path) -> None:
    configure(root, "KEXEC_FILE", "IMA_ARCH_POLICY", "HOTPLUG_CPU")
    put(root, EFIVAR.format("SecureBoot"), b"\6\0\0\0\1")


LOCKDOWN = sure("sys/kernel/security/lockdown", "none [integrity] confidentiality\n")


@pytest.mark.parametrize(
    "change",
    [
        LOCKDOWN,
        lambda root: configure(root, "KEXEC_FILE", "KEXEC_SIG_FORCE", "HOTPLUG_CPU"),
        sure("sys/kernel/security/ima/policy", "appraise func=KEXEC_KERNEL_CHECK\n"),
        _secure_boot_with_ima,
    ],
    ids=["lockdown", "SIG_FORCE", "IMA", "secure boot with IMA"],
)
def test_an_unpacked_image_is_refused_before_it_is_tried(
    root: Path, change: Callable[[Path], object]
) -> None:
    change(root)
    unpacked, as_is = planned(root, ZBOOT)["signature"], planned(root)["signature"]
    assert (unpacked.verdict, as_is.verdict) == (Verdict.FAIL, Verdict.WARN)
    assert not unpacked.forceable
    assert "reboot through firmware" in f"{unpacked.hint}".lower()


def test_an_image_without_a_signature_is_told_before_it_is_refused(root: Path) -> None:
    LOCKDOWN(root)
    assert {f.check for f in plan(root, signed=False).failures} == {"signature"}
    assert plan(root, signed=True).failures == ()


def test_a_signature_is_seen_in_the_header_alone() -> None:
    certificate = build_certificate(b"\x30\x82\x01\x00" + bytes(64))
    signed = build_zboot(ARM64, arch="arm64", method="gzip", certificates=certificate)
    assert is_signed(BytesView(signed))
    for kernel in (ZBOOT, ARM64, build_bzimage("6.1"), b"MZ", b"MZ" + b"\xff" * 4096):
        assert not is_signed(BytesView(kernel))


def test_what_would_work_depends_on_the_kernel(root: Path) -> None:
    LOCKDOWN(root)
    assert "(Image) signed by a key" in f"{doctor(root)['signature-policy'].hint}"
    configure(root, "KEXEC_FILE", "KEXEC_BPF", "KEXEC_IMAGE_VERIFY_SIG")
    assert "BPF parser" in f"{doctor(root)['signature-policy'].hint}"
    configure(root, "KEXEC", "KEXEC_FILE")
    assert "cannot check signatures" in f"{doctor(root)['signature-policy'].hint}"


def test_images(root: Path) -> None:
    big_endian = bytearray(ARM64)
    big_endian[0x18] |= 1
    assert planned(root, bytes(big_endian))["arm64-image"].verdict is Verdict.FAIL
    pages = bytearray(ARM64)
    pages[0x18] = pages[0x18] & ~6 | 3 << 1
    finding = planned(root, bytes(pages))["arm64-image"]
    assert finding.verdict is Verdict.WARN
    assert "64 KiB" in finding.text
    put(root, "proc/sys/kernel/arch", "x86_64\n")
    assert planned(root, build_bzimage("6.1", xloadflags=3))["bzimage"].verdict is Verdict.PASS
    put(root, "proc/cpuinfo", "processor : 0\nflags : fpu la57\n")
    finding = planned(root, build_bzimage("6.1", xloadflags=3))["bzimage"]
    assert "5-level paging" in finding.text
    assert planned(root, build_bzimage("6.1", xloadflags=0x23))["bzimage"].verdict is Verdict.PASS


def test_memory(root: Path) -> None:
    put(root, "proc/meminfo", "MemAvailable: 100 kB\n")
    finding = planned(root)["memory"]
    assert (finding.verdict, finding.forceable) == (Verdict.FAIL, True)
    assert "only 100.0 KiB available" in finding.text
    put(root, "proc/iomem", "00001000-00002fff : System RAM\n00003000-00003fff : reserved\n")
    assert "the largest here is 8.0 KiB" in planned(root)["memory-place"].text
    put(root, "proc/iomem", "00000000-00000000 : System RAM\n")
    assert "memory-place" not in planned(root)


def test_an_unpacked_kernel_is_counted_with_its_unpacked_size(root: Path) -> None:
    def needed(kernel: bytes) -> float:
        text = planned(root, kernel)["memory"].text
        return float(text.split()[0])

    assert needed(ZBOOT) > needed(ARM64)


def test_a_forced_fail_no_longer_blocks_and_is_named(root: Path) -> None:
    lock(root, "var/lib/dpkg/lock-frontend")
    blocked = plan(root)
    with pytest.raises(Blocked) as caught:
        check(blocked)
    assert "--force package-manager" in f"{caught.value.hint}"
    forced = plan(root, forced=("package-manager", "memory"))
    check(forced)
    assert forced.forced == ("package-manager",)
    assert [f.check for f in forced.findings if f.verdict is Verdict.FAIL] == ["package-manager"]


def test_what_must_not_be_forced_blocks_whatever_is_named(root: Path) -> None:
    put(root, "proc/sys/kernel/kexec_load_disabled", "1\n")
    made = plan(root, forced=("kexec-enabled",))
    assert made.forced == ()
    with pytest.raises(Blocked) as caught:
        check(made)
    assert "--force" not in f"{caught.value.hint}"


def test_only_known_and_harmless_checks_can_be_named() -> None:
    assert forced_checks(["memory", "devicetree", "memory"]) == ("memory", "devicetree")
    with pytest.raises(WrongArgument) as caught:
        forced_checks(["memroy"])
    assert "Did you mean memory" in f"{caught.value.hint}"
    assert caught.value.exit_code is ExitCode.USAGE
    with pytest.raises(WrongArgument) as caught:
        forced_checks(["zzzz\x1b[2J"])
    assert "memory" in f"{caught.value.hint}"
    assert caught.value.message.isprintable()
    for name in ("privilege", "kexec", "architecture", "route", "signature", "container"):
        with pytest.raises(WrongArgument):
            forced_checks([name])


def test_the_manual_s_table_of_checks_is_that_of_the_code() -> None:
    from warmboot.tui.checks import table

    page = (Path(__file__).parent.parent / "man/warmboot-checks.7").read_text()
    assert f"\n{table()}\n.El\n" in page


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


def test_a_crash_kernel_is_judged_by_its_own_memory_and_limit(root: Path) -> None:
    def judged(**host: object) -> dict[str, Finding]:
        found = preflight(
            identify(BytesView(ARM64)),
            replace(read_host(root), **host),  # type: ignore[arg-type]
            Architecture.ARM64,
            handed_over_as_is=True,
            route_missing=None,
            cmdline="root=/dev/a",
            initrd_bytes=1000,
            devicetree=None,
            borrowed_cmdline=False,
            around=read_surroundings(root),
            panic=True,
        )
        return {finding.check: finding for finding in found}

    assert judged(crash_size=0)["crash-memory"].verdict is Verdict.FAIL
    assert judged(crash_size=4096)["crash-memory"].verdict is Verdict.FAIL
    fine = judged(crash_size=256 << 20, staged=True, load_limit=0, load_limit_panic=2)
    assert {finding.verdict for finding in fine.values()} == {Verdict.PASS}
    assert judged(crash_size=1 << 28, load_limit_panic=0)["crash-load-limit"].text.endswith("is 0)")
