"""What this process may do, and which images the kernel lets in."""

from __future__ import annotations

from pathlib import Path

from warmboot.core.host.files import read_bytes, read_text
from warmboot.core.values import dataclass

_CAP_SYS_BOOT = 22
_CAP_SYSLOG = 34
_EFI_GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
_POLICY_LIMIT = 256 << 10


@dataclass(frozen=True)
class Capabilities:
    """Capabilities of this process; see capabilities(7), /proc/PID/status in proc(5).

    `boot` is CAP_SYS_BOOT in effect; `boot_reachable` whether the bounding set still holds it
    (where not, even root of this container has no way to it); `syslog` CAP_SYSLOG in effect.
    """

    boot: bool
    boot_reachable: bool
    syslog: bool


def read_capabilities(status: str | None) -> Capabilities:
    """Return what the text of /proc/self/status says; no text means no capability."""
    sets = {"CapEff": 0, "CapBnd": -1}
    for line in (status or "").splitlines():
        name, _, value = line.partition(":")
        if name in sets:
            try:
                sets[name] = int(value.strip()[:32], 16)
            except ValueError:
                sets[name] = 0
    effective, bounding = sets["CapEff"], sets["CapBnd"]
    return Capabilities(
        boot=bool(effective >> _CAP_SYS_BOOT & 1),
        boot_reachable=bool(bounding >> _CAP_SYS_BOOT & 1),
        syslog=bool(effective >> _CAP_SYSLOG & 1),
    )


def read_lockdown(sys: Path) -> str | None:
    """Return the word in brackets of /sys/kernel/security/lockdown; None without lockdown."""
    text = read_text(sys / "kernel/security/lockdown", 256)
    for word in (text or "").split():
        if word.startswith("[") and word.endswith("]"):
            return word[1:-1]
    return None


def read_efi_flag(sys: Path, name: str) -> bool | None:
    """Read a firmware variable of one byte: four bytes of attributes, then the value.

    `name` is SecureBoot or SetupMode (UEFI specification, 3.3). None where there is no UEFI.
    """
    raw = read_bytes(sys / f"firmware/efi/efivars/{name}-{_EFI_GLOBAL}", 5)
    if raw is None:
        return None
    return len(raw) == 5 and raw[4] == 1


def read_ima_appraises(sys: Path) -> bool | None:
    """Whether IMA's policy requires a signature on every kernel that kexec loads.

    Source: Documentation/ABI/testing/ima_policy. None where the policy cannot be read (root only,
    and only with CONFIG_IMA_READ_POLICY).
    """
    text = read_text(sys / "kernel/security/ima/policy", _POLICY_LIMIT)
    if text is None:
        return None
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["appraise"] and "func=KEXEC_KERNEL_CHECK" in words:
            return True
    return False
