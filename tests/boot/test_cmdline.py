"""Command lines are split, reused and added to as the kernel reads them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.files import put

from warmboot.core.boot.cmdline import (
    Change,
    WordGroup,
    append,
    compare,
    installed,
    parse,
    reusable,
    split_words,
)
from warmboot.core.boot.root import BootRoot


def test_blanks_between_quotes_do_not_split() -> None:
    text = 'root=/dev/vda1  dyndbg="file a.c +p; file b.c +p" quiet'
    assert split_words(text) == ["root=/dev/vda1", 'dyndbg="file a.c +p; file b.c +p"', "quiet"]


def test_what_the_boot_loader_added_is_left_out() -> None:
    running = "BOOT_IMAGE=/vmlinuz-6.1 initrd=\\EFI\\initrd root=UUID=1 ro"
    assert reusable(running) == "root=UUID=1 ro"
    assert reusable("kexec initrd=0x4a00000,0x18b000 root=UUID=1 ro") == "root=UUID=1 ro"


def test_the_arguments_of_init_stay_as_they_are() -> None:
    assert reusable("quiet -- initrd=x BOOT_IMAGE=y") == "quiet -- initrd=x BOOT_IMAGE=y"


def test_added_words_go_before_the_arguments_of_init() -> None:
    assert append("root=/dev/a -- single", "quiet nomodeset") == (
        "root=/dev/a quiet nomodeset -- single"
    )
    assert append("", "quiet") == "quiet"


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("root=UUID=1", "root", "UUID=1"),
        ('dyndbg="file a.c +p"', "dyndbg", "file a.c +p"),
        ('"dyndbg=file a.c +p"', "dyndbg", "file a.c +p"),
        ('"a b"', "a b", None),
        ("quiet", "quiet", None),
        ("init=", "init", ""),
        ('x=a"b c"', "x", 'a"b c"'),
    ],
)
def test_names_and_values_are_those_of_the_kernel(text: str, name: str, value: str | None) -> None:
    (word,) = parse(text)
    assert (word.text, word.name, word.value) == (text, name, value)


def test_words_have_a_group() -> None:
    line = "root=/dev/a console=ttyS0 rd.luks.uuid=1 systemd.unit=x i915.modeset=0 panic=3 x"
    line += " -- root=b"
    assert [word.group for word in parse(line)] == [
        WordGroup.ROOT, WordGroup.CONSOLE, WordGroup.INITRD, WordGroup.SYSTEMD, WordGroup.MODULE,
        WordGroup.RECOVERY, WordGroup.OTHER, WordGroup.INIT,
    ]  # fmt: skip


def changes(old: str, new: str) -> list[tuple[str, str | None, str | None]]:
    return [(one.change.value, one.old, one.new) for one in compare(old, new)]


def test_difference_from_the_running_command_line() -> None:
    running = "BOOT_IMAGE=/x root=/dev/a ro quiet console=tty0"
    assert changes(running, "root=/dev/b ro console=tty0 console=ttyS0 nomodeset") == [
        ("changed", "root=/dev/a", "root=/dev/b"),
        ("same", "ro", "ro"),
        ("same", "console=tty0", "console=tty0"),
        ("added", None, "console=ttyS0"),
        ("added", None, "nomodeset"),
        ("removed", "quiet", None),
    ]


def test_hyphens_and_underscores_are_the_same_to_the_kernel() -> None:
    assert changes("init-a=1 x", "init_a=1") == [
        ("same", "init-a=1", "init_a=1"),
        ("removed", "x", None),
    ]


def test_parameters_and_arguments_of_init_are_not_mixed_up() -> None:
    assert changes("single", "-- single") == [
        ("added", None, "single"),
        ("removed", "single", None),
    ]


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_two_lines_compare(old: str, new: str) -> None:
    found = compare(old, new)
    assert [one.new for one in found if one.new is not None] == [
        word.text for word in parse(reusable(new))
    ]
    assert all(one.change is Change.SAME for one in compare(old, old))


def test_the_line_of_kernel_install(tmp_path: Path) -> None:
    assert installed(BootRoot(tmp_path)) is None
    put(tmp_path, "usr/lib/kernel/cmdline", "root=a\n")
    assert installed(BootRoot(tmp_path)) == "root=a"
    put(tmp_path, "etc/kernel/cmdline", "root=b \n quiet\n")
    assert installed(BootRoot(tmp_path)) == "root=b quiet"
