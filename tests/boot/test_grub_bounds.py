"""GRUB scripts that want much work or memory, and any script at all."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.cost import seconds
from support.grub_files import DictFiles
from support.loader_files import grub_cfg, menu_entry

from warmboot.core.boot.grub.default import Expand, positions, started
from warmboot.core.boot.grub.menu import GrubMenu, read_menu
from warmboot.core.boot.grub.script import parse_script


def read(text: str) -> GrubMenu:
    return read_menu(text, "/boot/grub", DictFiles({"/boot/grub/custom.cfg": "menuentry c { }"}))


MIB = 1 << 20  # of characters; a menu of four is read
BOMBS = {
    "dollars": "$" * MIB,
    "lines of dollars": "$\n" * (MIB // 2),
    "empty lines": "\n" * MIB,
    "values of values": "v0=xxxxxxxx\n" + "".join(f"set v{n + 1}=$v{n}$v{n}\n" for n in range(60)),
    "many long values": f"v={'x' * 60_000}\n" + "".join(f"v{n}=$v\n" for n in range(60_000)),
    "words": "menuentry x { linux " + "a " * (MIB // 2) + "}",
    "quotes": '"' * MIB,
    "single quotes": "'" * MIB,
    "continued lines": "\\\n" * (MIB // 2),
    "braces": "{" * MIB,
    "if": "if " * MIB,
    "odd blanks": "\u00a0\x0b\x0c\u3000\x1c " * 400_000,
    "translated": 'echo $"' + "${" * MIB + '"',
    "a loop": "while true; do true; done",
    "loops": "for a in 1 2 3 4 5 6 7 8 9 10; do " * 6 + "true" + "; done" * 6,
    "doubt": "if unknown; then a=1; fi\n" * 60_000,
    "doubt about many": "".join(f"v{n}=1\n" for n in range(40_000)) + "if x; then a=1; fi\n" * 999,
    "calls": "function f { f; f; }\nf",
    "arguments": 'function f { set a="$@$@$@$@"; f "$a$a"; }\nf xxxxxxxxx',
    "eval": 'a="eval \\$a"\neval "$a"',
    "submenus": "submenu a { " * 12 + "true\n" * 50_000 + "}" * 12,
    "entries": "menuentry x { linux /a }\n" * 60_000,
    "a loop of one": "for a in " + "1 " * 9000 + f"; do menuentry x {{ '{'x' * MIB}' }}; done",
    "file systems": "".join(f"search -u {n} -s a\n" for n in range(9999)),
    "included files": "source /boot/grub/custom.cfg\n" * 1000,
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_work_is_bounded(name: str) -> None:
    def work() -> None:
        assert (read(BOMBS[name]).fault or "").isprintable()

    assert seconds(work, 2) <= 2


@pytest.mark.parametrize(
    "name", ["values of values", "many long values", "words", "quotes", "single quotes",
             "translated", "odd blanks", "arguments", "entries", "a loop of one"],
)  # fmt: skip
def test_memory_is_bounded(name: str) -> None:
    tracemalloc.start()
    read(BOMBS[name] if name == "a loop of one" else BOMBS[name][: MIB // 4])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * MIB


@pytest.mark.parametrize(
    "text",
    ["'", '"', "\\", "$", "${", "${}", "}", "if", "fi", "else", "function", "menuentry",
     "submenu {", "set", "=", "[", "if [ ; then", "menuentry --id {", "for", "while { }", "linux",
     "#", "\0", "if true; then menuentry x { linux /k; }", "!", "break 9", "return", "shift 2",
     "regexp", "search", "search --set", "probe -s", "load_env -f", "loopback", "configfile",
     "eval", "setparams a", "export", "unset", "1=2", "blscfg --path"],
)  # fmt: skip
def test_malformed_scripts_are_read_as_far_as_they_go(text: str) -> None:
    parse_script(text)
    read(text)
    read(f"menuentry x {{ {text}\n}}")


def test_a_large_menu() -> None:
    text = grub_cfg(*(menu_entry(f"e{n}", f"/k{n} ro", f"/i{n}", ident=f"{n}") for n in range(500)))
    paths = [item.load.kernel.path for item in read(text).items if item.load and item.load.kernel]
    assert paths == [f"/k{n}" for n in range(500)]


WORDS = st.sampled_from(
    ["menuentry", "submenu", "{", "}", "if", "then", "elif", "else", "fi", "[", "]", "=", "-f", "!",
     "linux", "initrd", "set", "a=$a", "$a", '"$a"', "'x'", "function", "for", "in", "do", "done",
     "source", "/boot/grub/custom.cfg", "blscfg", "\n", ";", "\\", '"', "'", "$", "${", "#", "--id",
     "load_env", "(hd0)/k", "--set=a", "while", "until", "return", "break", "hwmatch", "regexp",
     "search", "-u", "$1", "$@", "eval", "export", "configfile", "*", "\u00a0"]
)  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(WORDS, max_size=60), st.text(max_size=20))
def test_any_script_at_all(words: list[str], junk: str) -> None:
    menu = read(" ".join([*words, junk]))
    rows = Expand()(menu.items)
    list(positions(rows, Expand()))
    started(rows, menu.default, Expand(), by_id=False)
    assert (menu.fault or "").isprintable()
