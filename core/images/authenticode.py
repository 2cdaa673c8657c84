"""Authenticode signatures of PE files: who signed, what digest, and does it match the file.

A match says that the file is what was signed, not that the signer is trusted: that is for the
kernel or the firmware to say. Sources: Windows Authenticode Portable Executable Signature Format;
RFC 5652 (parsed by asn1crypto).
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Collection, Iterable, Iterator

from warmboot.core.errors import ImageError
from warmboot.core.hints import TYPE_CHECKING, Any, ClassVar
from warmboot.core.images.appended import appended_signature
from warmboot.core.images.model import Fact
from warmboot.core.images.pe import PeHeaders, parse_headers
from warmboot.core.images.view import View
from warmboot.core.text import printable
from warmboot.core.values import dataclass

if TYPE_CHECKING:
    from warmboot.core.progress import Cancel

_PKCS_SIGNED_DATA = 2
_MAX_TABLE = 1 << 20
_MAX_SIGNATURES = 16
_CHUNK = 1 << 20
_DIGESTS = ("sha1", "sha256", "sha384", "sha512")


@dataclass(frozen=True)
class Signature:
    """One signature. `signer` and `issuer` are the certificate's names, `digest` is hexadecimal.

    `matches` is whether the file has this digest now; None where the algorithm is unknown, or the
    signature is not Authenticode's but appended as a module's.
    """

    signer: str
    issuer: str
    algorithm: str
    digest: str
    matches: bool | None


def signatures_of(view: View, cancel: Cancel | None = None) -> tuple[Signature, ...]:
    """Return the signatures of a file, () where it is unsigned; raises ImageError, Cancelled."""
    appended = appended_signature(view)
    if appended is not None:
        signer = appended.signer or "not stated"
        return (Signature(signer, "", appended.algorithm or "module-style", "", None),)
    if view.head(2) != b"MZ":
        return ()
    try:
        headers = parse_headers(view)
    except ImageError:
        return ()
    return read_signatures(view, headers, cancel)


def describe_signature(signature: Signature) -> Fact:
    """Return a signature as a line for a person."""
    verdict = {
        True: "fits this file",
        False: "does NOT fit this file: it was changed after it was signed",
        None: "of a kind that cannot be checked here",
    }[signature.matches]
    if not signature.digest:
        verdict = "appended as a kernel module's; it is not checked here"
    return Fact("Signature", f"by {signature.signer} ({signature.algorithm}), {verdict}")


def read_signatures(
    view: View, headers: PeHeaders, cancel: Cancel | None = None
) -> tuple[Signature, ...]:
    """Return the signatures of a PE file; () where it is unsigned.

    Hashes the whole file, holes too. Raises ImageError where the certificate table is broken,
    Cancelled.
    """
    table = headers.certificates[0]
    parsed = [_parse(content, table) for content in read_contents(view, headers)]
    wanted = {algorithm for _, _, algorithm, _ in parsed if algorithm in _DIGESTS}
    digests = image_digests(view, headers, wanted, cancel) if wanted else {}
    return tuple(
        Signature(
            *(signer, issuer, algorithm, digest),
            digests[algorithm] == digest if algorithm in digests else None,
        )
        for signer, issuer, algorithm, digest in parsed
    )


def image_digest(view: View, headers: PeHeaders, algorithm: str = "sha256") -> str:
    """Return the digest that signatures cover, in hexadecimal; see image_digests."""
    return image_digests(view, headers, (algorithm,))[algorithm]


def image_digests(
    view: View, headers: PeHeaders, algorithms: Iterable[str], cancel: Cancel | None = None
) -> dict[str, str]:
    """Return the digests that signatures cover, in hexadecimal, by algorithm; raises Cancelled.

    The file is read once. What counts is all of it but the checksum, the certificate table's
    directory entry, and the table itself; the file counts as padded to a multiple of eight bytes.
    """
    checksum = headers.offset + 24 + 64
    directory = headers.certificate_entry
    table, size = headers.certificates
    end = table if size else view.size
    digests = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
    for start, stop in ((0, checksum), (checksum + 4, directory), (directory + 8, end)):
        _feed(view, start, stop, digests.values(), cancel)
    if size:
        _feed(view, table + size, view.size, digests.values(), cancel)
    else:
        for digest in digests.values():
            digest.update(bytes(-view.size % 8))
    return {name: digest.hexdigest() for name, digest in digests.items()}


def _feed(
    view: View, start: int, stop: int, digests: Collection[Any], cancel: Cancel | None
) -> None:
    while start < stop:
        if cancel is not None:
            cancel.check()
        count = min(_CHUNK, stop - start)
        content = view.read(start, count, "signed content")
        for digest in digests:
            digest.update(content)
        start += count


def read_contents(view: View, headers: PeHeaders) -> Iterator[bytes]:
    """Yield the content of each PKCS#7 entry of the certificate table."""
    table, size = headers.certificates
    if size == 0:
        return
    if size > _MAX_TABLE or table < headers.headers_end:
        raise ImageError("The certificate table is out of place", offset=headers.certificate_entry)
    part = view.part(table, size, "certificate table")
    position = 0
    for _ in range(_MAX_SIGNATURES):
        if position + 8 > size:
            return
        length = part.u32(position, "certificate length")
        kind = part.u16(position + 6, "certificate type")
        if length < 8:
            raise ImageError(f"Invalid certificate size: {length} bytes", offset=table + position)
        content = part.read(position + 8, length - 8, "certificate")
        if kind == _PKCS_SIGNED_DATA:
            yield content
        position += -(-length // 8) * 8


@functools.cache
def _indirect_data() -> Any:
    """Return the class that reads what is signed; one only, for asn1crypto keeps each for ever."""
    from asn1crypto import algos, core  # only for signed files

    class DigestInfo(core.Sequence):  # type: ignore[misc]
        _fields: ClassVar = [("algorithm", algos.DigestAlgorithm), ("digest", core.OctetString)]

    class IndirectData(core.Sequence):  # type: ignore[misc]
        _fields: ClassVar = [("data", core.Any), ("message_digest", DigestInfo)]

    return IndirectData


def _parse(content: bytes, offset: int) -> tuple[str, str, str, str]:
    """Return signer, issuer, digest algorithm and digest of one PKCS#7 signature."""
    from asn1crypto import cms, parser

    try:
        signed = cms.ContentInfo.load(content)["content"]
        tagged = signed["encap_content_info"]["content"].dump()
        info = _indirect_data().load(parser.parse(tagged)[4])["message_digest"]
        serial = signed["signer_infos"][0]["sid"].chosen["serial_number"].native
        certificates = [choice.chosen for choice in signed["certificates"]]
        own = [c for c in certificates if c.serial_number == serial]
        signer, issuer = (
            (own[0].subject.human_friendly, own[0].issuer.human_friendly) if own else ("", "")
        )
        algorithm, digest = info["algorithm"]["algorithm"].native, info["digest"].native.hex()
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
        raise ImageError(
            f"The signature cannot be read: {printable(str(error), 200)}",
            offset=offset,
            hint="The signature is damaged; firmware and kernel will refuse it too.",
        ) from error
    return printable(signer or "not stated"), printable(issuer), str(algorithm), str(digest)
