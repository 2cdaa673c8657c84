"""A release says what is not as it must be, and its source archive has all that the tests need."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.archives import unpack
from support.sources import source_files

ROOT = Path(__file__).parent.parent.parent
FILES = ("core/version.py", "ansible/galaxy.yml", "CHANGELOG.md", "install/release.py")
#: Some of each kind: the repository's shape, files of test data, generated manual pages, a command.
PART = (
    *(
        "tests/project/test_repository.py::test_the_installation_is_this_source_tree",
        "tests/images/test_formats.py",
    ),
    *("tests/test_configfile.py", "tests/boot/test_cmdline.py"),
)

MAKE = """
import pathlib, runpy, sys
runpy.run_path(sys.argv[1])["sdist"](pathlib.Path(sys.argv[2]))
"""


def ran(*words: str | Path, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder; returns how it ended and what it said."""
    return subprocess.run(
        list(map(str, words)), cwd=folder, capture_output=True, text=True, check=False
    )


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=x", "-c", "user.email=x@localhost"]
    subprocess.run(["git", "-C", folder, *who, *words], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository that may be released, with the files that a release looks at."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    git(tmp_path, "init", "-q")
    commit(tmp_path)
    return tmp_path


def commit(repository: Path) -> None:
    """Commit everything, and tag it as a release of 0.2.0 is."""
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "--allow-empty", "-m", "x")
    git(repository, "tag", "-f", "-a", "v0.2.0", "-m", "x")


def check(repository: Path) -> str:
    """Return what the check says; "" where nothing stands against a release."""
    done = ran(sys.executable, repository / "install/release.py", "check")
    assert done.returncode == bool(done.stderr)
    return done.stderr


def test_the_versions_of_the_tree_agree(repository: Path) -> None:
    assert check(repository) == ""


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("ansible/galaxy.yml", "version: 0.2.0", "version: 0.3.0", "ansible/galaxy.yml 0.3.0"),
        ("CHANGELOG.md", "## 0.2.0 -", "## Unreleased\n\n## 0.2.0 -", "CHANGELOG.md is Unreleased"),
        ("CHANGELOG.md", "## 0.2.0 - ", "## 0.2.0\n", "does not say when 0.2.0 is released"),
        ("core/version.py", '"0.2.0"', '"0.2.1"', "no tag v0.2.1"),
    ],
)
def test_what_does_not_agree_is_said(
    repository: Path, name: str, old: str, new: str, said: str
) -> None:
    path = repository / name
    changed = path.read_text().replace(old, new, 1)
    assert changed != path.read_text()
    path.write_text(changed)
    assert "not committed" in check(repository)
    commit(repository)
    told = check(repository)
    assert said in told
    assert "not committed" not in told


def test_a_commit_behind_the_tag_is_no_release(repository: Path) -> None:
    git(repository, "commit", "-q", "--allow-empty", "-m", "y")
    assert "no tag v0.2.0" in check(repository)


@pytest.mark.timeout(900)
def test_tests_run_from_the_source_archive(tmp_path: Path) -> None:
    """It has all that is here, and is made without a warning."""
    script = ROOT / "install/release.py"
    done = ran(sys.executable, "-c", MAKE, script, tmp_path / "dist")
    assert (done.returncode, done.stderr) == (0, "")
    (archive,) = (tmp_path / "dist").glob("*.tar.gz")
    unpack(archive, tmp_path / "unpacked")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    files = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}
    assert source_files() - files == set()
    suite = ran(Path(sys.executable).parent / "pytest", "-q", "-n0", *PART, folder=unpacked)
    assert suite.returncode == 0, suite.stdout[-4000:]
