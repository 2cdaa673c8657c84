"""Images and plans are judged before anything is tried; a fail is forced by its name only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.files import put
from support.machines import (
    ARM64,
    EFIVAR,
    LOCKDOWN,
    ZBOOT,
    configure,
    doctor,
    judge,
    lock,
    make_machine,
    plan,
    planned,
    with_file,
)

from warmboot.core.errors import Blocked, ExitCode, WrongArgument
from warmboot.core.images import BytesView
from warmboot.core.images.pe import is_signed
from warmboot.core.plan.checks.base import Finding, Verdict
from warmboot.core.plan.checks.registry import forced_checks
from warmboot.core.plan.plan import check
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.builders.pe import build_certificate
from warmboot.core.sandbox.builders.zboot import build_zboot


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_machine(tmp_path)
    (tmp_path / "run/systemd/sessions/7").unlink()
    return tmp_path


def _secure_boot_with_ima(root: Path) -> None:
    configure(root, "KEXEC_FILE", "IMA_ARCH_POLICY", "HOTPLUG_CPU")
    put(root, EFIVAR.format("SecureBoot"), b"\6\0\0\0\1")


@pytest.mark.parametrize(
    "change",
    [
        LOCKDOWN,
        lambda root: configure(
            *(root, "KEXEC_FILE", "KEXEC_SIG_FORCE", "KEXEC_IMAGE_VERIFY_SIG", "HOTPLUG_CPU")
        ),
        with_file("sys/kernel/security/ima/policy", "appraise func=KEXEC_KERNEL_CHECK\n"),
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


def test_ima_s_signature_lies_beside_the_file(root: Path) -> None:
    put(root, "sys/kernel/security/ima/policy", "appraise func=KEXEC_KERNEL_CHECK\n")
    assert plan(root, signed=False).failures == ()


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (LOCKDOWN, "fail"),
        (with_file("sys/kernel/security/ima/policy", "appraise func=KEXEC_KERNEL_CHECK\n"), "fail"),
        (with_file(EFIVAR.format("SecureBoot"), b"\6\0\0\0\1"), "fail"),
        (lambda root: root, "pass"),
    ],
    ids=["lockdown", "IMA", "secure boot", "nothing"],
)
def test_where_memory_may_not_be_loaded(
    root: Path, change: Callable[[Path], object], verdict: str
) -> None:
    change(root)
    finding = judge(root, file_load=False)["signature"]
    assert finding.verdict == verdict
    assert verdict == "pass" or "kexec_load(2)" in finding.text


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
    assert "(Image) signed by a key" in f"{doctor(root)['signature-policy'].hint}"
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


def test_a_crash_kernel_is_judged_by_its_own_memory_and_limit(root: Path) -> None:
    def judged(**host: object) -> dict[str, Finding]:
        return judge(root, panic=True, host=host)

    assert judged(crash_size=0)["crash-memory"].verdict is Verdict.FAIL
    assert judged(crash_size=4096)["crash-memory"].verdict is Verdict.FAIL
    fine = judged(crash_size=256 << 20, staged=True, load_limit=0, load_limit_panic=2)
    assert {finding.verdict for finding in fine.values()} == {Verdict.PASS}
    assert judged(crash_size=1 << 28, crash_staged=True)["crash-staged"].verdict is Verdict.WARN
    assert judged(crash_size=1 << 28, load_limit_panic=0)["crash-load-limit"].text.endswith("is 0)")
