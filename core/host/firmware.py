"""What firmware starts: the boot entries of UEFI, and whether it was firmware that started this."""

from __future__ import annotations

import struct
from pathlib import Path

from warmboot.core.host.files import read_bytes, read_int
from warmboot.core.values import dataclass

GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
VARIABLES = "sys/firmware/efi/efivars"
_LIMIT = 4096
_KEXEC = 0xD  # type_of_loader >> 4; Documentation/arch/x86/boot.rst


@dataclass(frozen=True)
class Firmware:
    """The boot entries of UEFI by their numbers; None where there is no such variable.

    Source: UEFI specification, 3.1 and 3.3. `efi`: the kernel sees UEFI's variables. `kexec`: this
    kernel was started by another one, so that what the boot loader told is about that one; None
    where the kernel does not say (outside x86).
    """

    efi: bool
    current: int | None = None
    next: int | None = None
    order: tuple[int, ...] = ()
    kexec: bool | None = None

    @property
    def first(self) -> int | None:
        """The boot entry that firmware tries first, the next time."""
        return self.next if self.next is not None else next(iter(self.order), None)


def read_firmware(prefix: Path) -> Firmware:
    """Read it below `prefix` (``/`` for this machine)."""

    def numbers(name: str) -> tuple[int, ...]:
        raw = (read_bytes(prefix / VARIABLES / f"{name}-{GLOBAL}", _LIMIT) or b"")[4:]
        return struct.unpack(f"<{len(raw) // 2}H", raw[: len(raw) // 2 * 2])

    kind = read_int(prefix / "proc/sys/kernel/bootloader_type")
    return Firmware(
        efi=(prefix / VARIABLES).is_dir(),
        current=next(iter(numbers("BootCurrent")), None),
        next=next(iter(numbers("BootNext")), None),
        order=numbers("BootOrder"),
        kexec=None if kind is None else kind >> 4 == _KEXEC,
    )
