"""Command lines are split, reused and added to as the kernel reads them."""

from __future__ import annotations

from warmboot.core.boot.cmdline import append, reusable, split_words


def test_blanks_between_quotes_do_not_split() -> None:
    text = 'root=/dev/vda1  dyndbg="file a.c +p; file b.c +p" quiet'
    assert split_words(text) == ["root=/dev/vda1", 'dyndbg="file a.c +p; file b.c +p"', "quiet"]


def test_what_the_boot_loader_added_is_left_out() -> None:
    running = "BOOT_IMAGE=/vmlinuz-6.1 initrd=\\EFI\\initrd root=UUID=1 ro"
    assert reusable(running) == "root=UUID=1 ro"


def test_the_arguments_of_init_stay_as_they_are() -> None:
    assert reusable("quiet -- initrd=x BOOT_IMAGE=y") == "quiet -- initrd=x BOOT_IMAGE=y"


def test_added_words_go_before_the_arguments_of_init() -> None:
    assert append("root=/dev/a -- single", "quiet nomodeset") == (
        "root=/dev/a quiet nomodeset -- single"
    )
    assert append("", "quiet") == "quiet"
