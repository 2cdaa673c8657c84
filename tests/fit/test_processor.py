"""Which microcode a processor takes, and whether a new kernel gets it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.files import put
from support.machines import make_machine

from warmboot.core.fit.initrd_contents import read_contents
from warmboot.core.fit.installed_modules import installed_index
from warmboot.core.fit.kernel_fit import Kernel, judge_fit, read_demand
from warmboot.core.host import read_host
from warmboot.core.host.processor import Processor, read_processor
from warmboot.core.images import BytesView
from warmboot.core.plan.checks.base import Finding
from warmboot.core.plan.checks.fit_subject import FitSubject
from warmboot.core.plan.checks.initrd_fit import INITRD_FIT
from warmboot.core.sandbox.builders.initrd import build_initrd

INTEL = "GenuineIntel", 6, 158, 13, "intel-ucode/06-9e-0d"
OLD_INTEL = "GenuineIntel", 15, 4, 1, "intel-ucode/0f-04-01"
ZEN = "AuthenticAMD", 25, 33, 0, "amd-ucode/microcode_amd_fam19h.bin"
K10 = "AuthenticAMD", 16, 4, 3, "amd-ucode/microcode_amd.bin"


def cpuinfo(root: Path, vendor: str, family: int, model: int, stepping: int) -> None:
    block = (
        f"processor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: {model}\n"
        f"model name\t: Some\nstepping\t: {stepping}\nmicrocode\t: 0xf0\nflags\t\t: fpu\n"
    )
    put(root, "proc/cpuinfo", f"{block}\n{block.replace('0xf0', '0xee')}\n")


@pytest.mark.parametrize(
    ("vendor", "family", "model", "stepping", "file"), [INTEL, OLD_INTEL, ZEN, K10]
)
def test_the_file_is_named_after_the_processor(
    tmp_path: Path, vendor: str, family: int, model: int, stepping: int, file: str
) -> None:
    cpuinfo(tmp_path, vendor, family, model, stepping)
    early = f"kernel/x86/microcode/{vendor}.bin"
    assert read_processor(tmp_path) == Processor("0xf0", file, early)


@pytest.mark.parametrize(
    "text",
    ["", "CPU implementer : 0x41\n", "vendor_id : GenuineIntel\n", "vendor_id: HygonGenuine\n"],
)
def test_other_processors_have_none(tmp_path: Path, text: str) -> None:
    put(tmp_path, "proc/cpuinfo", text)
    assert read_processor(tmp_path) is None


def test_in_a_virtual_machine_it_is_the_host_s_affair(tmp_path: Path) -> None:
    cpuinfo(tmp_path, *INTEL[:4])
    put(tmp_path, "sys/class/dmi/id/sys_vendor", "QEMU\n")
    assert read_processor(tmp_path) is None


@given(st.text(max_size=200))
def test_whatever_stands_there_is_no_error(tmp_path_factory: object, text: str) -> None:
    assert isinstance(tmp_path_factory, pytest.TempPathFactory)
    root = tmp_path_factory.mktemp("cpu")
    put(root, "proc/cpuinfo", text.encode("utf-8", "surrogatepass"))
    assert read_processor(root) is None


def judge(
    root: Path, vendors: tuple[str, ...] | None, *, there: bool, built_in: bool = False
) -> list[Finding]:
    """Return what the check says of a kernel whose initrd has microcode of these vendors."""
    cpuinfo(root, *INTEL[:4])
    if there:
        put(root, f"usr/lib/firmware/{INTEL[4]}", "x")
    demand = read_demand(read_host(root))
    contents = None
    if vendors is not None:
        early = dict.fromkeys(vendors, b"x" * 64)
        view = BytesView(build_initrd({"init": b"x"}, microcode=early, method="gzip"))
        contents = read_contents([("initrd", view)])
    kernel = Kernel("new", installed_index(demand.root, "new"), contents, True, demand.root)
    options = {"EXTRA_FIRMWARE": f"a.bin {INTEL[4]}"} if built_in else {}
    subject = FitSubject(read_host(root), judge_fit(demand, kernel), (), options)
    return [one for one in INITRD_FIT.run(subject) if one.check == "microcode"]


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("vendors", [None, (), ("amd",), ("intel",), ("amd", "intel")])
@pytest.mark.parametrize("built_in", [True, False])
def test_what_is_installed_should_be_in_the_initrd(
    tmp_path: Path, vendors: tuple[str, ...] | None, there: bool, built_in: bool
) -> None:
    (found,) = judge(make_machine(tmp_path), vendors, there=there, built_in=built_in)
    has = built_in or (vendors is not None and "intel" in vendors)
    assert found.verdict == ("warn" if there and not has else "pass")
    assert "0xf0" in found.text
    assert ("keeps it through a kexec" in found.text) is (not has)


def test_of_an_initrd_that_is_not_known_whole_nothing_is_said(tmp_path: Path) -> None:
    root = make_machine(tmp_path)
    cpuinfo(root, *INTEL[:4])
    demand = read_demand(read_host(root))
    contents = read_contents([("initrd", BytesView(b"garbage" * 99))])
    fit = judge_fit(demand, Kernel("new", None, contents, True, demand.root))
    subject = FitSubject(read_host(root), replace(fit, microcode=True), ())
    assert [one for one in INITRD_FIT.run(subject) if one.check == "microcode"] == []
