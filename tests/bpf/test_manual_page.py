"""The commands of warmboot-bpf(7), tried as they are written."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.manual_page import commands_of, run_commands, sections
from support.tools import DATA, needs_tool

from warmboot.core.bpf.carried import fits_carried
from warmboot.core.images import BytesView, identify
from warmboot.core.images.authenticode import signatures_of

KEYS = DATA / "kexec-bpf-kernel"
BUILDING = ("MAKING AN IMAGE FOR V6", "MAKING AN IMAGE FOR V7", "CHECKING AN IMAGE")


def test_every_display_is_run_somewhere() -> None:
    """Those of LOADING IT are run in a guest (tests/e2e/test_kexec_bpf_page.py)."""
    assert [name for name in sections() if commands_of(name)] == [*BUILDING, "LOADING IT"]


@pytest.fixture
def folder(tmp_path: Path, image_file: Callable[[str], Path]) -> Path:
    """A folder with the files that the page begins with."""
    shutil.copyfile(image_file("arm64-6.12-gzip.vmlinuz.efi"), tmp_path / "vmlinuz.efi")
    for suffix in ("key", "pem"):
        shutil.copyfile(KEYS / f"TEST-ONLY-signing.{suffix}", tmp_path / f"signing.{suffix}")
    return tmp_path


def test_the_commands_of_the_page_do_what_it_says(folder: Path) -> None:
    for tool in ("sbsign", "sbverify"):
        needs_tool(tool)
    original = (folder / "vmlinuz.efi").read_bytes()
    together, alone, again, bare = commands_of(BUILDING[0])
    run_commands([together], folder)
    made = (folder / "vmlinuz-bpf.efi").read_bytes()
    run_commands([alone, again, bare], folder)
    assert not signatures_of(BytesView((folder / "vmlinuz-bpf-unsigned.efi").read_bytes()))
    for content in (made, (folder / "vmlinuz-bpf.efi").read_bytes()):
        image = identify(BytesView(content))
        assert fits_carried(image)
        (signature,) = signatures_of(BytesView(content))
        assert signature.matches
    run_commands(commands_of(BUILDING[1]), folder)
    (signature,) = signatures_of(BytesView((folder / "vmlinuz-signed.efi").read_bytes()))
    assert signature.matches
    said = run_commands(commands_of(BUILDING[2]), folder)
    assert "Signature verification OK" in said[0]
    assert "Parser dialect" in said[1]
    for rehearsed in said[2:]:
        assert re.search(r"^Verdict +handed over$", rehearsed, re.MULTILINE)
    assert (folder / "vmlinuz.efi").read_bytes() == original


def test_a_parser_that_is_kept_gives_the_same_image(folder: Path) -> None:
    needs_tool("sbsign")
    together, alone, again, _ = commands_of(BUILDING[0])
    unsigned = re.sub(r" --sign \S+ \S+", "", together)
    assert unsigned != together
    run_commands([unsigned, alone, again], folder)
    made = (folder / "vmlinuz-bpf.efi").read_bytes()
    assert made == (folder / "vmlinuz-bpf-unsigned.efi").read_bytes()
