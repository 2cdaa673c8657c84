"""What firmware told of the machine, in a tree from a file: read back by libfdt's own programs."""

from __future__ import annotations

import random
import re
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from support.tools import needs_tool

from warmboot.core.errors import ImageError
from warmboot.core.host import read_host
from warmboot.core.load.kexec_load.devicetree import completed
from warmboot.core.load.kexec_load.fixups import reserved, states_memory, with_fixups
from warmboot.core.load.kexec_load.layout import lay_out
from warmboot.core.load.loader import LoadRequest
from warmboot.core.payload.memfile import MemFile
from warmboot.core.plan.request import Call
from warmboot.core.sandbox.builders.devicetree import Node, build_tree
from warmboot.core.sandbox.builders.kernel import build_riscv_image
from warmboot.core.sandbox.machine import SimulatedMachine, write_machine

TREES = 60
Ranges = list[tuple[int, int]]


def reg(ranges: Iterable[tuple[int, int]], cells: tuple[int, int]) -> bytes:
    return b"".join(
        first.to_bytes(4 * cells[0], "big") + size.to_bytes(4 * cells[1], "big")
        for first, size in ranges
    )


def counts(cells: tuple[int, int]) -> dict[str, bytes]:
    names = ("#address-cells", "#size-cells")
    return {name: struct.pack(">I", count) for name, count in zip(names, cells, strict=True)}


class Machine:
    """What a machine has, and the trees that say it: with other cells, and with other devices."""

    def __init__(self, seed: int) -> None:
        self.chosen = random.Random(seed)
        self.banks = self._ranges(self.chosen.randint(1, 3))
        self.kept = self._ranges(self.chosen.randint(0, 3))
        self.reserved = self._ranges(self.chosen.randint(0, 3))
        self.address = bytes(self.chosen.randrange(1, 256) for _ in range(6))
        self.efi = struct.pack(">Q", self.chosen.randrange(1, 1 << 40))

    def _ranges(self, count: int) -> Ranges:
        """Up to `count` ranges that one cell holds."""
        return [
            (self.chosen.randrange(1, 1 << 32), self.chosen.randrange(1, 1 << 32))
            for _ in range(count)
        ]

    def cells(self) -> tuple[int, int]:
        return self.chosen.randint(1, 2), self.chosen.randint(1, 2)

    def running(self) -> bytes:
        """The tree as firmware hands it over; memory in one node or in several."""
        cells = self.cells()
        single = self.chosen.random() < 0.5
        banks = [self.banks] if single else [[bank] for bank in self.banks]
        root: dict[str, bytes | Node] = {
            **counts(cells),
            "serial-number": b"0815\0",
            "chosen": {"linux,uefi-system-table": self.efi, "bootargs": b"old\0"},
            "soc": {"net@1": {"local-mac-address": self.address, "old": b""}, "gone@2": {}},
        }
        for one in banks:
            root[f"memory@{one[0][0]:x}"] = {"device_type": b"memory\0", "reg": reg(one, cells)}
        if self.kept:
            regions: dict[str, bytes | Node] = {
                f"fw@{first:x}": {
                    "reg": reg([(first, size)], cells),
                    "no-map": b"",
                    "phandle": struct.pack(">I", number),
                }
                for number, (first, size) in enumerate(self.kept, 1)
            }
            root["reserved-memory"] = {
                **counts(cells), "ranges": b"", **regions, "pool": {"size": b"\0\0\0\1"},
            }  # fmt: skip
        return build_tree(root, reserved=self.reserved)

    def file(self) -> bytes:
        """The tree as a distribution has it."""
        cells = self.cells()
        root: dict[str, bytes | Node] = {
            **counts(cells),
            "compatible": b"a,board\0",
            "soc": {"net@1": {"phandle": b"\0\0\0\1", "local-mac-address": bytes(6)}},
        }
        if self.chosen.random() < 0.7:
            root["memory@0"] = {"device_type": b"memory\0", "reg": reg([(0, 0)], cells)}
        if self.chosen.random() < 0.3:
            root["chosen"] = {"linux,uefi-mmap-start": b"12345678"}
        if self.chosen.random() < 0.5:
            own: Node = {"reg": reg([(16, 16)], cells), "reusable": b""}
            root["reserved-memory"] = {**counts(cells), "ranges": b"", "own@10": own}
        return build_tree(root, reserved=[(4096, 4096)])


