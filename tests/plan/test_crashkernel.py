"""crashkernel= as the kernel reads it; tests/e2e/test_crashkernel.py asks a real one."""

from __future__ import annotations

import pytest

from warmboot.core.plan.checks.crashkernel import Malformed, Reserved, memparse, reserve

M, G = 1 << 20, 1 << 30


@pytest.mark.parametrize(
    ("value", "memory", "size"),
    [
        ("64M@16M", 4 * G, 64 * M),
        ("256M@0", 4 * G, 256 * M),
        ("256M", 4 * G, 256 * M),
        ("0x10000000", 4 * G, 256 * M),
        ("512M-2G:64M,2G-:128M", 256 * M, 0),
        ("512M-2G:64M,2G-:128M", G, 64 * M),
        ("512M-2G:64M,2G-:128M", 2 * G, 128 * M),
        ("512M-2G:64M,2G-:128M", 2 * G - 4096, 128 * M),
    ],
)
def test_the_examples_of_the_kernel_s_documentation(value: str, memory: int, size: int) -> None:
    assert reserve([value], memory) == Reserved(size)


def test_suffixes() -> None:
    assert reserve(["256M,high"], 8 * G) == Reserved(256 * M)
    assert reserve(["256M,high", "72M,low"], 8 * G) == Reserved(256 * M, 72 * M)
    assert reserve(["256M,high", "0,low"], 8 * G) == Reserved(256 * M, 0)
    assert reserve(["256M,high", "128M"], 8 * G) == Reserved(128 * M)
    assert "only beside" in (reserve(["72M,low"], 8 * G).problem or "")
    assert reserve(["128M", "64M,cma"], 8 * G) == Reserved(128 * M)


@pytest.mark.parametrize(
    "value", ["auto", "", "M", "2G-1G:64M", "1G-1G:64M", "1G:64M", "1G-2G64M:", "64Mx", "64M,other"]
)
def test_what_the_kernel_does_not_understand_keeps_nothing(value: str) -> None:
    found = reserve([value], 4 * G)
    assert found.size == 0
    assert found.problem


def test_the_last_one_wins_and_nothing_is_no_problem() -> None:
    assert reserve(["bad", "64M"], 4 * G) == Reserved(64 * M)
    assert reserve(["64M", "bad"], 4 * G).problem
    assert reserve([], 4 * G) == Reserved(0)
    assert reserve(["4G-:64M"], None) == Reserved(0, known=False)


def test_sizes() -> None:
    assert memparse("1e") == (1 << 60, "")
    assert memparse("0x1fK,") == (0x1F << 10, ",")
    assert memparse("0189") == (1, "89")
    with pytest.raises(Malformed):
        memparse("K")
