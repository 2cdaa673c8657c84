"""The fuzzer runs, and finds a fault where there is one."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

TARGET = Path(__file__).parent.parent / "fuzz/target.py"
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None,
    reason="needs the package atheris, which has no wheel for this Python (from 3.14 on)",
)
# A busy machine may stop any input for two seconds: here only a real hang counts.
OPTIONS = ("-print_final_stats=1", "-timeout=60")


def fuzz(folder: Path, seconds: int, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / ".cache").mkdir()
    return subprocess.run(
        [sys.executable, str(TARGET), f"-max_total_time={seconds}", *OPTIONS],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )


def test_a_short_run_finds_nothing(tmp_path: Path) -> None:
    result = fuzz(tmp_path, 10)
    assert result.returncode == 0, result.stderr[-2000:]
    assert "stat::number_of_executed_units" in result.stderr
    assert len(list((tmp_path / ".cache/fuzz").iterdir())) > 20


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        ("1", "IndexError: planted"),
        ("backtracking", "TooExpensive"),
        ("bomb", "TooExpensive"),
        ("blank", "a sound menu is refused"),
    ],
)
def test_a_planted_fault_is_found(tmp_path: Path, plant: str, found: str) -> None:
    result = fuzz(tmp_path, 120, WARMBOOT_FUZZ_PLANT=plant)
    assert result.returncode != 0
    said = result.stdout + result.stderr
    assert found in said or "out-of-memory" in said, said[-2000:]
    assert [*(tmp_path / ".cache").glob("crash-*"), *(tmp_path / ".cache").glob("oom-*")]
