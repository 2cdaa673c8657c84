"""Which loader takes a kernel, and that each of the others is named with what stands against it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.machines import make_a_plan, make_machine

from warmboot.core.architecture import Architecture
from warmboot.core.host import Host, read_host
from warmboot.core.images import BytesView, identify
from warmboot.core.plan.loader_choice import by_file, choose_loader, next_loader
from warmboot.core.plan.plan import Plan
from warmboot.core.plan.request import Call
from warmboot.core.plan.route import Strategy
from warmboot.core.plan.way import Wanted, Way, choose_way
from warmboot.core.sandbox.builders.elf import build_elf_kernel
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.uki import build_uki

KERNEL = build_arm64_image("6.12.1-arm64", body_size=60_000)
ARM64, X86_64 = Architecture.ARM64, Architecture.X86_64
STOCK_ARM64 = {"KEXEC": "y"}  # Debian's


@pytest.fixture
def host(tmp_path: Path) -> Host:
    make_machine(tmp_path)
    return replace(read_host(tmp_path), config={"KEXEC": "y", "KEXEC_FILE": "y"})


def test_the_kernel_s_own_call_comes_first(host: Host) -> None:
    chosen = choose_loader(host, ARM64)
    assert chosen.call is Call.FILE
    assert {other.loader: other.why_not for other in chosen.others} == {
        Call.LOAD: "not needed: kexec_file_load(2) serves",
        Call.TOOLS: "kexec-tools is not installed",
    }


def test_arm64_without_it_is_placed_here_and_others_go_through_kexec_tools(host: Host) -> None:
    stock = replace(host, config=STOCK_ARM64, kexec_tools="/usr/sbin/kexec")
    chosen = choose_loader(stock, ARM64)
    assert chosen.call is Call.LOAD
    assert "without CONFIG_KEXEC_FILE" in chosen.why
    for placed in (Architecture.RISCV64, Architecture.LOONGARCH64):
        assert choose_loader(stock, placed).call is Call.LOAD
    assert choose_loader(stock, Architecture.PPC64LE).call is Call.TOOLS
    none = choose_loader(replace(stock, kexec_tools=None), Architecture.PPC64LE)
    assert none.call is None
    assert "kexec-tools is not installed" in none.why
    assert len(none.others) == 3


@pytest.mark.parametrize("architecture", [Architecture.RISCV64, Architecture.LOONGARCH64])
@pytest.mark.parametrize("unified", [False, True])
def test_an_elf_kernel_is_left_to_those_that_place_it(
    host: Host, architecture: Architecture, unified: bool
) -> None:
    kernel = build_elf_kernel(architecture, "6.12.1-elf", body_size=60_000)
    if unified:
        kernel = build_uki(arch=architecture, linux=kernel)
    image = identify(BytesView(kernel))
    tools = "/usr/sbin/kexec"

    def way(call: Call | None = None, **facts: object) -> Way:
        changed = replace(host, **facts)  # type: ignore[arg-type]
        return choose_way(image, Wanted(loader=call), changed, architecture, None)

    assert way().chosen.call is Call.FILE
    stock = way(config=STOCK_ARM64, kexec_tools=tools)
    assert stock.chosen.call is Call.TOOLS
    assert stock.route.strategy is (Strategy.SPLIT if unified else Strategy.AS_IS)
    for refused in (way(config=STOCK_ARM64), way(Call.LOAD, kexec_tools=tools)):
        assert refused.route.strategy is Strategy.NONE
        assert "but no ELF kernel" in refused.route.why
    later = replace(host, config=None, kexec_tools=tools)
    assert next_loader(later, architecture, panic=False, devicetree=False, elf=True) is Call.TOOLS
    assert next_loader(later, architecture, panic=False, devicetree=False) is Call.LOAD


@pytest.mark.parametrize(
    ("release", "elf", "call"),
    [
        ("6.12.117+deb13-riscv64", False, Call.LOAD),
        ("6.15.11", False, Call.LOAD),
        ("6.16.0-rc1", False, Call.FILE),
        ("7.2.13", False, Call.FILE),
        ("next", False, Call.FILE),  # where the kernel would say so
        ("6.12.117+deb13-riscv64", True, Call.FILE),
    ],
)
def test_older_riscv64_kernels_take_elf_kernels_only(
    host: Host, release: str, elf: bool, call: Call
) -> None:
    running = replace(host, release=release)
    chosen = choose_loader(running, Architecture.RISCV64, elf=elf)
    assert chosen.call is call
    if call is Call.LOAD:
        assert "takes ELF kernels only before Linux 6.16" in chosen.why
        refused = choose_loader(running, Architecture.RISCV64, panic=True)
        assert refused.call is None
    assert choose_loader(running, Architecture.LOONGARCH64).call is Call.FILE


def test_a_locked_down_kernel_takes_files_only(host: Host) -> None:
    locked = replace(host, lockdown="integrity", kexec_tools="/usr/sbin/kexec")
    assert choose_loader(locked, ARM64).call is Call.FILE
    assert choose_loader(replace(locked, config=STOCK_ARM64), ARM64).call is None
    assert choose_loader(locked, ARM64, devicetree=True).call is None


def test_a_device_tree_goes_where_a_kernel_is_given_one(host: Host) -> None:
    stock = replace(host, config=STOCK_ARM64)
    assert choose_loader(stock, Architecture.RISCV64, devicetree=True).call is Call.LOAD
    loongarch = choose_loader(stock, Architecture.LOONGARCH64, devicetree=True)
    assert loongarch.call is None
    assert "loongarch64 gets no device tree by it" in loongarch.why


def test_kexec_tools_uses_the_call_that_checks_signatures_where_it_can(host: Host) -> None:
    assert by_file(host, Call.TOOLS, ARM64, devicetree=False)
    assert not by_file(host, Call.TOOLS, ARM64, devicetree=True)
    assert not by_file(replace(host, config=STOCK_ARM64), Call.TOOLS, ARM64, devicetree=False)
    assert not by_file(host, Call.LOAD, ARM64, devicetree=False)
    older = replace(host, release="6.6.58")
    assert not by_file(older, Call.TOOLS, Architecture.RISCV64, devicetree=False)
    assert by_file(older, Call.TOOLS, Architecture.RISCV64, devicetree=False, elf=True)


def test_what_is_asked_for_is_taken_or_refused_with_the_reason(host: Host) -> None:
    assert choose_loader(host, ARM64, wanted=Call.LOAD).call is Call.LOAD
    refused = choose_loader(host, X86_64, wanted=Call.LOAD)
    assert refused.call is None
    assert "on arm64, riscv64, loongarch64 only" in refused.why
    assert choose_loader(host, X86_64, wanted=Call.TOOLS).call is None


def test_a_crash_kernel_is_left_to_those_that_know_how(host: Host) -> None:
    stock = replace(host, config=STOCK_ARM64)
    assert choose_loader(stock, ARM64, panic=True).call is None
    tools = replace(stock, kexec_tools="/usr/sbin/kexec")
    assert choose_loader(tools, ARM64, panic=True).call is Call.TOOLS


def plan(host: Host, **asked: object) -> Plan:
    return make_a_plan(
        host,
        KERNEL,
        "quiet",
        files={"initrds": ()},
        context={"loader": "simulated kexec_file_load(2)"},
        **asked,  # type: ignore[arg-type]
    )


def test_the_plan_names_the_loader_and_keeps_simulation_visible(host: Host) -> None:
    made = plan(replace(host, config=STOCK_ARM64))
    assert (made.call, made.loader) == (Call.LOAD, "simulated kexec_load(2)")
    assert made.steps[-1].startswith("Stage with simulated kexec_load(2)")
    refused = plan(host, loader=Call.TOOLS)
    assert refused.strategy is Strategy.NONE
    assert {finding.check for finding in refused.failures} == {"route"}


def test_a_crash_kernel_needs_memory_kept_for_it(host: Host) -> None:
    def failed(**facts: int) -> set[str]:
        made = plan(replace(host, **facts), panic=True)  # type: ignore[arg-type]
        return {finding.check for finding in made.failures}

    assert failed(crash_size=0) == {"crash-memory"}
    assert failed(crash_size=1000) == {"crash-memory"}
    assert failed(crash_size=256 << 20) == set()
    assert failed(crash_size=256 << 20, load_limit=0) == set()  # that one counts restarts
    assert failed(crash_size=256 << 20, load_limit_panic=0) == {"crash-load-limit"}
