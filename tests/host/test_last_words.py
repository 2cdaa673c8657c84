"""What a system said before it ended: pstore's records, and journald's lines of its boot."""

from __future__ import annotations

import json
import os
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.files import put

from warmboot.core.host import last_words
from warmboot.core.host.last_words import BootBefore, last_messages, read_panic

PANIC = """Panic#1 Part1
<4>[    1.000000] before
<0>[    2.000000] Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b
<4>[    2.000001] CPU: 0 PID: 1 Comm: init
"""


def record(root: Path, name: str, text: str, at: float) -> None:
    os.utime(put(root, name, text), (at, at))


def test_the_newest_panic_counts_from_where_it_begins(tmp_path: Path) -> None:
    record(tmp_path, "sys/fs/pstore/dmesg-efi_pstore-1", PANIC.replace("init!", "old!"), 100)
    record(tmp_path, "var/lib/systemd/pstore/17/001/dmesg.txt", PANIC, 200)
    record(tmp_path, "sys/fs/pstore/console-ramoops-0", PANIC, 300)
    found = read_panic(tmp_path, 50)
    assert found is not None
    assert found.place == "/var/lib/systemd/pstore/17/001/dmesg.txt"
    assert found.lines[0].startswith("Kernel panic - not syncing: Attempted to kill init!")
    assert len(found.lines) == 2
    assert read_panic(tmp_path, 250) is None


@given(
    before=st.integers(0, 12),
    behind=st.integers(0, 12),
    size=st.integers(1, 5),
    folder=st.sampled_from(["sys/fs/pstore", "var/lib/systemd/pstore/179569405"]),
    order=st.randoms(use_true_random=False),
)
def test_a_panic_in_parts_is_quoted_from_where_it_begins(
    *, before: int, behind: int, size: int, folder: str, order: random.Random
) -> None:
    """The kernel writes the last lines first; whoever copies the parts may give them any time."""
    said = "Kernel panic - not syncing: sysrq triggered crash"
    log = [*(f"before {n}" for n in range(before)), said, *(f"behind {n}" for n in range(behind))]
    parts = [log[max(0, end - size) : end] for end in range(len(log), 0, -size)]
    times = [float(200 + n) for n in range(len(parts))]
    order.shuffle(times)
    with tempfile.TemporaryDirectory() as name:
        for part, (lines, at) in enumerate(zip(parts, times, strict=True), 1):
            text = "\n".join(f"<4>[    1.000000] {line}" for line in lines)
            place = f"{folder}/dmesg-efi-1795694055{part:02}001"
            record(Path(name), place, f"Panic#1 Part{part}\n{text}\n", at)
        found = read_panic(Path(name), 100)
    assert found is not None
    assert found.lines == tuple(log[before:][:6])


def test_of_an_oops_in_parts_the_last_lines_are_quoted(tmp_path: Path) -> None:
    for part in (1, 2, 3):
        text = f"Oops#1 Part{part}\n<4>[    1.000000] part {part}\n"
        record(tmp_path, f"sys/fs/pstore/dmesg-efi_pstore-{part}", text, 200)
    found = read_panic(tmp_path, 100)
    assert found is not None
    assert found.lines == ("part 3", "part 2", "part 1")


@given(st.binary(max_size=400))
def test_any_record_is_read_without_an_error(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        put(Path(name), "sys/fs/pstore/dmesg-x-1", b"Panic#1 Part1" + content)
        found = read_panic(Path(name), 0)
        assert found is not None
        assert all(line.isprintable() for line in found.lines)


def test_the_old_system_s_words_are_not_the_new_one_s() -> None:
    old, new = "0a" * 16, "0b" * 16
    lines = [json.dumps({"MESSAGE": f"m{n}", "_BOOT_ID": new}) for n in range(3)]
    of_old = [json.dumps({"MESSAGE": "Journal stopped", "_BOOT_ID": old})]
    left = f"{old[:8]}-{old[8:12]}-{old[12:16]}-{old[16:20]}-{old[20:]}"
    assert last_messages(of_old, left) == BootBefore(None, is_left=True)
    assert last_messages(["no JSON", "[]"], left) == BootBefore()
    found, is_left = last_messages([*of_old, *lines, "no JSON", "[]"], left)
    assert found is not None
    assert found.lines == ("m0", "m1", "m2")
    assert not is_left


@pytest.mark.parametrize("first_ones", [True, False], ids=["systemd 252", "systemd 257"])
@given(count=st.integers(0, 20))
def test_the_last_lines_are_asked_for_in_a_way_that_every_journalctl_takes(
    first_ones: bool, count: int
) -> None:
    """With --since, --lines gives the first lines in 252 and the last ones later."""
    lines = [json.dumps({"MESSAGE": f"m{n}", "_BOOT_ID": "0b" * 16}) for n in range(count)]

    def journalctl(command: list[str]) -> list[str]:
        shown = next(int(word[8:]) for word in command if word.startswith("--lines="))
        if "--reverse" in command:
            return lines[::-1][:shown]
        return lines[:shown] if first_ones else lines[-shown:]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(last_words, "_ask", journalctl)
        patch.setattr(last_words, "find_program", lambda name: f"/usr/bin/{name}")
        found = last_words.read_journal(Path("/"), 1, 2).words
    expected = tuple(f"m{n}" for n in range(count))[-6:]
    assert (found.lines if found else ()) == expected
