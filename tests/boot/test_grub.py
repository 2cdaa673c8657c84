"""GRUB's scripts are followed as far as they are certain, within bounds, and never run."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from support.grub_files import DictFiles

from warmboot.core.boot.filesystems import By
from warmboot.core.boot.grub.bls import compare
from warmboot.core.boot.grub.condition import evaluate
from warmboot.core.boot.grub.default import Expand, fallbacks, positions, started
from warmboot.core.boot.grub.entry import Item
from warmboot.core.boot.grub.environment import parse_environment
from warmboot.core.boot.grub.files import Facts
from warmboot.core.boot.grub.menu import GrubMenu, loader_words, read_menu
from warmboot.core.boot.grub.wildcard import fits

FILES = {"/boot/grub/custom.cfg": "menuentry custom { linux /c }", "/there": "x", "/empty": "",
         "/folder/": ""}  # fmt: skip


BLOCK = "# GRUB Environment Block\n"


def read(text: str, files: Mapping[str, str] = FILES) -> GrubMenu:
    return read_menu(text, "/boot/grub", DictFiles(files))


def entry(body: str, before: str = "") -> Item:
    (item,) = read(f"{before}\nmenuentry x {{\n{body}\n}}\n").items
    return item


def options(body: str, before: str = "") -> str:
    item = entry(body, before)
    assert item.load is not None
    assert item.problem is None
    return loader_words(item.load.options)


def start(text: str, files: Mapping[str, str] = FILES, *, by_id: bool = False) -> str | None:
    menu = read(text, files)
    return started(Expand()(menu.items), menu.default, Expand(), by_id=by_id)


def test_quotes_escapes_and_continued_lines() -> None:
    words = options('linux /k \'a  b\' c\\ d "e$f\\"g" h="i j" \\\n  k # not this\n', before="f=F")
    assert words == '"a  b" "c d" eF\\"g "h=i j" k'
    assert options("linux /k a\\x20b 'c\\x2dd' \"\\e\"") == "ax20b c\\x2dd \\\\e"


def test_blanks_are_space_and_tab_only() -> None:
    for odd in ("\u00a0", "\x0b", "\x0c", "\u3000", "\x1c", "\u2028"):
        assert options(f"linux /k a{odd}b c") == f"a{odd}b c"
        assert len(read(f"true{odd}\nmenuentry x {{ linux /k }}").items) == 1


def test_lines_that_start_with_a_hash_go_even_inside_quotes() -> None:
    assert options("linux /k 'a\n#b\nc'") == "a\nc"
    assert options("linux /k a#b\r\n") == "a#b"


def test_several_initrds_and_devices_in_front_of_paths() -> None:
    load = entry("linux ($root)/k ro\ninitrd (hd0,gpt2)/u.img /main.img\ndevicetree /x.dtb").load
    assert load is not None
    assert load.kernel is not None
    assert load.devicetree is not None
    assert [place.spec.by for place in load.initrds] == [By.DEVICE, By.MENU]
    assert [place.path for place in (load.kernel, *load.initrds, load.devicetree)] == [
        "/k", "/u.img", "/main.img", "/x.dtb",
    ]  # fmt: skip


def test_conditions_that_only_grub_knows() -> None:
    for condition in ("hwmatch x", "[ $grub_platform = efi ]", "[ -z $grub_cpu ]", "keystatus"):
        item = entry(f"linux /k; if {condition}; then initrd /a; else initrd /b; fi")
        assert "several kernels or initrds" in (item.problem or ""), condition
    same = "if hwmatch x; then linux /a q; else linux /a q; fi"
    assert options(same) == "q"
    assert options("linux /k $o", before="if hwmatch x; then o=y; else o=y; fi") == "y"
    assert options("linux /k a; if [ x$grub_platform = y ]; then linux /b; fi") == "a"


def test_what_only_grub_knows_is_left_out_and_said() -> None:
    item = entry("linux /k root=$uuid quiet", before="probe --set=uuid --fs-uuid $root")
    assert item.load is not None
    assert item.load.options == ("quiet",)
    assert item.notes == ["left out, because GRUB decides $uuid when it runs"]
    assert item.problem is None
    assert "GRUB decides $p" in (entry("linux $p/k", before="read p").problem or "")
    assert "newc:" in (entry("linux /k\ninitrd newc:a:/b").problem or "")
    (item,) = read("if hwmatch x; then menuentry a { linux /a }; fi").items
    assert not item.certain
    assert item.notes == ["GRUB decides when it runs whether this entry is there"]


def test_a_return_that_may_be_taken_makes_the_rest_uncertain() -> None:
    text = "function f {\n if hwmatch x; then return; fi\n o=a\n}\no=\nf"
    item = entry("linux /k $o", before=text)
    assert item.load is not None
    assert item.load.options == ()
    assert item.notes == ["left out, because GRUB decides $o when it runs"]
    text = "o=\nfor i in 1 2; do if hwmatch x; then break; fi; o=${o}a; done; p=q"
    item = entry("linux /k $o $p", before=text)
    assert item.load is not None
    assert item.load.options == ("q",)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("a = a", True), ("a != a", False), ("", True), ("x", True), ("! x", False),
        ("-f /there -a -d /folder", True), ("-f /folder -o -s /empty", False),
        ("-s /there", True), ("-s /folder", False), ("-e /gone", False), ("-d /", True),
        ("/new -nt /old", True), ("/new -ot /old", False), ("/old -nt20 /new", True),
        ("/old -nt /gone", True), ("/gone -ot /old", True), ("/gone -nt /old", False),
        ("vmlinuz-2 -plt vmlinuz-11", True), ("010 -eq 8", True), ("0x10 -gt 15", True),
        ("( a = b ) -o a", True), ("\0?x\0 = a", None), ("\0?x\0 = a -o b", True),
        ("x\0?x\0 = y", False), ("-n \0?x\0", None), ("-z x\0?x\0", False), ("-n \0@1\0", True),
    ],
)  # fmt: skip
def test_operators(words: str, answer: bool | None) -> None:
    files = {"/there": Facts(False, 1, 0), "/empty": Facts(False, 0, 0), "/": Facts(True, 0, 0),
             "/folder": Facts(True, 9, 0), "/old": Facts(False, 1, 10),
             "/new": Facts(False, 1, 20)}  # fmt: skip
    assert evaluate(words.split(), files.get) is answer
    assert evaluate([*words.split(), "]"], files.get) is answer


def test_functions_and_arguments_of_an_entry() -> None:
    text = 'function f {\n if [ "$1" = x ]; then\n set o="$2"\n fi\n}\nf x yes'
    assert options("linux /k $o", before=text) == "yes"
    (item,) = read(
        'function b { linux /k "$@" $10; }\nmenuentry T s { b ro $2 3 4 5 6 7 8 9 t }'
    ).items
    assert item.load is not None
    assert item.load.options == ("ro", "s", "3", "4", "5", "6", "7", "8", "9", "t", "t")
    assert "deeply" in (read("function f { f; }\nf").fault or "")


def test_a_function_with_a_command_s_name_is_never_reached() -> None:
    assert options("linux /k a", before="function linux { false; }") == "a"


def test_what_grub_cannot_parse_is_dropped_as_far_as_it_goes() -> None:
    for text in ("menuentry a { }", "menuentry a { linux /k; ; true }", "a & b", 'x="$ "',
                 "menuentry a {\nfunction f { true; }\n}"):  # fmt: skip
        menu = read(f"{text}\nmenuentry b {{ linux /k }}")
        assert [item.title for item in menu.items] == ["b"], text
    assert read("menuentry b { linux /k }\nmenuentry c { 'x").items[0].title == "b"
    assert len(read("menuentry b { linux /k }\nmenuentry c { 'x").items) == 1


def test_included_files_and_submenus() -> None:
    menu = read(
        "if [ -f ${config_directory}/custom.cfg ]; then source $prefix/custom.cfg; fi\n"
        "source $prefix/custom.cfg\n"
        "submenu more --id more { menuentry a --id=aa { linux /a; }\n menuentry b { linux /b } }\n"
        "menuentry 'shut down' { halt }\n"
    )
    rows = positions(Expand()(menu.items), Expand())
    assert [(place, row.title) for place, row in rows] == [
        ("0", "custom"), ("1", "custom"), ("2", "more"), ("2>0", "a"), ("2>1", "b"),
        ("3", "shut down"),
    ]  # fmt: skip


def test_what_is_started_by_itself() -> None:
    entries = (
        "menuentry one --id first { linux /1 }\n"
        "submenu more --id 'm>n' { menuentry a --id=aa { linux /a; }\n menuentry b { linux /b } }\n"
        "menuentry 2nd { linux /2 }\n"
    )
    for wanted, found in (
        ("", "0"), ("1", "1>0"), ("more", "1>0"), ("more>b", "1>1"), ("m>>n>aa", "1>0"),
        ("1>1", "1>1"), ("more>9", "1>0"), ("nothing", "0"), ("99", "0"), ("-1", "0"),
        ("2nd", "2"), ("0x1>1", "1>1"), ("first", "0"),
    ):  # fmt: skip
        assert start(f"default='{wanted}'\n{entries}") == found, wanted
    assert start(f"default=2nd\n{entries}", by_id=True) == "2"
    assert start(f"read default\n{entries}") is None
    assert start(f"if hwmatch; then menuentry z {{ linux /z }}; fi\n{entries}") is None


def test_a_submenu_has_variables_of_its_own() -> None:
    text = "x=1; y=2; export y; submenu s { menuentry e { linux /k x$x y$y $chosen } }"
    inner = read(text).items[0].children
    assert inner is not None
    assert inner[0].load is not None
    assert inner[0].load.options == ("x", "y2", "s>e")


def test_the_environment_block_of_this_start_and_of_the_next() -> None:
    text = (
        'load_env\nif [ "${next_entry}" ]; then set default="${next_entry}"; set next_entry=\n'
        'save_env next_entry; else set default="${saved_entry}"; fi\n'
        "menuentry a { linux /a }\nmenuentry b { linux /b }"
    )
    files = {"/boot/grub/grubenv": BLOCK + "saved_entry=0\nnext_entry=1\n###"}
    menu = read(text, files)
    assert menu.changed
    assert menu.default == "1"
    later = read_menu(text, "/boot/grub", DictFiles(files), blocks=menu.blocks)
    assert later.default == "0"
    assert parse_environment(BLOCK + "a=b\\\\c\\\nd\ne=f\n####") == {"a": "b\\c\nd", "e": "f"}
    assert parse_environment("a=b\n") == {}


def test_what_starts_no_linux_is_there_all_the_same() -> None:
    menu = read(
        "menuentry xen { multiboot2 /xen.gz a\nmodule2 /vmlinuz b }\n"
        "menuentry w { chainloader /EFI/x.efi }\nmenuentry off { halt }\nmenuentry n { true }"
    )
    commands = [item.load.command if item.load else None for item in menu.items]
    assert commands == ["multiboot2", "chainloader", "halt", None]


def test_search_probe_regexp_and_wildcards() -> None:
    load = entry("search --no-floppy --set=d --hint hd0 --fs-uuid AB-CD\nlinux ($d)/k").load
    assert load is not None
    assert load.kernel is not None
    assert load.kernel.spec == (By.UUID, "AB-CD")
    text = "search -s d -u AB; probe -s u --fs-uuid $d\nlinux /k $u"
    assert options(text) == "AB"
    assert options("regexp --set 1:v '([0-9]+)$' k-12; linux /k $v") == "12"
    assert options("regexp --set 1:v '(a|b)*c' aac; linux /k $v") == "a"
    assert "left out" in entry("regexp --set 1:v '(a)\\1' aa; linux /k $v").notes[0]
    (one,) = read("for f in /the*; do menuentry $f { linux $1; }; done").items
    assert (one.title, one.certain) == ("/there", True)
    several = read("for f in /*e*; do menuentry $f { linux $1; }; done").items
    assert not any(item.certain for item in several)
    assert fits("a" * 200, "*a" * 90 + "*")
    assert not fits("a" * 200, "*a" * 90 + "b")


def test_boot_loader_entries_in_the_order_of_rpm() -> None:
    for newer, older in (
        ("m-6.17.1-300", "m-6.9.9-300"), ("m-6.1-1", "m-6.1~rc1-1"), ("m-6.1-2", "m-6.1-1"),
        ("m-6.1-1.fc40", "m-6.1-1.fc39"), ("c+0-3", "b"), ("m-6.1-1", "m-0-rescue"),
        ("m-6.1^a-1", "m-6.1-1"), ("m-10-1", "m-0009-1"),
    ):  # fmt: skip
        assert compare(newer, older) > 0
        assert compare(older, newer) < 0
    assert compare("m-6.1-1", "m-6.1-1") == 0


def test_a_password_is_asked_for_where_there_are_superusers() -> None:
    text = "menuentry a {{ linux /a }}\nmenuentry b --unrestricted {{ linux /b }}\n"
    text += "menuentry c --users 'x,y' {{ linux /c }}\nsubmenu s {{ menuentry d {{ linux /d }} }}\n"

    def notes(before: str) -> list[list[str]]:
        items = read(before + text.format()).items
        return [item.notes for item in (*items[:3], *(items[3].children or ()))]

    asked = "GRUB asks for a password before it starts this (users: {})"
    assert notes("") == [[], [], [], []]
    assert notes("superusers=root\nexport superusers\n") == [
        [asked.format("root")], [], [asked.format("root, x, y")], [asked.format("root")],
    ]  # fmt: skip


def test_fallbacks_are_numbers_up_to_one_that_is_none() -> None:
    rows = Expand()(read("menuentry a { x }\nmenuentry b { x }\nmenuentry c { x }").items)
    told = {w: list(fallbacks(rows, w)) for w in ("2 1", "1,2", "1 b 2", "b", "9 1", "", " 2")}
    assert told == {
        "2 1": [2, 1], "1,2": [1], "1 b 2": [1], "b": [], "9 1": [], "": [], " 2": [2],
    }  # fmt: skip
