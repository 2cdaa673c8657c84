"""GRUB menus that are too long to be followed as a whole: what is shown and said of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.files import put
from support.grub_files import DictFiles
from support.grub_grammar import make_case
from support.loader_files import grub_cfg, kernel, menu_entry, submenu

from warmboot.core.boot.entry import Entry, Kind, Listing
from warmboot.core.boot.find import find_entries
from warmboot.core.boot.grub import menus
from warmboot.core.boot.grub.default import Expand, Row, positions, started
from warmboot.core.boot.grub.menu import GrubMenu, read_menu
from warmboot.core.boot.root import BootRoot

FOLLOWED = 2000  # lines


def entry(number: int) -> str:
    return menu_entry(f"Linux {number}", f"/boot/k n={number}", "/boot/i", ident=f"id{number}")


def listing(root: Path, text: str) -> Listing:
    put(root, "boot/k", kernel("6.1"))
    put(root, "boot/i", b"i")
    put(root, "boot/grub/grub.cfg", text)
    return find_entries(BootRoot(root))


def of_menu(found: Listing) -> list[Entry]:
    return [one for one in found.entries if one.kind is Kind.GRUB]


def notices(found: Listing) -> list[str]:
    return [place.result for place in found.searched if place.notice]


def test_the_first_ones_and_the_default_are_listed(tmp_path: Path) -> None:
    found = listing(tmp_path, grub_cfg(*map(entry, range(2100)), default="id2050"))
    entries = of_menu(found)
    numbers = (*range(FOLLOWED), 2050)
    assert [one.title for one in entries] == [f"Linux {number}" for number in numbers]
    assert all(
        one.problem is None and one.cmdline == f"n={number}"
        for number, one in zip(numbers, entries, strict=True)
    )
    assert [one.title for one in entries if one.default] == ["Linux 2050"]
    assert notices(found) == [
        "too long to be listed as a whole: 99 of its entries or submenus left out"
    ]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Menus are too long from the fourth line on."""
    monkeypatch.setattr(menus, "_FOLLOWED", 3)


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("default", ["0", "7", "id7", "Linux 7", "nothing"])
def test_however_the_default_is_named(tmp_path: Path, default: str) -> None:
    found = listing(tmp_path, grub_cfg(*map(entry, range(9)), default=default))
    expected = f"Linux {7 if '7' in default else 0}"
    assert [one.title for one in of_menu(found) if one.default] == [expected]
    assert {one.title for one in of_menu(found)} == {"Linux 0", "Linux 1", "Linux 2", expected}


@pytest.mark.usefixtures("short")
def test_a_default_in_a_submenu_that_is_left_out(tmp_path: Path) -> None:
    parts = [entry(number) for number in range(4)]
    parts.append(submenu("More", "more", [entry(number) for number in range(4, 9)]))
    found = listing(tmp_path, grub_cfg(*parts, default="more>id7"))
    assert [one.title for one in of_menu(found) if one.default] == ["Linux 7"]
    assert [one.title for one in of_menu(found)][-2:] == ["Linux 2", "Linux 7"]


@pytest.mark.usefixtures("short")
def test_the_fallback_of_a_default_that_is_not_there(tmp_path: Path) -> None:
    parts = [entry(number) for number in range(7)]
    gone = menu_entry("Gone", "/boot/gone", "/boot/i", ident="gone")
    found = listing(tmp_path, grub_cfg("fallback=6", *parts, gone, default="gone"))
    assert [one.title for one in of_menu(found) if one.default] == ["Linux 6"]


@pytest.mark.usefixtures("short")
def test_a_default_that_is_not_listed_is_said(tmp_path: Path) -> None:
    """A number counts boot loader entries, which are not known when a menu is followed."""
    for number in range(4):
        put(tmp_path, f"boot/loader/entries/{number}.conf", f"title B{number}\nlinux /boot/k\n")
    found = listing(tmp_path, grub_cfg("blscfg", *map(entry, range(9)), default="9"))
    assert not any(one.default for one in found.entries)
    assert "what it starts by itself is not among the entries that are listed" in notices(found)


def test_a_script_that_is_not_followed_to_its_end(tmp_path: Path) -> None:
    """What stands before is shown and not used: what comes behind could change what it means."""
    found = listing(tmp_path, grub_cfg(entry(1), "while true; do true; done", entry(2)))
    (one,) = of_menu(found)
    why = "only its beginning could be followed: The GRUB configuration does more than a menu needs"
    assert (one.title, one.problem, one.default) == ("Linux 1", why, False)
    assert why in notices(found)


def test_a_menu_that_another_one_shows_and_that_does_not_end(tmp_path: Path) -> None:
    put(tmp_path, "boot/grub/more.cfg", entry(2) + "\nwhile true; do true; done\n")
    found = listing(tmp_path, grub_cfg(entry(1), "configfile $prefix/more.cfg", entry(3)))
    assert [one.title for one in of_menu(found)] == ["Linux 1", "Linux 2"]
    assert all(one.problem for one in of_menu(found))


def test_a_pattern_that_fits_too_many_files(tmp_path: Path) -> None:
    for number in range(501):
        put(tmp_path, f"boot/many/{number}.cfg", "")
    found = listing(tmp_path, grub_cfg("for f in /boot/many/*; do source $f; done", entry(1)))
    assert any("which files /boot/many/* means cannot be told" in said for said in notices(found))


def rows(menu: GrubMenu) -> Iterator[tuple[str, Row]]:
    return positions(Expand()(menu.items), Expand())


def told(row: Row) -> object:
    item = row.item
    return item and (item.title, item.id, item.load, item.problem, item.certain, item.default)


def test_what_is_followed_is_what_it_would_be_without_a_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of generated configurations the first lines mean the same, and the same one is started."""
    seen = 0
    for seed in range(150):
        files = make_case(seed).files
        place = {f"/g/{name}": text.replace("@DIR@", "/g") for name, text in files.items()}
        monkeypatch.setattr(menus, "_FOLLOWED", FOLLOWED)
        whole = read_menu(place["/g/grub.cfg"], "/g", DictFiles(place))
        monkeypatch.setattr(menus, "_FOLLOWED", 2)
        part = read_menu(place["/g/grub.cfg"], "/g", DictFiles(place))
        starts = [
            started(Expand()(m.items), m.default, Expand(), by_id=False) for m in (whole, part)
        ]
        assert starts[0] == starts[1], seed
        all_rows = dict(rows(whole))
        read = [(at, row) for at, row in rows(part) if row.item is not None and row.item.read]
        assert [told(row) for _, row in read] == [told(all_rows[at]) for at, _ in read], seed
        assert [at for at, _ in read[:2]] == list(all_rows)[:2], seed
        assert starts[0] is None or starts[0] in dict(read), seed
        seen += len(all_rows) > len(read)
    assert seen > 50
