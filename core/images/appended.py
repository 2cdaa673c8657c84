"""A signature appended to a file, as kernel modules have it; kernels of ppc64le and s390x too.

Source: include/linux/module_signature.h.
"""

from __future__ import annotations

from warmboot.core.images.view import View
from warmboot.core.text import printable
from warmboot.core.values import NamedTuple

_MARK = b"~Module signature appended~\n"
_HEADER = 12  # algo, hash, id_type, signer_len, key_id_len, 3 bytes of padding, be32 sig_len
_PKCS7 = 2
_LIMIT = 1 << 20


class Appended(NamedTuple):
    """A signature of `size` bytes behind the content; `signer` as the certificate's issuer names
    it, `algorithm` that of the digest, each "" where it cannot be read."""

    size: int
    signer: str
    algorithm: str


def appended_signature(view: View) -> Appended | None:
    """Return the signature appended to a file, None without one. It is not checked."""
    end = view.size - len(_MARK)
    if end < _HEADER or view.read(end, len(_MARK), "end") != _MARK:
        return None
    header = view.read(end - _HEADER, _HEADER, "appended signature's header")
    size = int.from_bytes(header[8:12], "big")
    if not 0 < size <= min(_LIMIT, end - _HEADER):
        return Appended(0, "", "")
    if header[2] != _PKCS7:
        return Appended(size, "", "")
    content = view.read(end - _HEADER - size, size, "appended signature")
    return Appended(size, *_signer(content))


def _signer(content: bytes) -> tuple[str, str]:
    from asn1crypto import cms  # only for signed files

    try:
        info = cms.ContentInfo.load(content)["content"]["signer_infos"][0]
        issuer = info["sid"].chosen["issuer"].human_friendly
        algorithm = info["digest_algorithm"]["algorithm"].native
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
        return "", ""
    return printable(str(issuer), 200), printable(str(algorithm), 40)
