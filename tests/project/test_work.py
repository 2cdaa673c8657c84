"""Work grows with what was read: eight times as much takes eight times as long, not sixty-four."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cost import seconds
from support.files import put

from warmboot.core.boot.cmdline import Change, compare
from warmboot.core.boot.entry import Entry, Kind
from warmboot.core.boot.extlinux_format import parse_menu
from warmboot.core.boot.find import _unique, find_entries
from warmboot.core.boot.merge import merge
from warmboot.core.boot.root import BootRoot
from warmboot.core.images import BytesView, Identity, authenticode
from warmboot.core.images.authenticode import read_signatures
from warmboot.core.images.pe import PeHeaders
from warmboot.core.payload.scan import KernelScanner


def _entries(count: int) -> None:
    one = Entry("a", "a", Kind.BLS, "/k")
    entries = [dataclasses.replace(one, id=f"a#{n}" if n % 3 == 0 else "a") for n in range(count)]
    assert len({entry.id for entry in _unique(entries)}) == count


def _words(count: int) -> None:
    """Lines of one word often, and of many words once."""
    compare("x=1 " * count, "x=2 " * count)
    old, new = range(count), range(count // 2, 2 * count)
    compare(" ".join(f"a{n}" for n in old), " ".join(f"a{n}" for n in reversed(new)))


def _scan(count: int) -> None:
    """Options of a kernel that begin and never end, in small pieces."""
    scanner = KernelScanner()
    for piece in (bytearray(b"IKCFG_ST"), *([bytearray(b"x" * 10)] * count)):
        scanner.feed(piece, len(piece))


def _labels(count: int) -> None:
    parse_menu("label x\nlinux /k\n" * count, lambda _: None)


def _one_kernel(count: int) -> None:
    """Many names of one kernel, each with sources and notes of its own."""
    one = Entry("a", "a", Kind.BOOT, "/k", release="6.1")
    entries = [
        dataclasses.replace(
            one, id=f"a{n}", title=f"t{n}", sources=(f"/s{n}",), notes=(f"n{n}",), also=(f"o{n}",)
        )
        for n in range(count)
    ]
    (found,) = merge(_OneFile(), entries)
    assert (len(found.sources), len(found.notes)) == (count, count)
    assert len(found.also) == 3 * count - 2


class _OneFile(BootRoot):
    """A root in which every path leads to the same file."""

    def __init__(self) -> None:
        super().__init__(Path("/"))

    def identity(self, name: str) -> Identity:
        del name
        return Identity(1, 1, 1, 1, 1)


@pytest.mark.parametrize("work", [_entries, _words, _scan, _labels, _one_kernel])
def test_eight_times_as_much_takes_about_eight_times_as_long(work: Callable[[int], None]) -> None:
    work(10)
    bound = min(2.0, 0.2 + 20 * seconds(lambda: work(2_000), 0))
    assert seconds(lambda: work(16_000), bound) <= bound


def test_of_many_signatures_each_digest_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def digests(
        _view: object, _headers: object, algorithms: set[str], *_: object
    ) -> dict[str, str]:
        made.extend(algorithms)
        return dict.fromkeys(algorithms, "00")

    monkeypatch.setattr(authenticode, "image_digests", digests)
    monkeypatch.setattr(authenticode, "read_contents", lambda *_: iter([b""] * 16))
    monkeypatch.setattr(authenticode, "_parse", lambda *_: ("who", "by", "sha256", "00"))
    headers = PeHeaders(*[(0, 0)] * len(PeHeaders._fields))  # type: ignore[arg-type]
    found = read_signatures(BytesView(b""), headers)
    assert [one.matches for one in found] == [True] * 16
    assert made == ["sha256"]


def test_an_entry_with_files_without_end_is_shown_and_not_used(tmp_path: Path) -> None:
    put(tmp_path, "boot/k", b"x" * 5000)
    many = " ".join(f"/i{n}" for n in range(7000))
    for number in range(20):
        put(tmp_path, f"boot/loader/entries/{number}.conf", f"linux /k\ninitrd {many}\n")
    put(
        tmp_path,
        "boot/extlinux/extlinux.conf",
        f"label l\nlinux /k\ninitrd {many.replace(' ', ',')}\n",
    )
    assert seconds(lambda: find_entries(BootRoot(tmp_path)), 2) <= 2
    entries = find_entries(BootRoot(tmp_path)).entries
    assert {entry.problem for entry in entries if entry.kind is not Kind.BOOT} == {
        "it names 7000 files, more than 64"
    }


def test_differences_are_those_they_were() -> None:
    found = compare("a=1 b c=1 c=2 d=1", "a=2 c=2 c=3 b e d=1 -- b")
    said = [(one.change, one.name, one.old, one.new) for one in found]
    assert said == [
        (Change.CHANGED, "a", "a=1", "a=2"),
        (Change.SAME, "c", "c=2", "c=2"),
        (Change.CHANGED, "c", "c=1", "c=3"),
        (Change.SAME, "b", "b", "b"),
        (Change.ADDED, "e", None, "e"),
        (Change.SAME, "d", "d=1", "d=1"),
        (Change.ADDED, "b", None, "b"),
    ]
