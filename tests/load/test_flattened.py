"""Device trees written anew: compared with dtc, which shares no code with what wrote them."""

from __future__ import annotations

import re
import struct
import subprocess
from typing import Any

import fdt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tools import needs_tool

from warmboot.core.load.kexec_load.flattened import Flattened

_WORDS = st.from_regex(r"[a-z][a-z0-9,._+-]{0,20}", fullmatch=True)
_PROPERTIES = st.dictionaries(
    _WORDS.map(lambda word: f"p{word}"), st.binary(max_size=40), max_size=5
)
#: The properties of a node, and its children.
Shape = tuple[dict[str, bytes], dict[str, Any]]
_NODES: st.SearchStrategy[Shape] = st.recursive(
    st.tuples(_PROPERTIES, st.just({})),
    lambda inner: st.tuples(_PROPERTIES, st.dictionaries(_WORDS, inner, max_size=4)),
    max_leaves=12,
)


def blob(shape: Shape, reserved: list[tuple[int, int]]) -> bytes:
    """Write a tree by the library that the tests use for it."""

    def node(name: str, one: Shape) -> fdt.Node:
        properties, children = one
        made = fdt.Node(name)
        for key, value in properties.items():
            made.append(fdt.PropBytes(key, data=value) if value else fdt.Property(key))
        for key, child in children.items():
            made.append(node(key, child))
        return made

    tree = fdt.FDT()
    tree.header.version = 17
    tree.root = node("/", shape)
    tree.entries = [{"address": address, "size": size} for address, size in reserved]
    return bytes(tree.to_dtb(version=17))


def source(tree: bytes) -> str:
    """Return what dtc makes of it."""
    words = [needs_tool("dtc"), "-q", "-I", "dtb", "-O", "dts", "-"]
    return subprocess.run(words, input=tree, capture_output=True, check=True).stdout.decode()


def chosen(text: str) -> tuple[str, str]:
    """Take the root's /chosen out of a source: all before and behind it, and what it holds."""
    found = re.search(r"^\tchosen \{\n(.*?)^\t\};\n", text, re.MULTILINE | re.DOTALL)
    assert found
    return re.sub(r"\n+", "\n", text[: found.start()] + text[found.end() :]), found[1]


@settings(max_examples=60, deadline=None)
@given(
    _NODES,
    _PROPERTIES,
    st.lists(st.tuples(st.integers(1, 2**40), st.integers(1, 2**40)), max_size=3),
)
def test_all_but_the_node_is_what_it_was(
    shape: Shape,
    values: dict[str, bytes],
    reserved: list[tuple[int, int]],
) -> None:
    properties, children = shape
    old = blob((properties, {**children, "chosen": ({**values, "old": b"x"}, {})}), reserved)
    new = Flattened(old).with_properties("chosen", {"new": b"a\0", "pa": b"\1\2"}, ["old"])
    (outside, before), (kept, after) = chosen(source(old)), chosen(source(new))
    assert kept == outside
    rest = [line for line in before.splitlines() if not re.match(r"\t\t(old|pa|new)( =|;)", line)]
    assert set(after.splitlines()) == {*rest, '\t\tnew = "a";', "\t\tpa = [01 02];"}
    without = blob((properties, {**children, "first": ({}, {})}), reserved)
    made = source(Flattened(without).with_properties("chosen", {"new": b"a\0"}, ()))
    assert chosen(made)[1] == '\t\tnew = "a";\n'


@pytest.mark.parametrize("version", [15, 18])
def test_versions_that_are_not_read_are_named(version: int) -> None:
    tree = bytearray(blob(({}, {}), []))
    struct.pack_into(">2I", tree, 20, version, version)
    with pytest.raises(ValueError, match=f"version {version}"):
        Flattened(bytes(tree))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damage_is_an_error_and_never_another_tree(data: st.DataObject) -> None:
    """What is taken with a damage in it, dtc takes, too."""
    tree = bytearray(
        blob(({"p": b"abcde"}, {"chosen": ({"old": b"x"}, {}), "b": ({}, {})}), [(1, 2)])
    )
    at = data.draw(st.integers(0, len(tree) - 1))
    tree[at] = data.draw(st.integers(0, 255))
    try:
        made = Flattened(bytes(tree)).with_properties("chosen", {"new": b"a\0"}, ["old"])
    except ValueError:
        return
    checked = Flattened(made)
    assert sum(token.name == b"new" for token in checked.tokens) == 1


def test_a_name_that_many_properties_share_is_short() -> None:
    """They would make gigabytes of two megabytes."""
    structure = struct.pack(">2I", 1, 0) + struct.pack(">3I", 3, 0, 0) + struct.pack(">2I", 2, 9)
    for length, fits in ((255, True), (256, False)):
        names = b"x" * length + b"\0"
        sizes = (
            56 + len(structure) + len(names),
            56,
            56 + len(structure),
            40,
            17,
            16,
            0,
            len(names),
        )
        head = struct.pack(">10I", 0xD00DFEED, *sizes, len(structure))
        tree = head + bytes(16) + structure + names
        if fits:
            assert [len(token.name) for token in Flattened(tree).tokens] == [0, 255, 0]
        else:
            with pytest.raises(ValueError, match="more than 255 bytes"):
                Flattened(tree)
