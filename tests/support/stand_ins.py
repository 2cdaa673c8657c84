"""Compiles a parser with stand-ins for what only a kernel with the interface has (tests/bpf)."""

from __future__ import annotations

import subprocess
from pathlib import Path

from support.tools import needs_tool
from warmboot.core.bpf import toolchain
from warmboot.core.bpf.skeleton import read_arrays
from warmboot.core.bpf.toolchain import Recipe, find_toolchain, sources

SOURCES = Path(__file__).parent.parent / "bpf"


def compile_with_stand_ins(source: str, recipe: Recipe, folder: Path) -> tuple[bytes, bytes]:
    """Return opts_data and opts_insn of a file of tests/bpf, compiled as parsers are."""
    needs_tool("clang")
    needs_tool("bpftool")
    tools = find_toolchain()
    for name, text in sources().items():
        (folder / name).write_text(text)
    for path in SOURCES.glob("*.[ch]"):
        (folder / path.name).write_text(path.read_text())
    compiler = (tools.clang, *toolchain._FLAGS, "-Wno-unused-value", *recipe.defines)
    subprocess.run((*compiler, "-c", source, "-o", "parser.o"), cwd=folder, check=True)
    skeleton = subprocess.run(
        (tools.bpftool, "gen", "skeleton", "-L", "parser.o"),
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return read_arrays(skeleton.stdout)
