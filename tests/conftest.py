"""What every test may need: real images, machines, commands, and no skip that nobody notices."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, settings
from support.command import Call, caller
from support.tools import DATA

from warmboot.core.sandbox.tree import create_sandbox

pytest_plugins = ("pytester",)

# No example is too slow: the machine may be.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def image_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Find a real image by name: in $WARMBOOT_TEST_IMAGES, then in tests/data."""
    folder = tmp_path_factory.mktemp("images")

    def find(name: str) -> Path:
        outside = os.environ.get("WARMBOOT_TEST_IMAGES")
        if outside and Path(outside, name).is_file():
            return Path(outside, name)
        if (DATA / name).is_file():
            return DATA / name
        packed, unpacked = DATA / f"{name}.zst", folder / name
        if packed.is_file():
            if not unpacked.exists():
                unpacked.parent.mkdir(exist_ok=True)
                with packed.open("rb") as source, unpacked.open("wb") as target:
                    zstandard.ZstdDecompressor().copy_stream(source, target)
            return unpacked
        pytest.skip(f"needs the image {name} in $WARMBOOT_TEST_IMAGES")

    return find


@pytest.fixture(scope="session")
def pristine_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sandbox as ``warmboot sandbox`` makes it; nobody writes to it."""
    path = tmp_path_factory.mktemp("machines") / "sandbox"
    create_sandbox(path)
    return path


@pytest.fixture
def sandbox(pristine_sandbox: Path, tmp_path: Path) -> Path:
    """A sandbox of its own for each test."""
    target = tmp_path / "machine"
    shutil.copytree(pristine_sandbox, target, symlinks=True, copy_function=shutil.copyfile)
    return target


@pytest.fixture
def root(sandbox: Path) -> Path:
    """The boot root that `call` works on; a module that wants another one has its own `root`."""
    return sandbox


@pytest.fixture
def call(root: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command with --json on `root`; return its exit code and its answer."""
    return caller(capsys, root)


def _forbid_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """With WARMBOOT_CI=1 make a skip a failure: CI has every tool and file."""
    if report.skipped and os.environ.get("WARMBOOT_CI") == "1" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {reason}"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Judge what a test skipped, after pytest marked expected failures."""
    report = yield
    _forbid_skip(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Judge a module that skipped itself as a whole, as ``importorskip`` does."""
    report = yield
    _forbid_skip(report)
    return report
