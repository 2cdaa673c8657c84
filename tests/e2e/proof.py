"""What the tests share: a boot with nonces made for it, and the proof that it was that boot."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field

from .guest import Guest


@dataclass(frozen=True)
class Nonces:
    """Two words of this run alone; an old transcript or another initrd cannot hold them."""

    cmdline: str = field(default_factory=lambda: secrets.token_hex(8))
    initrd: str = field(default_factory=lambda: secrets.token_hex(8))


@dataclass(frozen=True)
class SecondKernel:
    """What the started kernel printed about itself (guest/second-init)."""

    release: str
    cmdline: str


def second_kernel(guest: Guest, nonces: Nonces, seconds: float) -> SecondKernel:
    """Wait for the kernel that runs with both nonces; raises GuestError where none appears."""
    command_line = rf"(?:.* )?e2e={re.escape(nonces.cmdline)}(?: .*)?"
    said = guest.wait_for(
        rf"^e2e: second kernel (\S+) initrd={re.escape(nonces.initrd)} "
        rf"cmdline=({command_line}) :end$",
        seconds,
    )
    return SecondKernel(said[1], said[2])
