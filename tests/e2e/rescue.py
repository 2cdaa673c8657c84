"""The rescue build, made once for all tests of what is installed."""

from __future__ import annotations

import hashlib
import os
import subprocess
from importlib import metadata
from pathlib import Path

from .fetch import REPOSITORY, cached

EPOCH = "1700000000"
PARTS = ("rescue", "initramfs-tools", "dracut")


def build(source: Path, folder: Path, **variables: str) -> dict[str, Path]:
    """Make the rescue build as `make rescue` does; returns what was made, by its name's end."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        [source / ".venv/bin/python", source / "install/rescue/build.py", folder],
        env={"PATH": os.environ["PATH"], "SOURCE_DATE_EPOCH": EPOCH, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    made = [Path(line) for line in done.stdout.split()]
    return {path.name.partition(os.uname().machine)[2]: path for path in made}


def rescue_build() -> dict[str, Path]:
    """Return the archive (.tar.xz), the bill of materials (.cdx.json) and the single file ("").

    They are made once for all tests, of what is installed.
    """
    install = REPOSITORY / "install"
    files = [path for name in PARTS for path in (install / name).rglob("*") if path.is_file()]
    files += [REPOSITORY / "requirements.lock", REPOSITORY / "requirements-dev.lock"]
    installed = [file for file in metadata.files("warmboot") or () if file.parts[0] == "warmboot"]
    files += [Path(str(file.locate())) for file in installed]
    key = hashlib.sha256()
    for path in sorted(path for path in files if path.suffix != ".pyc"):
        key.update(path.read_bytes())
    folder = cached("rescue", [key.hexdigest()], _fill)
    return {path.name.partition(os.uname().machine)[2]: path for path in folder.iterdir()}


def _fill(folder: Path) -> None:
    build(REPOSITORY, folder)
