"""Overlays of device trees, generated: the same tree as that of fdtoverlay, or both refuse."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest
from support.tools import needs_tool

from warmboot.core.load.kexec_load.overlay import apply_overlay
from warmboot.core.sandbox.builders.devicetree import build_tree

TREES = 250


def compiled(source: str, *flags: str) -> bytes:
    words = [needs_tool("dtc"), "-q", "-@", "-I", "dts", "-O", "dtb", *flags, "-"]
    return subprocess.run(words, input=source.encode(), capture_output=True, check=True).stdout


def sorted_source(tree: bytes) -> str:
    """What dtc reads in a tree, its nodes and properties in order of their names."""
    words = [needs_tool("dtc"), "-q", "-s", "-I", "dtb", "-O", "dts", "-"]
    return subprocess.run(words, input=tree, capture_output=True, check=True).stdout.decode()


def oracle(tree: bytes, overlays: list[bytes], folder: Path) -> bytes | None:
    """What fdtoverlay makes of it, None where it refuses."""
    paths = []
    for number, content in enumerate([tree, *overlays]):
        paths.append(folder / f"{number}.dtb")
        paths[-1].write_bytes(content)
    out = folder / "out.dtb"
    out.unlink(missing_ok=True)
    words = [needs_tool("fdtoverlay"), "-i", str(paths[0]), "-o", str(out), *map(str, paths[1:])]
    done = subprocess.run(words, capture_output=True, check=False)
    return out.read_bytes() if done.returncode == 0 else None


class Board:
    """A generated tree, its labels by path, and overlays for it."""

    def __init__(self, seed: int) -> None:
        self.chosen = random.Random(seed)
        self.labels: dict[str, str] = {}  # path to label
        self.count = 0
        self.source = f"/dts-v1/;\n/ {{\n{self._node('', 0)}\n}};\n"

    def _properties(self, labels: list[str]) -> str:
        made = ""
        for name in self.chosen.sample(["reg", "status", "p,one", "p-two", "flag"], 3):
            value = self.chosen.choice(["<1 2>", '"okay"', "[00 11 22]", "", "<7>"])
            made += f"{name} = {value};\n" if value else f"{name};\n"
        if labels and self.chosen.random() < 0.6:
            used = self.chosen.choices(labels, k=self.chosen.randint(1, 3))
            made += f"uses = {', '.join(f'<1 &{label} 2>' for label in used)};\n"
        return made

    def _node(self, path: str, depth: int) -> str:
        made = self._properties(list(self.labels.values()) if depth else [])
        for number in range(self.chosen.randint(1 if depth == 0 else 0, 3)):
            self.count += 1
            name = f"n{self.count}" + (f"@{number}" if self.chosen.random() < 0.5 else "")
            below = f"{path}/{name}"
            label = ""
            if self.chosen.random() < 0.7:
                label = f"l{self.count}"
                self.labels[below] = label
            inner = self._node(below, depth + 1) if depth < 3 else ""
            made += f"{label + ': ' if label else ''}{name} {{\n{inner}}};\n"
        return made

    def overlay(self, number: int) -> str:
        """An overlay for labels and paths, with labels of its own, and what names them."""
        own: list[str] = []
        body = ""
        for part in range(self.chosen.randint(1, 3)):
            label = f"o{number}_{part}"
            known = [*self.labels.values(), *own]
            used = self.chosen.choice(known) if known else None
            if used is not None and self.chosen.random() < 0.7:
                target = f"&{self.chosen.choice(known)}"
            else:
                target = "&{" + self.chosen.choice(["/", *self.labels]) + "}"
            inner = self._properties(known)
            name = f"{label}: new{number}-{part}@{part}"
            deep = f"in{part} {{ far = <&{label}>; }};"
            body += f"{target} {{\n{inner}{name} {{ {self._properties(known)} {deep} }};\n}};\n"
            own.append(label)
        self.later = own
        return f"/dts-v1/;\n/plugin/;\n{body}"


def test_generated_overlays_give_the_tree_that_fdtoverlay_gives(tmp_path: Path) -> None:
    applied = 0
    for seed in range(TREES):
        board = Board(seed)
        tree = compiled(board.source)
        overlays = [compiled(board.overlay(number)) for number in range(1 + seed % 3)]
        wanted = oracle(tree, overlays, tmp_path)
        made = tree
        for overlay in overlays:
            made = apply_overlay(made, overlay)
        assert wanted is not None, board.source
        assert sorted_source(made) == sorted_source(wanted), seed
        applied += len(overlays)
    assert applied > 400


def test_what_does_not_fit_is_refused_by_both(tmp_path: Path) -> None:
    tree = compiled("/dts-v1/;\n/ { a: a { p = <&a>; }; };\n")
    plain = build_tree({"a": {"p": b"\0\0\0\1"}})
    plugin = "/dts-v1/;\n/plugin/;\n"
    for base, source, why in (
        (tree, plugin + "&gone { x; };", "label gone, which the tree does not have"),
        (plain, plugin + "&a { x; };", "the tree has none"),
        (tree, plugin + "&{/gone} { x; };", "there is no node /gone"),
        (tree, plugin + "/ { fragment@0 { __overlay__ { x; }; }; };", "does not say what"),
        (tree, plugin + "/ { fragment@0 { target = <9>; __overlay__ { x; }; }; };", "for a node"),
    ):
        overlay = compiled(source)
        assert oracle(base, [overlay], tmp_path) is None
        with pytest.raises(ValueError, match=why):
            apply_overlay(base, overlay)


def test_a_node_keeps_the_phandle_that_others_name_it_by() -> None:
    tree = compiled("/dts-v1/;\n/ { a: a { b { }; }; user { of = <&a>; }; };\n")
    overlay = compiled("/dts-v1/;\n/plugin/;\n&{/} { mine: a { }; other { of = <&mine>; }; };\n")
    with pytest.raises(ValueError, match="it gives /a another phandle"):
        apply_overlay(tree, overlay)


def test_damaged_overlays_end_in_an_error() -> None:
    board = Board(3)
    tree = compiled(board.source)
    overlay = compiled(board.overlay(0))
    refused = 0
    for at in range(0, len(overlay), 3):
        for bad in (b"\xff", b"\0", b"\x7f"):
            try:
                apply_overlay(tree, overlay[:at] + bad + overlay[at + 1 :])
            except ValueError:
                refused += 1
    assert refused > 100
    deep: dict[str, object] = {}
    for _ in range(80):
        deep = {"n": deep}
    with pytest.raises(ValueError, match="within each other"):
        apply_overlay(tree, build_tree(deep))  # type: ignore[arg-type]


def test_an_alias_that_many_places_may_begin_with_is_short() -> None:
    tree = build_tree({"x": {"phandle": b"\0\0\0\1"}, "__symbols__": {"l": b"/x\0"}})
    for slashes, why in ((10, "fixups name what is not there"), (2000, "the alias a has more")):
        overlay = build_tree(
            {
                "aliases": {"a": b"/" * slashes + b"x\0"},
                "x": {},
                "__fixups__": {"l": b"a:p:0\0" * 1000},
            }
        )
        with pytest.raises(ValueError, match=why):
            apply_overlay(tree, overlay)
