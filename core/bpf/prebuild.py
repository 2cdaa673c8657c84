"""Builds the parsers that come with warmboot: ``python -m warmboot.core.bpf.prebuild FOLDER``.

Run by ``make prebuilt``; a test builds them again and compares every byte.
"""

from __future__ import annotations

import sys
from pathlib import Path

from warmboot.core.bpf.parsers import prebuilt_name, prebuilt_recipes
from warmboot.core.bpf.toolchain import find_toolchain

#: The file beside the objects that says which tools made them.
TOOLS = "TOOLS"


def main(folder: Path) -> None:
    """Write every object, and the versions of the tools."""
    tools = find_toolchain()
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.o"):
        old.unlink()
    for recipe in prebuilt_recipes():
        (folder / prebuilt_name(recipe)).write_bytes(tools.build(recipe))
    versions = f"clang {tools.clang_version}\nbpftool {tools.bpftool_version}\n"
    (folder / TOOLS).write_text(versions, encoding="ascii")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
