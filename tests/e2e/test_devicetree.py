"""Device trees that an entry or a UKI brings along: the next kernel gets what fdtoverlay makes of
them, and what firmware told this kernel of the machine."""

from __future__ import annotations

import base64
import gzip
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from warmboot.core.sandbox.builders.uki import build_uki

from .fetch import Arch, run
from .guest import BOARDS, steps
from .initramfs import DebianKernel, debian_kernel, kexec_tools, second_initrd
from .kernels import ported_kernel
from .placed import started
from .proof import Nonces, SecondKernel

pytestmark = pytest.mark.timeout(4000)

#: What boot loaders fill in stands empty in the trees of distributions.
EMPTY = "reg = <0x00 0x00 0x00 0x00>;"
SERIAL = {Arch.ARM64: "pl011@9000000 {", Arch.RISCV64: "serial@10000000 {"}
SHOW_TREE = b"""\
echo "e2e: begin first-tree"
busybox gzip -c /sys/firmware/fdt | busybox base64
echo "e2e: end first-tree 0"
"""


def kernel_for(arch: Arch) -> DebianKernel:
    """A kernel of Debian that has kexec_load(2) only, and is started without EFI."""
    return debian_kernel(arch) if arch is Arch.ARM64 else ported_kernel(arch, "sid")


def source_of(arch: Arch, folder: Path) -> str:
    """The tree of QEMU's machine, with a label at its serial port."""
    board, place = BOARDS[arch], folder / "board.dtb"
    words = [*board.options, "-m", str(board.memory), "-nodefaults", "-display", "none"]
    words[1] += f",dumpdtb={place}"
    run(board.emulator, *words)
    text = run("dtc", "-q", "-I", "dtb", "-O", "dts", place).decode()
    assert SERIAL[arch] in text
    return text.replace(SERIAL[arch], f"port: {SERIAL[arch]}")


def compiled(source: str, place: Path) -> Path:
    """Compile a source with its labels."""
    place.with_suffix(".dts").write_text(source)
    run("dtc", "-q", "-@", "-O", "dtb", "-o", place, place.with_suffix(".dts"))
    return place


def without_memory(source: str) -> str:
    """A source as it would come from a distribution."""
    found = re.sub(
        r"(memory@\w+ \{\s+(?:device_type[^;]*;\s+)?)reg = [^;]*;", rf"\1{EMPTY}", source
    )
    assert found.count(EMPTY) == 1
    return found


def shown(transcript: str, name: str, folder: Path) -> str:
    """A tree that a kernel was given, as a sorted source without /chosen."""
    place = folder / f"{name}.dtb"
    place.write_bytes(gzip.decompress(base64.b64decode(steps(transcript)[name].output)))
    return sorted_source(place)


def sorted_source(place: Path) -> str:
    """What dtc reads in a tree, but for /chosen: nodes and properties in order of their names."""
    text = run("dtc", "-q", "-s", "-I", "dtb", "-O", "dts", place).decode()
    return re.sub(r"(?ms)^\tchosen \{\n.*?^\t\};\n+", "", text)


def node(source: str, name: str) -> str:
    """One node below the root, and all in it."""
    found = re.search(rf"(?ms)^\t{name}(?:@\w+)? \{{\n.*?^\t\}};$", source)
    assert found is not None, name
    return found[0]


def restart(
    arch: Arch, files: Mapping[str, bytes], options: Sequence[str], nonces: Nonces, folder: Path
) -> tuple[SecondKernel, str]:
    """Stage and jump, with both kernels showing the trees that they were given."""
    files = {
        "/boot/second.cpio": second_initrd(arch, nonces.initrd),
        "/prepare": SHOW_TREE,
        **files,
    }
    return started(arch, kernel_for(arch), files, options, nonces, folder)


