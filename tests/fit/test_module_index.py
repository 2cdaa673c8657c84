"""Module indexes are read as kmod reads them: the same modules for the same aliases."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from support.files import put
from support.kernel_modules import KernelModule, install, resolve, show_depends

from warmboot.core.boot.root import BootRoot
from warmboot.core.fit.installed_modules import installed_index
from warmboot.core.fit.module_index import Module, ModuleIndex, module_name

RELEASE = "6.1.0-test"


def read(root: Path) -> ModuleIndex:
    index = installed_index(BootRoot(root), RELEASE)
    assert index is not None
    return index


def generated(seed: int) -> tuple[list[KernelModule], list[str]]:
    """Modules with aliases of every form that real ones have, and aliases to look for."""
    dice = random.Random(seed)
    vendors = [f"{dice.randrange(1 << 16):08X}" for _ in range(6)]
    suffixes = ("", ".xz", ".zst")  # Debian 12: kmod has no zlib
    modules: list[KernelModule] = []
    asked = []
    for number in range(24):
        vendor, device = dice.choice(vendors), f"{dice.randrange(8):08X}"
        forms = {
            f"pci:v{vendor}d{device}sv*sd*bc*sc*i*": f"pci:v{vendor}d{device}sv0sd0bc01sc06i01",
            f"pci:v*d*sv*sd*bc{number:02d}sc0[1-3]i*": f"pci:v1d2sv3sd4bc{number:02d}sc02i00",
            f"usb:v{number:04X}p*d*dc*dsc*dp*ic03isc01ip01in*": f"usb:v{number:04X}p1d2dc3"
            "dsc4dp5ic03isc01ip01in00",
            f"virtio:d{number:08X}v*": f"virtio:d{number:08X}v00001AF4",
            f"of:N*T*Cvendor,dev-{number}C*": f"of:NserialT(null)Cvendor,dev-{number}Cx",
            f"of:N*T*Cvendor,dev-{number}": f"of:NserialT(null)Cvendor,dev-{number}",
            f"acpi*:TST{number:04d}:*": f"acpi:TST{number:04d}:PNP0501:",
            f"fs-test-{number}": f"fs-test_{number}",
            f"block-major-{number}-*": f"block-major-{number}-3",
            f"hid:b3g*v{number:04X}p0000[0-9A-F]": f"hid:b3g1v{number:04X}p0000C",
            f"platform:dev_{number}": f"platform:dev-{number}",
        }  # fmt: skip
        chosen = dice.sample(sorted(forms), 4)
        needs = tuple(one.name for one in modules[-3:] if dice.random() < 0.4)
        softdeps = [modules[-1].name] if modules and dice.random() < 0.3 else []
        softdeps += ["served-by-several"] if dice.random() < 0.2 else []
        chosen += ["served-by-several"] if dice.random() < 0.2 else []
        path = f"kernel/drivers/test/mod-{number}.ko{dice.choice(suffixes)}"
        modules.append(KernelModule(path, tuple(chosen), needs, tuple(softdeps)))
        asked += [forms[one] for one in forms]
    return modules, asked


def closure(index: ModuleIndex, module: Module) -> set[str]:
    """Return all that modprobe(8) loads: what is needed, and what these ask for."""
    waiting, seen = [module], dict[str, Module]()
    while waiting:
        one = waiting.pop()
        if one.built_in or one.name in seen:
            continue
        seen[one.name] = one
        waiting += index.needed(one)
        waiting += [each for served in index.wanted(one) for each in served]
    return set(seen)


@pytest.mark.parametrize("seed", range(6))
def test_aliases_and_dependencies_are_those_of_kmod(tmp_path: Path, seed: int) -> None:
    modules, asked = generated(seed)
    built_in = {
        "kernel/fs/own-fs.ko": ("fs-own-fs", "fs-other"),
        "kernel/drivers/built.ko": ("pci:v0000BEEFd*",),
    }
    install(tmp_path, RELEASE, modules, built_in)
    index = read(tmp_path)
    asked += ["fs-own_fs", "fs-other", "pci:v0000BEEFd1", "pci:v1", "fs-", "no-such"]
    for alias in asked:
        expected = resolve(tmp_path, RELEASE, alias)
        assert {module.name for module in index.by_alias(alias)} == expected, alias
    for module in modules:
        found = index.module(module.name)
        assert found is not None
        assert closure(index, found) == show_depends(tmp_path, RELEASE, module.name)


def test_a_module_is_built_in_loadable_or_not_there(tmp_path: Path) -> None:
    modules = [
        KernelModule("kernel/fs/ext4/ext4.ko.xz", needs=("jbd2",)),
        KernelModule("kernel/fs/jbd2/jbd2.ko.xz"),
        KernelModule("updates/dkms/zfs.ko"),
    ]
    install(tmp_path, RELEASE, modules, {"kernel/drivers/nvme/host/nvme-core.ko": ()})
    index = read(tmp_path)
    assert index.there
    assert index.module("nvme-core") == Module("nvme_core", None)
    assert index.module("ext4") == Module("ext4", "kernel/fs/ext4/ext4.ko.xz")
    assert index.module("xfs") is None
    assert [module.name for module in index.out_of_tree] == ["zfs"]
    assert module_name("kernel/a/b-c.ko.zst") == "b_c"


@pytest.mark.parametrize("name", ["", "..", "a/b", "no-such"])
def test_what_is_no_release_has_no_index(tmp_path: Path, name: str) -> None:
    index = installed_index(BootRoot(tmp_path), name)
    assert index is None or not index.there


def test_a_hostile_index_costs_no_more_than_its_size(tmp_path: Path) -> None:
    folder = f"usr/lib/modules/{RELEASE}"
    stars = "*a" * 200
    put(tmp_path, f"{folder}/modules.alias", f"alias pci:{stars}b m\nalias pci:{'[a-z]*' * 90} m\n")
    circle = "".join(f"k/m{n}.ko: k/m{(n + 1) % 500}.ko\n" for n in range(500))
    put(tmp_path, f"{folder}/modules.dep", circle + "k/m.ko:\n\xff\n:\n")
    index = read(tmp_path)
    assert index.by_alias("pci:" + "a" * 5000) == ()
    module = index.module("m0")
    assert module is not None
    assert len(index.needed(module)) < 500


@pytest.mark.parametrize("pattern", ["pci:*{}*a*b*c*d*e", "pci:*[a-z]*{}*[0-9]?", "pci:v*{}"])
def test_an_index_of_too_much_work_is_given_up(tmp_path: Path, pattern: str) -> None:
    """Then nothing is called missing: what was not looked for may be there."""
    folder = f"usr/lib/modules/{RELEASE}"
    put(tmp_path, f"{folder}/modules.dep", "k/m.ko:\n")
    lines = "".join(f"alias {pattern.format(number)} m\n" for number in range(2000))
    put(tmp_path, f"{folder}/modules.alias", f"{lines}alias fs-x m\n")
    index = read(tmp_path)
    assert index.by_alias("fs-x")

    def given_up_after(number: int) -> bool:
        index.by_alias(f"pci:v{number}" + "ab" * 2000)
        return index.gave_up

    asked = next(number for number in range(3000) if given_up_after(number))
    assert 0 < asked < 500
    assert index.by_alias("fs-xy") == ()


def test_softdeps_of_one_module_may_be_many(tmp_path: Path) -> None:
    folder = f"usr/lib/modules/{RELEASE}"
    put(tmp_path, f"{folder}/modules.dep", "k/m.ko:\nk/n.ko:\n")
    put(tmp_path, f"{folder}/modules.softdep", "softdep m pre: n\n" * 50_000)
    index = read(tmp_path)
    assert list(index.wanted(Module("m", "k/m.ko"))) == [(Module("n", "k/n.ko"),)]
