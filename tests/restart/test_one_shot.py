"""A choice for the next start only: set, seen by GRUB's own tool, and taken back."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.files import put
from support.tools import needs_tool

from warmboot.core.boot.loadervars import read_loader_variables
from warmboot.core.boot.root import BootRoot
from warmboot.core.errors import WarmbootError
from warmboot.core.host.firmware import read_firmware
from warmboot.core.plan.trial.trial import Choice, OneShot
from warmboot.core.restart.trial.one_shot import choose, grubenv_path, take_back

VARIABLES = "sys/firmware/efi/efivars"
BLOCK = b"# GRUB Environment Block\n"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    (tmp_path / VARIABLES).mkdir(parents=True)
    put(tmp_path, "boot/grub/grub.cfg", 'if [ "${next_entry}" ]; then\nfi\n')
    (tmp_path / "boot/grub/grubenv").write_bytes(BLOCK.ljust(1024, b"#"))
    return tmp_path


def test_variables_are_set_and_taken_back(machine: Path) -> None:
    root = BootRoot(machine)
    choose(root, machine, Choice(OneShot.LOADER_ENTRY, "old.conf"))
    choose(root, machine, Choice(OneShot.BOOT_NEXT, "000A"))
    assert read_loader_variables(machine).oneshot == "old.conf"
    assert read_firmware(machine).next == 10
    for kind in (OneShot.LOADER_ENTRY, OneShot.BOOT_NEXT):
        assert take_back(root, machine, kind) is True
        assert take_back(root, machine, kind) is False
    assert list((machine / VARIABLES).iterdir()) == []


NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


def listed(path: Path) -> dict[str, str]:
    command = [needs_tool("grub-editenv"), str(path), "list"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return dict(line.partition("=")[::2] for line in text.splitlines())


@pytest.mark.parametrize("value", ["0", "1>2", "gnulinux-advanced>gnulinux-6.1", "a-1.conf"])
def test_grub_reads_what_was_chosen_and_keeps_the_rest(machine: Path, value: str) -> None:
    path = machine / "boot/grub/grubenv"
    editenv = [needs_tool("grub-editenv"), str(path)]
    subprocess.run([*editenv, "set", "saved_entry=5", "other=x y"], check=True)
    before, inode = path.read_bytes(), path.stat().st_ino
    root = BootRoot(machine)
    choose(root, machine, Choice(OneShot.GRUB, value))
    assert listed(path) == {"saved_entry": "5", "other": "x y", "next_entry": value}
    assert (path.stat().st_size, path.stat().st_ino) == (1024, inode)
    assert take_back(root, machine, OneShot.GRUB) is True
    assert path.read_bytes() == before
    assert take_back(root, machine, OneShot.GRUB) is False
    subprocess.run([*editenv, "set", "next_entry="], check=True)
    assert take_back(root, machine, OneShot.GRUB) is False, "GRUB has used it up"


@given(st.binary(max_size=1100))
def test_what_is_no_environment_block_is_left_alone(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    root = tmp_path_factory.mktemp("root")
    put(root, "boot/grub/grub.cfg", "next_entry")
    path = put(root, "boot/grub/grubenv", content)
    boot = BootRoot(root)
    try:
        choose(boot, root, Choice(OneShot.GRUB, "1"))
    except WarmbootError:
        assert path.read_bytes() == content
        return
    assert content.startswith(BLOCK)
    assert len(path.read_bytes()) == len(content)


def test_a_full_block_is_said(machine: Path) -> None:
    path = machine / "boot/grub/grubenv"
    path.write_bytes(BLOCK + b"a=" + b"x" * (1024 - len(BLOCK) - 3) + b"\n")
    before = path.read_bytes()
    with pytest.raises(WarmbootError, match="could not be set"):
        choose(BootRoot(machine), machine, Choice(OneShot.GRUB, "1"))
    assert path.read_bytes() == before


def test_a_menu_that_does_not_ask_for_it_has_none(tmp_path: Path) -> None:
    put(tmp_path, "boot/grub/grub.cfg", "set default=0")
    put(tmp_path, "boot/grub/grubenv", BLOCK)
    assert grubenv_path(BootRoot(tmp_path)) is None