@pytest.mark.parametrize(
    ("arch", "loader"),
    [
        (Arch.ARM64, "load"),
        pytest.param(Arch.ARM64, "tools", marks=pytest.mark.slow_guest),
        pytest.param(Arch.RISCV64, "load", marks=pytest.mark.slow_guest),
    ],
)
def test_overlays_of_an_entry(arch: Arch, loader: str, nonces: Nonces, tmp_path: Path) -> None:
    """The second overlay names a label of the first; the tree says nothing of memory."""
    kernel, source = kernel_for(arch), source_of(arch, tmp_path)
    plugin = "/dts-v1/;\n/plugin/;\n"
    first = f'&port {{ e2e,one = "{nonces.cmdline}"; mine: e2e-mine {{ }}; }};\n'
    second = "&mine { e2e,two; of = <&port>; };\n&{/} { e2e,three = <3>; };\n"
    whole = compiled(source, tmp_path / "whole.dtb")
    given = compiled(without_memory(source), tmp_path / "given.dtb")
    overlays = [
        compiled(plugin + text, tmp_path / f"{number}.dtbo")
        for number, text in enumerate((first, second))
    ]
    merged = tmp_path / "merged.dtb"
    run("fdtoverlay", "-i", whole, "-o", merged, *overlays)
    cmdline = f"e2e={nonces.cmdline} e2e.tree console={BOARDS[arch].console} panic=-1 quiet"
    entry = (
        f"title next\nlinux /next\ninitrd /second.cpio\noptions {cmdline}\n"
        "devicetree /given.dtb\ndevicetree-overlay /0.dtbo /1.dtbo\n"
    )
    files = {
        "/boot/next": kernel.image,
        "/boot/loader/entries/next.conf": entry.encode(),
        **{f"/boot/{path.name}": path.read_bytes() for path in (given, *overlays)},
        **(kexec_tools(arch) if loader == "tools" else {}),
    }
    found, said = restart(arch, files, ["next.conf", "--loader", loader], nonces, tmp_path)
    assert found == SecondKernel(kernel.release, cmdline)
    before, after = (shown(said, f"{name}-tree", tmp_path) for name in ("first", "second"))
    assert f'e2e,one = "{nonces.cmdline}";' in after
    assert node(after, "memory") == node(before, "memory")
    if arch is Arch.RISCV64:  # OpenSBI's own memory, which QEMU's tree does not have
        assert "mmode_resv0@80000000" in node(after, "reserved-memory")
        assert node(after, "reserved-memory") == node(before, "reserved-memory")
        after = after.replace(node(after, "reserved-memory") + "\n\n", "")
    assert after == sorted_source(merged)


@pytest.mark.slow_guest
@pytest.mark.parametrize("arch", [Arch.ARM64, Arch.RISCV64])
def test_dtbauto_of_a_uki(arch: Arch, nonces: Nonces, tmp_path: Path) -> None:
    """Of three trees the first for this board."""
    kernel, source = kernel_for(arch), without_memory(source_of(arch, tmp_path))
    named = re.search(r"\n\tcompatible = \"(.*?)\";", source)
    assert named is not None
    trees = []
    for number, board in enumerate(["e2e,other-board", named[1], named[1]]):
        text = source.replace(named[0], f'\n\tcompatible = "{board}";\n\te2e,tree = <{number}>;')
        trees.append(compiled(text, tmp_path / f"{number}.dtb"))
    cmdline = f"e2e={nonces.cmdline} e2e.tree console={BOARDS[arch].console} panic=-1 quiet"
    uki = build_uki(
        arch=str(arch),
        linux=kernel.image,
        initrd=second_initrd(arch, nonces.initrd),
        cmdline=cmdline,
        osrel='ID=e2e\nPRETTY_NAME="A unified image"\n',
        uname=kernel.release,
        dtbauto=[tree.read_bytes() for tree in trees],
    )
    files = {"/boot/efi/EFI/Linux/unified.efi": uki}
    found, said = restart(arch, files, [], nonces, tmp_path)
    assert found == SecondKernel(kernel.release, cmdline)
    before, after = (shown(said, f"{name}-tree", tmp_path) for name in ("first", "second"))
    assert "\te2e,tree = <0x01>;" in after
    assert node(after, "memory") == node(before, "memory")
