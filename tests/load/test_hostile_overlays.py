"""Overlays that cannot be applied: refused by their names before anything is staged."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from support.machines import make_sandbox

from warmboot.core.errors import ImageError
from warmboot.core.load.kexec_load.devicetree import LIMIT
from warmboot.core.plan.request import PlanRequest
from warmboot.core.sandbox.builders.devicetree import Node, build_tree
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.session import open_session

KERNEL = build_arm64_image("6.12.1-arm64", body_size=60_000)
LABELS: Node = {"port": {"phandle": b"\0\0\0\1"}, "__symbols__": {"port": b"/port\0"}}

LARGE: Node = {"p": bytes(1000), **LABELS}


def for_label(label: str, content: Node) -> bytes:
    """An overlay for a label of the tree."""
    fragment: Node = {"target": b"\xff\xff\xff\xff", "__overlay__": content}
    fixups: Node = {label: b"/fragment@0:target:0\0"}
    return build_tree({"fragment@0": fragment, "__fixups__": fixups})


def nested(depth: int) -> Node:
    node: Node = {}
    for _ in range(depth):
        node = {"n": node}
    return node


def in_a_circle() -> bytes:
    """Two fragments, each of which is for a node that only the other one makes."""
    fragments: dict[str, bytes | Node] = {
        f"fragment@{number}": {
            "target": struct.pack(">I", 2 - number),
            "__overlay__": {"made": {"phandle": struct.pack(">I", number + 1)}},
        }
        for number in range(2)
    }
    targets: dict[str, bytes | Node] = {name: {"target": bytes(4)} for name in fragments}
    return build_tree({**fragments, "__local_fixups__": targets})


def with_a_shared_name() -> bytes:
    """One name of a megabyte for eighty thousand properties."""
    properties = struct.pack(">3I", 3, 0, 0) * 80_000
    structure = struct.pack(">2I", 1, 0) + properties + struct.pack(">2I", 2, 9)
    names = b"x" * 1_000_000 + b"\0"
    at = 56 + len(structure)
    sizes = (at + len(names), 56, at, 40, 17, 16, 0, len(names), len(structure))
    return struct.pack(">10I", 0xD00DFEED, *sizes) + bytes(16) + structure + names


HOSTILE = {
    "label": (for_label("gone", {}), LABELS, "needs the label gone, which the tree does not have"),
    "no labels": (for_label("port", {}), {}, r"the label port, and the tree has none \(dtc -@\)"),
    "circle": (in_a_circle(), LABELS, "is for a node that the tree does not have"),
    "deep": (for_label("port", nested(80)), LABELS, "more than 64 nodes within each other"),
    "huge": (for_label("port", {"p": bytes(LIMIT)}), LABELS, "it is larger than 2097152 bytes"),
    "grows": (for_label("port", {"p": bytes(LIMIT - 400)}), LARGE, "^The device tree is larger"),
    "name": (with_a_shared_name(), LABELS, "with more than 255 bytes of it"),
    "cut": (for_label("port", {})[:-9], LABELS, "wrong magic number or size"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(HOSTILE))
def test_it_is_refused_with_its_name_and_nothing_is_staged(name: str, tmp_path: Path) -> None:
    overlay, base, why = HOSTILE[name]
    make_sandbox(tmp_path)
    entries = tmp_path / "boot/loader/entries"
    entries.mkdir(parents=True)
    files = {"k": KERNEL, "x.dtb": build_tree({"compatible": b"a\0", **base}), "bad.dtbo": overlay}
    for file, content in files.items():
        (tmp_path / "boot" / file).write_bytes(content)
    text = "linux /k\noptions quiet\ndevicetree /x.dtb\ndevicetree-overlay /bad.dtbo\n"
    (entries / "bad.conf").write_text(f"title bad\n{text}")
    session = open_session(tmp_path)
    request = PlanRequest(entry="bad.conf", forced=("command-line-root",))
    with session.plan(request) as opened:
        assert opened.plan.files.overlays == ("/boot/bad.dtbo",)
        with pytest.raises(ImageError, match=why) as caught:
            session.prepare(opened)
    assert "bad.dtbo" in caught.value.message or name == "grows"
    assert caught.value.hint
    assert (tmp_path / "sys/kernel/kexec_loaded").read_text() == "0\n"
