"""What the header of a LUKS volume says: how it is encrypted, and what opens it; root only.

Source: the LUKS2 On-Disk Format Specification, and that of LUKS1, sections on headers.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from warmboot.core.expression import expression
from warmboot.core.host.files import read_bytes

_HEADER = 64 << 10
_LUKS1, _LUKS2 = b"LUKS\xba\xbe\x00\x01", b"LUKS\xba\xbe\x00\x02"
_SPEC = expression(rb'"encryption":"([a-z0-9_,:-]{1,64})"')
_NAME = expression(r"[a-z][a-z0-9_]{1,30}")
#: Parts of a specification that are no algorithm: modes and initial values of dm-crypt's own.
_OWN = frozenset(("plain", "plain64", "plain64be", "benbi", "null", "cipher_null", "random", "lmk"))


def read_luks_header(prefix: Path, device: str) -> bytes | None:
    """Return the first bytes of a LUKS volume; None where it cannot be read, or is none."""
    header = read_bytes(prefix / "dev" / device, _HEADER)
    return header if header is not None and header.startswith((_LUKS1, _LUKS2)) else None


def opened_by_token(header: bytes) -> bool:
    """Whether a TPM or Tang opens a volume; LUKS1 has no tokens in its header."""
    return b'"systemd-tpm2"' in header or b'"clevis"' in header


def algorithms(header: bytes) -> tuple[str, ...]:
    """Return the names of the algorithms that a volume and its keys are encrypted by."""
    if header.startswith(_LUKS1):
        fields = (header[at : at + 32].split(b"\0")[0] for at in (8, 40))
        specs = [b"-".join(fields)]
    else:
        specs = _SPEC.findall(header)
    names = (name for spec in specs for name in _names(spec.decode("ascii", "replace")))
    return tuple(dict.fromkeys(names))


def _names(spec: str) -> Iterator[str]:
    """Yield the algorithms of a specification as dm-crypt takes it: ``aes-cbc-essiv:sha256``."""
    for part in spec.replace(":", "-").replace(",", "-").split("-"):
        if _NAME.fullmatch(part) and part not in _OWN:
            yield part
