"""Device trees of other boards, given with --dtb."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.machines import make_sandbox

from warmboot.core.plan.checks.base import Verdict
from warmboot.core.plan.request import PlanRequest
from warmboot.core.sandbox.builders.devicetree import build_tree
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.session import open_session

RUNNING = b"a,board-2\0a,board\0a,chip\0"


@pytest.mark.parametrize(
    ("compatible", "verdict", "text"),
    [
        (RUNNING, Verdict.PASS, "is for a,board-2, as is this machine"),
        (b"a,board\0a,chip\0", Verdict.PASS, "is for a,board, as is this machine"),
        (b"a,new\0a,board-2\0", Verdict.PASS, "is for a,new, as is this machine"),
        (b"b,other\0a,chip\0", Verdict.WARN, "this machine is a,board-2, both with a,chip"),
        (b"b,\x1b[1mother\0", Verdict.FAIL, r"is for b,\x1b[1mother"),
        (b"b,other\0b,chip\0", Verdict.FAIL, "is for b,other, this machine is a,board-2"),
        (b"", None, ""),
    ],
)
def test_another_board_s_tree_is_told_before_it_is_staged(
    compatible: bytes, verdict: Verdict | None, text: str, tmp_path: Path
) -> None:
    make_sandbox(tmp_path)
    place = tmp_path / "sys/firmware/devicetree/base/compatible"
    place.parent.mkdir(parents=True)
    place.write_bytes(RUNNING)
    kernel, tree = tmp_path / "k", tmp_path / "x.dtb"
    kernel.write_bytes(build_arm64_image("6.12.1-arm64", body_size=60_000))
    tree.write_bytes(build_tree({"compatible": compatible}))
    request = PlanRequest(kernel=str(kernel), devicetree=str(tree))
    with open_session(tmp_path).plan(request) as opened:
        found = {finding.check: finding for finding in opened.plan.findings}
    if verdict is None:
        assert "board" not in found
        return
    assert found["board"].verdict is verdict
    assert text in found["board"].text
    assert found["board"].text.isprintable()
