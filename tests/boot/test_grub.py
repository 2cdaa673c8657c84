"""GRUB's scripts are followed as far as they are certain, within bounds, and never run."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.layouts import grub_cfg, menu_entry

from warmboot.core.boot.grub.menu import Files, GrubMenu, Item, positions, read_menu, resolve
from warmboot.core.boot.grub.script import parse_script
from warmboot.core.errors import WarmbootError

FILES = {"/boot/grub/custom.cfg": "menuentry custom { linux /c }", "/there": ""}


def read(text: str, **environment: str) -> GrubMenu:
    return read_menu(text, "/boot/grub", environment, Files(FILES.get, FILES.__contains__))


def entry(body: str, before: str = "") -> Item:
    (item,) = read(f"{before}\nmenuentry x {{\n{body}\n}}\n").items
    return item


def test_quotes_escapes_and_continued_lines() -> None:
    item = entry('linux /k \'a  b\' c\\ d "e$f\\"g" h="i j" \\\n  k # not this\n', before="f=F")
    assert item.kernel == "/k"
    assert item.options == '"a  b" "c d" eF\\"g "h=i j" k'


def test_several_initrds_and_devices_in_front_of_paths() -> None:
    item = entry("linux ($root)/k ro\ninitrd (hd0,gpt2)/ucode.img /main.img\ndevicetree /x.dtb")
    assert (item.kernel, item.initrds) == ("/k", ("/ucode.img", "/main.img"))
    assert item.devicetree == "/x.dtb"


def test_variables_without_quotes_are_split() -> None:
    assert entry("linux /k $opts ro $none", before='set opts="a  b=c"').options == "a b=c ro"


def test_conditions() -> None:
    for condition, taken in (
        ('[ "$one" = 1 ]', True), ('[ "$one" != 1 ]', False), ("[ -z $none ]", True),
        ("[ -n $one ]", True), ("[ -f /there ]", True), ("[ -f ($root)/there ]", True),
        ("[ -e /gone ]", False), ("[ ! -e /gone ]", True), ("[ $one -eq 1 -a -f /there ]", True),
        ("[ $one = 2 -o x$none = x ]", True), ("true", True), ("false", False), ("[ ]", False),
        ("test $one = 1", True), ("[ $one -gt 3 ]", False), ("[ x$feature_foo = xy ]", True),
    ):  # fmt: skip
        text = f"one=1\nif {condition}; then opt=yes; else opt=no; fi"
        assert entry("linux /k $opt", before=text).options == ("yes" if taken else "no"), condition


def test_what_only_grub_knows_is_left_out_and_said() -> None:
    item = entry("linux /k root=$uuid quiet", before="probe --set=uuid --fs-uuid $root")
    assert item.options == "quiet"
    assert item.notes == ["left out, because GRUB decides $uuid when it runs"]
    assert item.problem is None
    assert "GRUB decides" in (entry("linux $p/k", before="regexp --set=1:p x y").problem or "")
    item = entry("if [ $grub_platform = efi ]; then linux /a; else linux /b; fi")
    assert "several kernels" in (item.problem or "")
    item = entry("if [ $grub_platform = efi ]; then linux /a q; else linux /a q; fi")
    assert item.problem is None
    assert "newc:" in (entry("linux /k\ninitrd newc:a:/b").problem or "")


def test_functions_with_arguments() -> None:
    text = 'function f {\n if [ "$1" = x ]; then\n set o="$2"\n fi\n}\nf x yes'
    assert entry("linux /k $o", before=text).options == "yes"
    with pytest.raises(WarmbootError, match="deeply"):
        read("function f { f; }\nf")


def test_included_files_and_submenus() -> None:
    menu = read(
        "if [ -f ${config_directory}/custom.cfg ]; then source $prefix/custom.cfg; fi\n"
        "submenu more --id more { menuentry a --id=aa { linux /a; }\n menuentry b { linux /b } }\n"
        "menuentry 'shut down' { halt }\nblscfg\n"
    )
    bls = ["/boot/loader/entries/new.conf", "/boot/loader/entries/old.conf"]
    assert [(place, item.title) for place, item in positions(menu.items, bls)] == [
        ("0", "custom"), ("1>0", "a"), ("1>1", "b"), ("2", "shut down"),
    ]  # fmt: skip
    for wanted, found in (
        ("0", "0"), ("1>1", "1>1"), ("more>aa", "1>0"), ("more>b", "1>1"), ("custom", "0"),
        ("3", bls[0]), ("4", bls[1]), ("old", bls[1]), ("5", None), ("more", None), ("x>y", None),
        ("", None),
    ):  # fmt: skip
        assert resolve(menu.items, wanted, bls) == found, wanted


def test_loops_are_not_followed_but_what_is_in_them_is_uncertain() -> None:
    menu = read("for x in a b; do menuentry $x { linux /$x; }; done")
    (item,) = menu.items
    assert "GRUB decides" in (item.problem or "")


@pytest.mark.parametrize(
    "text",
    [
        "if " * 200,
        "{ " * 200,
        "menuentry x { " * 200,
        "a=xxxxxxxx\n" + "a=$a$a\n" * 60,
        "source /boot/grub/custom.cfg\n" * 100,
        "menuentry x { linux /a }\n" * 3000,
        "true;" * 300_000,
        "if [ -f /there ]; then true; fi\n" * 3000,
        "function f { true; true; true; }\n" + "f\n" * 60_000,
    ],
)
def test_beyond_the_bounds(text: str) -> None:
    with pytest.raises(WarmbootError):
        read(text)


@pytest.mark.parametrize(
    "text",
    ["'", '"', "\\", "$", "${", "${}", "}", "if", "fi", "else", "function", "menuentry",
     "submenu {", "set", "=", "[", "if [ ; then", "menuentry --id {", "for", "while { }", "linux",
     "#", "\0", "if true; then menuentry x { linux /k; }"],
)  # fmt: skip
def test_malformed_scripts_are_read_as_far_as_they_go(text: str) -> None:
    parse_script(text)
    read(text)


def test_a_large_menu() -> None:
    text = grub_cfg(*(menu_entry(f"e{n}", f"/k{n} ro", f"/i{n}", ident=f"{n}") for n in range(500)))
    assert [item.kernel for item in read(text).items] == [f"/k{n}" for n in range(500)]


WORDS = st.sampled_from(
    ["menuentry", "submenu", "{", "}", "if", "then", "elif", "else", "fi", "[", "]", "=", "-f", "!",
     "linux", "initrd", "set", "a=$a", "$a", '"$a"', "'x'", "function", "for", "in", "do", "done",
     "source", "/boot/grub/custom.cfg", "blscfg", "\n", ";", "\\", '"', "'", "$", "${", "#", "--id",
     "load_env", "(hd0)/k", "--set=a"]
)  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(WORDS, max_size=60), st.text(max_size=20))
def test_any_script_at_all(words: list[str], junk: str) -> None:
    try:
        menu = read(" ".join([*words, junk]), a="1", next_entry="x")
        positions(menu.items, ["/x.conf"])
        resolve(menu.items, menu.default or "0", ["/x.conf"])
    except WarmbootError as error:
        assert error.message.isprintable()
