"""Block devices: encryption below the root, a hibernated image on swap, arrays that resync."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from warmboot.core.expression import expression
from warmboot.core.host.files import names, number, read_bytes, read_text
from warmboot.core.host.mounts import Mount
from warmboot.core.host.root_layers import Layer
from warmboot.core.host.root_stack import read_root_stack
from warmboot.core.values import dataclass

_SWAP_MAGIC = 10
_SWAPS = 64
_HIBERNATED = (b"S1SUSPEND\0", b"S2SUSPEND\0", b"ULSUSPEND\0", b"LINHIB0001")
_DEVICE = expression(r"[0-9]{1,7}:[0-9]{1,7}")


@dataclass(frozen=True)
class Encryption:
    """dm-crypt below the root file system. `tpm2`: the TPM opens it; None where unreadable."""

    name: str
    tpm2: bool | None


@dataclass(frozen=True)
class Hibernation:
    """`device` holds the image of a hibernated system, None where none was found.

    `resume` is the device set for resuming (``MAJOR:MINOR``), None where hibernation is not set
    up. `readable`: every swap device could be looked at.
    """

    device: str | None
    resume: str | None
    readable: bool


@dataclass(frozen=True)
class Resync:
    """A RAID array at work. `action` is the kernel's word (resync, recover, reshape, check)."""

    array: str
    action: str


def read_encryption(prefix: Path, mounts: tuple[Mount, ...]) -> Encryption | None:
    """Return the dm-crypt device that the root file system stands on, None where there is none.

    The uppermost one counts, wherever it is between the file system and the disks.
    """
    for volume in read_root_stack(prefix, mounts).volumes_of(Layer.CRYPT):
        return Encryption(volume.name, _opened_by_tpm(prefix, volume.name, volume.below))
    return None


def _opened_by_tpm(prefix: Path, name: str, below: Iterable[str]) -> bool | None:
    """Look for a TPM2 token in the LUKS2 header (root only), else for the option in crypttab."""
    from warmboot.core.host.luks import opened_by_token, read_luks_header

    for device in below:
        header = read_luks_header(prefix, device)
        if header is not None:
            return opened_by_token(header)
    for line in (read_text(prefix / "etc/crypttab", 1 << 16) or "").splitlines():
        words = line.split()
        if len(words) > 3 and words[0] == name and "tpm2-device=" in words[3]:
            return True
    return None


def read_hibernation(prefix: Path) -> Hibernation:
    """Look for the image of a hibernated system on every swap device; root only.

    Source: kernel/power/swap.c: the image's mark stands in the last ten bytes of the first page
    of swap, in place of ``SWAPSPACE2``.
    """
    page = os.sysconf("SC_PAGE_SIZE")
    resume = _resume_device(prefix)
    devices = [(f"dev/block/{resume}", _resume_offset(prefix) * page)] if resume else []
    lines = (read_text(prefix / "proc/swaps", 1 << 16) or "").splitlines()[1:_SWAPS]
    devices += [(line.split()[0].lstrip("/"), 0) for line in lines if line.startswith("/dev/")]
    readable = True
    for device, offset in devices:
        mark = read_bytes(prefix / device, _SWAP_MAGIC, offset + page - _SWAP_MAGIC)
        if mark in _HIBERNATED:
            return Hibernation("/" + device, resume, readable)
        readable = readable and mark is not None
    return Hibernation(None, resume, readable)


def _resume_device(prefix: Path) -> str | None:
    text = read_text(prefix / "sys/power/resume", 64) or ""
    return text if _DEVICE.fullmatch(text) and text != "0:0" else None


def _resume_offset(prefix: Path) -> int:
    value = number(read_text(prefix / "sys/power/resume_offset", 64) or "") or 0
    return value if 0 <= value < 1 << 48 else 0


def read_resyncs(prefix: Path) -> tuple[Resync, ...]:
    """Return the arrays whose /sys/block/md*/md/sync_action is not idle; see md(4)."""
    found = []
    for name in names(prefix / "sys/block"):
        if name.startswith("md"):
            action = read_text(prefix / "sys/block" / name / "md/sync_action", 64)
            if action not in (None, "", "idle", "frozen"):
                found.append(Resync(name, action or ""))
    return tuple(found)