def text(tree: bytes) -> str:
    words = [needs_tool("dtc"), "-q", "-s", "-I", "dtb", "-O", "dts", "-"]
    return subprocess.run(words, input=tree, capture_output=True, check=True).stdout.decode()


def got(tree: bytes, *words: str) -> list[str]:
    """What fdtget prints, a word each; nothing where there is nothing of the name."""
    at = words.index("-p") + 1 if "-p" in words else len(words) - 2
    command = [needs_tool("fdtget"), *words[:at], "/dev/stdin", *words[at:]]
    return (
        subprocess.run(command, input=tree, capture_output=True, check=False)
        .stdout.decode()
        .split()
    )


def ranges(tree: bytes, node: str, parent: str) -> Ranges:
    cells = [int(got(tree, parent, name)[0]) for name in ("#address-cells", "#size-cells")]
    words = got(tree, "-t", "x", node, "reg")
    found = []
    while words:
        numbers = []
        for count in cells:
            part, words = words[:count], words[count:]
            numbers.append(int("".join(word.zfill(8) for word in part), 16))
        found.append((numbers[0], numbers[1]))
    return found


def test_generated_trees_say_of_the_machine_what_the_running_one_says() -> None:
    for seed in range(TREES):
        machine = Machine(seed)
        file, running = machine.file(), machine.running()
        made = with_fixups(file, running)
        source = text(made)
        names = re.findall(r"(?m)^\t(memory@\w+) \{$", source)
        banks = [one for name in names for one in ranges(made, f"/{name}", "/")]
        assert sorted(banks) == sorted(machine.banks), seed
        kept = re.findall(r"(?m)^\t\t(fw@\w+) \{$", source)
        found = [r for n in kept for r in ranges(made, f"/reserved-memory/{n}", "/reserved-memory")]
        assert sorted(found) == sorted(machine.kept), seed
        assert ("own@10" in source) is ("own@10" in text(file))
        assert "pool" not in source
        lines = re.findall(r"(?m)^/memreserve/\t0x0*(\w+) 0x0*(\w+);", source)
        wanted = [(4096, 4096), *machine.reserved]
        assert [(int(a, 16), int(b, 16)) for a, b in lines] == sorted(wanted), seed
        assert got(made, "-t", "bx", "/soc/net@1", "local-mac-address") == [
            f"{byte:x}" for byte in machine.address
        ]
        assert got(made, "/", "serial-number") == ["0815"]
        assert "bootargs" not in source
        table = got(made, "-t", "x", "/chosen", "linux,uefi-system-table")
        assert [int(word, 16) for word in table] == list(struct.unpack(">2I", machine.efi))
        assert "uefi-mmap-start" not in source
        assert source.count("phandle = <0x01>") == 1
        assert "gone" not in source
        assert sorted(reserved(made)) == sorted(
            [(4096, 4096), *machine.reserved, *machine.kept, *[(16, 16)] * ("own@10" in source)]
        )
        assert text(with_fixups(made, running)) == source
        assert text(with_fixups(running, running)) == text(running)


def test_memory_that_the_tree_cannot_say_is_refused() -> None:
    def tree(cells: tuple[int, int], bank: tuple[int, int]) -> bytes:
        node = {"device_type": b"memory\0", "reg": reg([bank], cells)}
        return build_tree({**counts(cells), "memory@0": node})

    with pytest.raises(ValueError, match="0x100000000 does not fit into 1 cells"):
        with_fixups(tree((1, 1), (0, 0)), tree((2, 2), (1 << 32, 4096)))
    odd = build_tree({**counts((2, 2)), "memory@0": {"device_type": b"memory\0", "reg": b"1234"}})
    with pytest.raises(ValueError, match="the ranges of memory@0 are damaged"):
        with_fixups(tree((1, 1), (0, 0)), odd)
    many = build_tree(
        {"#address-cells": b"\xff\xff\xff\xff", "memory@0": {"device_type": b"memory\0"}}
    )
    with pytest.raises(ValueError, match="#address-cells is not 1 to 4"):
        with_fixups(many, tree((1, 1), (0, 4096)))


