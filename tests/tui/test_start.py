"""What a command loads before it answers: its own parts, and nothing that takes long to load."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.machines import make_sandbox

from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.zboot import build_zboot

RUN = """
import sys
before = set(sys.modules)
sys.argv[1:2] = []
from warmboot.tui.entry import run
code = run()
sys.stderr.write("\\n" + " ".join(sorted(set(sys.modules) - before)))
sys.exit(code)
"""
#: Modules of the standard library that take 1 to 30 ms to load, and what is to do without them.
SLOW = {
    *("asyncio", "concurrent.futures", "dataclasses", "datetime", "email", "gettext"),
    *("importlib.metadata", "ipaddress", "urllib.parse"),
    *("inspect", "locale", "logging", "multiprocessing", "pickle", "platform", "random", "shutil"),
    *("socket", "subprocess", "tempfile", "typing", "urllib.request", "uuid"),
}
#: Also not needed where nothing is unpacked, nor is JSON read or written.
PLAIN = {*SLOW, "bz2", "contextvars", "hashlib", "json", "lzma", "shlex", "threading", "zlib"}
#: Folders of the core that do something else than look.
DOING = {"core.load", "core.fit", "core.restart.trial", "core.plan.checks", "core.sandbox.builders"}
LISTING = {*DOING, "core.payload", "core.bpf", "core.record", "core.restart"}
#: For UKIs, parsers and encrypted roots, and for people, where there is none of them.
NOT_STAGED = {
    *("core.plan.uki_parts", "core.bpf.carried", "core.bpf.sizes", "core.bpf.call_memory"),
    *("core.fit.crypttab", "core.fit.volume_words", "core.host.luks"),
    *("tui.present.plan_text", "tui.present.finding_text"),
}
LOOKING = {"core.boot.sources", "core.boot.grub", "core.plan.checks", "core.fit"}


def loaded(*words: str) -> set[str]:
    """Return the modules that a command has loaded when it ends."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("COV", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, "-I", "-c", RUN, "warmboot", *words],
        env=kept,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 3), done.stderr
    return set(done.stderr.rpartition("\n")[2].split())


def own(modules: set[str]) -> set[str]:
    """Return the folders of warmboot among modules."""
    names = {name.removeprefix("warmboot.") for name in modules if name.startswith("warmboot.")}
    return names | {name.rpartition(".")[0] for name in names}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_sandbox(tmp_path / "machine")


def test_the_version_needs_nothing() -> None:
    found = {name for name in loaded("--version") if name.startswith("warmboot")}
    assert own(found) <= {"", "tui", "tui.entry", "core", "core.version"}


def test_status(root: Path) -> None:
    found = loaded("--root", str(root), "status")
    assert not found & (PLAIN - {"json"})  # the simulated kernel's state is written in it
    assert not own(found) & {*LOOKING, "core.payload", "core.load", "core.bpf.dialects"}


def test_list(root: Path) -> None:
    found = loaded("--root", str(root), "list")
    assert not found & {*PLAIN, "math", "signal"}
    assert not own(found) & LISTING
    assert "warmboot.core.boot.grub.menu" not in found  # there is no menu of it


def test_list_where_grub_has_a_menu(root: Path) -> None:
    (root / "boot/grub").mkdir()
    (root / "boot/grub/grub.cfg").write_text("menuentry one {\n linux /vmlinuz\n}\n")
    found = loaded("--root", str(root), "list")
    assert not found & PLAIN
    assert "warmboot.core.boot.grub.menu" in found


def test_inspect(tmp_path: Path) -> None:
    kernel = build_arm64_image("6.12", body_size=60_000)
    image = tmp_path / "vmlinuz"
    image.write_bytes(build_zboot(kernel, arch="arm64", method="gzip"))
    found = loaded("inspect", str(image))
    assert not found & SLOW
    assert not own(found) & {*LOOKING, *DOING, "core.record", "core.restart", "core.host"}
    assert not own(found) & {"core.plan", "core.payload.initrd", "core.payload.cpio"}
    codecs = {name for name in own(found) if name.startswith("core.payload.codecs.")}
    assert codecs <= {"core.payload.codecs.gzip", "core.payload.codecs.base"}


def test_stage(root: Path, tmp_path: Path) -> None:
    kernel = tmp_path / "vmlinuz"
    kernel.write_bytes(build_arm64_image("6.12", body_size=60_000))
    words = ("--kernel", str(kernel), "--no-initrd", "--cmdline", "quiet", "--json", "--dry-run")
    found = loaded("--root", str(root), "stage", *words)
    assert "lzma" not in found
    assert not own(found) & NOT_STAGED


def test_answers_in_json_load_what_writes_it(root: Path) -> None:
    found = loaded("--root", str(root), "list", "--json")
    assert "json" in found
    assert not found & (PLAIN - {"json"})
    assert not own(found) & LISTING


ASKED = """
import sys
from warmboot.tui import entry
entry.load_without(entry._NOT_NEEDED)
import argparse, gettext, pathlib, urllib.parse
assert pathlib.Path("/a b").as_uri() == "file:///a%20b"
assert urllib.parse.urlsplit("http://one/two").path == "/two"
assert gettext.translation and argparse.ArgumentParser().format_help()
"""


def test_what_is_left_out_is_there_for_one_who_asks_for_it() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", ASKED], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


SCREEN = """
import sys
from warmboot.tui import entry
from warmboot.tui.commands import screen
entry.load_without(screen._NOT_NEEDED)
import warmboot.tui.app
left_out = {"ssl", "textual.command", "textual.widgets._tree", "textual.widgets._input"}
assert not left_out & set(sys.modules), left_out & set(sys.modules)
from textual.system_commands import SystemCommandsProvider
from textual.widgets import Input, Tree
import ssl
assert ssl.create_default_context and SystemCommandsProvider.discover
"""


def test_the_first_screen_loads_no_widgets_that_it_has_not() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", SCREEN], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


FOUND = """
import sys
from importlib.machinery import PathFinder
from warmboot.tui.entry import run
sys.argv[1:2] = []
run()
import pytest
for name in [name for name in sys.modules if name.startswith("warmboot.")]:
    found = sys.modules[name].__spec__
    usual = PathFinder.find_spec(name, sys.modules[name.rpartition(".")[0]].__path__)
    assert (found.origin, found.cached) == (usual.origin, usual.cached), name
    assert type(found.loader) is type(usual.loader), name
    assert found.submodule_search_locations == usual.submodule_search_locations, name
with pytest.raises(ModuleNotFoundError, match="warmboot.core.nothing"):
    import warmboot.core.nothing
"""


def test_modules_are_found_where_python_finds_them(root: Path) -> None:
    words = ("warmboot", "--root", str(root), "list")
    done = subprocess.run(
        [sys.executable, "-I", "-c", FOUND, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
