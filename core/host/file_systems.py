"""What udev found on block devices when it last looked: its records below /run/udev/data."""

from __future__ import annotations

from pathlib import Path

from warmboot.core.expression import expression
from warmboot.core.host.files import read_text
from warmboot.core.values import NamedTuple

_RECORD = 1 << 14
_NAME = expression(r"[A-Za-z0-9_!-]{1,64}")
_TYPE = expression(r"[A-Za-z0-9_]{1,32}")


class Content(NamedTuple):
    """What is on a block device. `number` is its ``MAJOR:MINOR``, `type` what blkid(8) calls it and
    `label` its label; "" where there is none."""

    number: str
    type: str
    label: str


def content_of(prefix: Path, name: str) -> Content | None:
    """Return what is on the block device called so; None where there is no such device."""
    number = (
        read_text(prefix / "sys/class/block" / name / "dev", 64) if _NAME.fullmatch(name) else None
    )
    if number is None:
        return None
    lines = (read_text(prefix / "run/udev/data" / f"b{number}", _RECORD) or "").splitlines()
    found = dict(line[2:].partition("=")[::2] for line in lines if line.startswith("E:"))
    kind = found.get("ID_FS_TYPE", "")
    return Content(number, kind if _TYPE.fullmatch(kind) else "", found.get("ID_FS_LABEL", ""))