def test_without_what_firmware_said_a_tree_has_to_say_where_memory_is(tmp_path: Path) -> None:
    bank: Node = {"device_type": b"memory\0", "reg": reg([(0, 4096)], (1, 1))}
    empty = build_tree({"memory@0": {"device_type": b"memory\0", "reg": bytes(8)}})
    full = build_tree({"memory@0": bank})
    efi = build_tree({"chosen": {"linux,uefi-mmap-start": bytes(8)}})
    assert [states_memory(tree) for tree in (empty, full, efi)] == [False, True, True]
    assert completed(full, "x.dtb", tmp_path) == full
    with pytest.raises(ImageError, match=r"^x\.dtb does not say what memory there is"):
        completed(empty, "x.dtb", tmp_path)
    (tmp_path / "sys/firmware").mkdir(parents=True)
    (tmp_path / "sys/firmware/fdt").write_bytes(full)
    assert text(completed(empty, "x.dtb", tmp_path)) == text(full)
    (tmp_path / "sys/firmware/fdt").write_bytes(full[:-60])
    with pytest.raises(ImageError, match=r"cannot be put into x\.dtb: wrong magic number or size"):
        completed(empty, "x.dtb", tmp_path)


def test_damaged_trees_end_in_an_error() -> None:
    machine = Machine(5)
    file, running = machine.file(), machine.running()
    refused = 0
    for at in range(0, len(running), 3):
        for bad in (b"\xff", b"\0", b"\x7f"):
            for pair in (
                (file, running[:at] + bad + running[at + 1 :]),
                (running[:at] + bad + running[at + 1 :], file),
            ):
                try:
                    with_fixups(*pair)
                except ValueError:
                    refused += 1
    assert refused > 100


def test_a_seed_that_stands_in_a_file_is_none() -> None:
    """kexec(8) takes a tree with zeros, and fills them; it refuses another seed."""
    file = build_tree({"chosen": {"kaslr-seed": b"12345678", "rng-seed": b"abcd"}})
    made = with_fixups(file, build_tree({}))
    assert got(made, "-t", "x", "/chosen", "kaslr-seed") == ["0", "0"]
    assert got(made, "-p", "/chosen") == ["kaslr-seed"]


def test_a_tree_that_reserves_too_much_is_refused_and_odd_regions_are_passed_over() -> None:
    odd: Node = {"a@0": {"reg": b"123"}, "b@0": {"reg": reg([(1, 2)], (1, 1))}, "pool": {}}
    assert reserved(build_tree({"reserved-memory": odd})) == [(1, 2)]
    assert len(reserved(build_tree({}, reserved=[(1, 2)] * 1024))) == 1024
    with pytest.raises(ValueError, match="more than 1024 pieces"):
        reserved(build_tree({}, reserved=[(1, 2)] * 1025))


def test_nothing_is_placed_where_the_tree_from_a_file_reserves_memory(tmp_path: Path) -> None:
    """The next kernel would drop an initrd there, or may not touch the memory at all."""
    write_machine(tmp_path, SimulatedMachine("riscv64", "6.1.0", "quiet"))
    (tmp_path / "proc/iomem").write_text("80000000-8fffffff : System RAM\n")
    kept = [(0x80000000, 0x200000), (0x80300000, 0x4000000), (0x84400000, 0xB000000)]
    regions: Node = {
        f"fw@{first:x}": {"reg": reg([(first, size)], (2, 2))} for first, size in kept[1:]
    }
    root: Node = {**counts((2, 2)), "reserved-memory": {**counts((2, 2)), "ranges": b"", **regions}}
    with MemFile("k") as kernel, MemFile("i") as initrd, MemFile("t") as tree:
        kernel.write(build_riscv_image("6.12.1", body_size=60_000))
        initrd.write(b"initrd")
        tree.write(build_tree(root, reserved=kept[:1]))
        request = LoadRequest(
            kernel.fd, "k", initrd.fd, "i", "q", call=Call.LOAD, devicetree_fd=tree.fd
        )
        placed = lay_out(read_host(tmp_path), request).segments
    assert len(placed) == 3
    for segment in placed:
        for first, size in kept:
            assert segment.address >= first + size or segment.address + segment.room <= first
