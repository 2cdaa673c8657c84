"""The entry of the rescue build, without the build around it."""

from __future__ import annotations

import atexit
import os
import runpy
import sys
from pathlib import Path

import pytest
from support.tools import ROOT


@pytest.mark.parametrize("name", [b"warmboot", b"two words\n", b"caf\xe9", "\u017ealud".encode()])
def test_a_single_file_of_any_name_is_what_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: bytes
) -> None:
    unpacked = tmp_path / "warmboot-rescue"
    unpacked.mkdir()
    (unpacked / "unpacked-from").write_bytes(b"/root/" + name)
    monkeypatch.setattr(sys, "executable", str(unpacked / "warmboot"))
    monkeypatch.setattr(atexit, "register", lambda _: None)
    runpy.run_path(str(ROOT / "install/rescue/main.py"))["_single_file"]()
    assert os.fsencode(sys.executable) == b"/root/" + name
