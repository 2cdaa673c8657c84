"""The plan says what will be done and why, and names what stands against it before it is tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.machines import make_a_plan, make_machine

from warmboot.core.host import Host, read_host
from warmboot.core.plan.checks.base import Verdict
from warmboot.core.plan.plan import Plan
from warmboot.core.plan.request import Origin
from warmboot.core.plan.route import Strategy
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.builders.compress import compress
from warmboot.core.sandbox.builders.kernel import (
    build_arm64_image,
    build_loongarch_image,
    build_riscv_image,
)
from warmboot.core.sandbox.builders.uki import build_uki
from warmboot.core.sandbox.builders.zboot import build_zboot

ARM64 = build_arm64_image("6.12.1-arm64", body_size=60_000)
ZBOOT = build_zboot(ARM64, arch="arm64", method="zstd")
Make = Callable[..., Plan]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return read_host(make_machine(tmp_path))


@pytest.fixture
def plan(host: Host) -> Make:
    def make(kernel: bytes, *, cmdline: str = "root=/dev/a", **changes: object) -> Plan:
        initrds: tuple[str, ...] | None = ("/boot/initrd",)
        if kernel[:2] == b"MZ" and b".linux" in kernel[:4096]:
            initrds = None
        files: dict[str, object] = {"initrds": initrds}
        files |= {name: changes.pop(name) for name in {"devicetree", "overlays"} & changes.keys()}
        context = {name: changes.pop(name) for name in {"foreign_root"} & changes.keys()}
        asked = {name: changes.pop(name) for name in {"loader", "panic"} & changes.keys()}
        origin = Origin(str(changes.pop("origin", Origin.TYPED)))
        facts = replace(host, **changes)  # type: ignore[arg-type]
        return make_a_plan(
            facts, kernel, cmdline, origin=origin, files=files, context=context, **asked
        )

    return make


def failed(plan: Plan) -> set[str]:
    return {finding.check for finding in plan.failures}


def warned(plan: Plan) -> set[str]:
    return {f.check for f in plan.findings if f.verdict is Verdict.WARN}


def test_an_image_goes_as_it_is(plan: Make) -> None:
    made = plan(ARM64)
    assert made.strategy is Strategy.AS_IS
    assert not made.failures
    assert made.steps[-1] == "Stage with loader; the running system goes on"


@pytest.mark.parametrize("kernel", [ZBOOT, compress(ARM64, "gzip")], ids=["zboot", "Image.gz"])
def test_a_compressed_kernel_is_unpacked_here(plan: Make, kernel: bytes) -> None:
    made = plan(kernel)
    assert made.strategy is Strategy.UNPACK
    assert not made.failures
    assert any("payload into memory" in step for step in made.steps)
    assert [other.strategy for other in made.alternatives] == [Strategy.AS_IS]


def test_a_uki_is_taken_apart(plan: Make) -> None:
    made = plan(build_uki(arch="arm64", linux=ZBOOT, initrd=b"i" * 7000))
    assert made.strategy is Strategy.SPLIT
    assert made.initrd_bytes == 7000
    assert not made.failures
    text = " ".join(made.steps)
    assert ".linux" in text
    assert ".initrd" in text
    assert "zstd" in text


def test_another_machine_s_kernel_is_refused(plan: Make) -> None:
    riscv = build_zboot(build_riscv_image("6.1", body_size=9000), arch="riscv64", method="gzip")
    assert failed(plan(riscv)) == {"architecture"}
    assert failed(plan(build_bzimage("6.1"))) == {"architecture", "route"}


def test_what_the_machine_does_not_allow(plan: Make) -> None:
    assert failed(plan(ARM64, privileged=False)) == {"privilege"}
    assert failed(plan(ARM64, load_disabled=True)) == {"kexec-enabled"}
    assert failed(plan(ARM64, load_limit=0)) == {"load-limit"}
    assert failed(plan(ARM64, config={"KEXEC_FILE": "n"})) == {"kexec-calls", "route"}
    assert failed(plan(ARM64, config=None)) == set()
    assert failed(plan(ARM64, memory_available=1000)) == {"memory"}
    assert failed(plan(ARM64, machine="mips64")) == {"architecture", "route"}
    assert "staged" in warned(plan(ARM64, staged=True))
    assert failed(plan(ARM64, staged=None)) == {"kexec"}


def test_signatures_are_thought_of_before_anything_is_tried(plan: Make) -> None:
    assert failed(plan(ZBOOT, lockdown="integrity")) == {"signature"}
    assert failed(plan(ZBOOT, config={"KEXEC_FILE": "y", "KEXEC_SIG_FORCE": "y"})) == {"signature"}
    assert "signature" in warned(plan(ARM64, lockdown="integrity"))
    assert failed(plan(ZBOOT, secure_boot=True)) == {"signature"}
    without_ima = {"KEXEC_FILE": "y", "KEXEC_SIG": "y"}
    assert "signature" in warned(plan(ZBOOT, secure_boot=True, config=without_ima))


def test_command_lines(plan: Make) -> None:
    assert failed(plan(ARM64, cmdline="x" * 2047)) == set()
    assert failed(plan(ARM64, cmdline="x" * 2048)) == {"command-line"}
    assert failed(plan(ARM64, cmdline="a\nb")) == {"command-line"}
    assert "command-line" in warned(plan(ARM64, cmdline=" "))
    borrowed = plan(ARM64, origin=Origin.RUNNING, foreign_root=True)
    assert "command-line" in warned(borrowed)


def test_x86_limits_come_from_the_kernel_s_own_header(plan: Make) -> None:
    kernel = build_bzimage("6.1", cmdline_size=500)
    assert failed(plan(kernel, machine="x86_64", cmdline="x" * 469)) == set()
    assert failed(plan(kernel, machine="x86_64", cmdline="x" * 470)) == {"command-line"}
    old = build_bzimage("3.0", protocol=0x20A)
    assert failed(plan(old, machine="x86_64")) >= {"bzimage"}


def test_loongarch64_keeps_room_for_what_a_kexec_puts_before_the_line(plan: Make) -> None:
    kernel = build_loongarch_image("6.12.1", body_size=60_000)
    assert failed(plan(kernel, machine="loongarch64", cmdline="x" * 4039)) == set()
    assert failed(plan(kernel, machine="loongarch64", cmdline="x" * 4040)) == {"command-line"}


def test_a_device_tree_is_never_dropped_silently(plan: Make) -> None:
    assert plan(ARM64, devicetree="/dtbs/x.dtb").devicetree == "/dtbs/x.dtb"
    locked = {"devicetree": "/dtbs/x.dtb", "lockdown": "integrity"}
    assert failed(plan(ARM64, **locked)) == {"devicetree"}
    assert failed(plan(ARM64, overlays=("/dtbs/x.dtbo",))) == {"devicetree"}


def test_overlays_change_a_tree_that_is_named(plan: Make) -> None:
    made = plan(ARM64, devicetree="/dtbs/x.dtb", overlays=("/dtbs/a.dtbo", "/dtbs/b.dtbo"))
    assert failed(made) == set()
    assert "Apply the overlays /dtbs/a.dtbo + /dtbs/b.dtbo to the device tree" in made.steps
    locked = plan(ARM64, devicetree="/x", overlays=("/dtbs/a.dtbo",), lockdown="integrity")
    assert failed(locked) == {"devicetree"}


def test_every_failure_says_what_to_do(plan: Make) -> None:
    made = plan(
        build_bzimage("3.0", protocol=0x20A),
        privileged=False,
        load_disabled=True,
        load_limit=0,
        lockdown="integrity",
        memory_available=1,
        devicetree="x",
        cmdline="x" * 9999,
    )
    assert len(made.failures) >= 8
    assert all(finding.hint for finding in made.failures)
