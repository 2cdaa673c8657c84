"""A release: ``python install/release.py check`` before all is built, ``… sums`` after it.

``check`` says everything that is not as it must be, at once; ``sums`` writes dist/SHA256SUMS.
``sdist`` makes the source archive.
"""

from __future__ import annotations

import hashlib
import os
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
_HEADING = re.compile(r"^## (\S+)(?: - (\d{4}-\d\d-\d\d))?$", re.MULTILINE)


def problems(repository: Path) -> Iterator[str]:
    """Yield what stands against a release of `repository` as it is."""
    version = runpy.run_path(str(repository / "core/version.py"))["VERSION"]
    collection = re.search(
        r"^version: (\S+)$", (repository / "ansible/galaxy.yml").read_text(), re.MULTILINE
    )
    if collection is None or collection[1] != version:
        stated = collection[1] if collection else "none"
        yield f"core/version.py has {version}, ansible/galaxy.yml {stated}"
    heading = _HEADING.search((repository / "CHANGELOG.md").read_text())
    if heading is None or heading[1] != version:
        first = heading[1] if heading else "none"
        yield f"The first heading of CHANGELOG.md is {first}, not {version}"
    elif heading[2] is None:
        yield f"CHANGELOG.md does not say when {version} is released: ## {version} - YYYY-MM-DD"
    if _git(repository, "status", "--porcelain"):
        yield "There are changes that are not committed"
    tags = _git(repository, "tag", "--points-at", "HEAD").split()
    if f"v{version}" not in tags:
        yield f"The commit has no tag v{version}: git tag -a v{version} -m 'warmboot {version}'"


def _git(repository: Path, *words: str) -> str:
    command = ["git", "-C", str(repository), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def sdist(folder: Path) -> None:
    """Make the source archive of what git knows; without git, of all that is here."""
    words = ["git", "-C", str(REPOSITORY), "ls-files", "-z"]
    more = ["--cached", "--others", "--exclude-standard"]
    listed = subprocess.run([*words, *more], capture_output=True, check=False)
    build = "import sys; from setuptools import build_meta as b; b.build_sdist(sys.argv[1])"
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary) / "source"
        if listed.returncode:
            left_out = shutil.ignore_patterns(
                ".venv", ".cache", "dist", "build", "__pycache__", ".*_cache"
            )
            shutil.copytree(REPOSITORY, source, ignore=left_out)
        for name in os.fsdecode(listed.stdout).split("\0"):
            if (REPOSITORY / name).is_file():
                (source / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(REPOSITORY / name, source / name)
        words = [sys.executable, "-c", build, str(folder)]
        subprocess.run(words, cwd=source, stdout=subprocess.DEVNULL, check=True)


def sums(folder: Path) -> str:
    """Return the digests of all files in a folder, as sha256sum -c reads them."""
    found = sorted(path for path in folder.iterdir() if path.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in found]
    return "".join(lines)


def main(word: str) -> int:
    """Do what the word says; returns the exit code."""
    folder = REPOSITORY / "dist"
    if word == "check":
        found = list(problems(REPOSITORY))
        for problem in found:
            print(f"release: {problem}", file=sys.stderr)
        return 1 if found else 0
    if word == "sdist":
        sdist(folder)
        return 0
    (folder / "SHA256SUMS").write_text(sums(folder))
    print(folder / "SHA256SUMS")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
