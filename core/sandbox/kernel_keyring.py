"""Whom a simulated kernel trusts: the certificates in a folder of its sandbox, and nobody else.

What a kernel checks is checked here (crypto/asymmetric_keys/verify_pefile.c, pkcs7_verify.c): the
image's digest, the digest of the signed attributes, and the RSA signature by an enrolled key.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator
from pathlib import Path

from warmboot.core.errors import ImageError
from warmboot.core.hints import Any
from warmboot.core.host import Host
from warmboot.core.host.security import read_ima_appraises
from warmboot.core.images import View, pe
from warmboot.core.images.authenticode import read_contents, read_signatures
from warmboot.core.plan.checks.policy import cannot_verify, memory_load_barred, signature_rule
from warmboot.core.sandbox.kernel_answer import KernelErrno

#: Certificates (PEM or DER) that the simulated kernel has in its keyring.
KEYRING = ".warmboot-kernel/keyring"

_LARGEST = 64 << 10
_MOST = 64
#: DER prefixes of DigestInfo (RFC 8017, section 9.2).
_PREFIXES = {
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}
_BROKEN = (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError)


def enforced(host: Host) -> bool:
    """Whether unsigned kernels are refused, whatever lockdown says."""
    rule = signature_rule(host, read_ima_appraises(host.prefix / "sys"))
    return rule is not None and rule.enforced and rule.refusal is None


def check_signature(view: View, host: Host) -> None:
    """kimage_validate_signature(): raise KernelErrno where this machine does not take the image.

    Signatures of IMA lie beside the file, and none is known here.
    """
    rule = signature_rule(host, read_ima_appraises(host.prefix / "sys"))
    if rule is None or not rule.enforced:
        return
    code = errno.EACCES
    if rule.in_file:
        code = errno.EKEYREJECTED if cannot_verify(host) else verify(view, host.prefix)
    if code:
        raise KernelErrno(code if rule.refusal is None else rule.refusal)


def check_memory_load(host: Host) -> None:
    """kexec_load_check(): raise KernelErrno where a kernel from memory is not taken."""
    barred = memory_load_barred(host, read_ima_appraises(host.prefix / "sys"))
    if barred is not None:
        raise KernelErrno(barred.refusal or errno.EPERM)


def verify(view: View, prefix: Path) -> int:
    """Return the errno of verifying a PE file against the sandbox's keyring, 0 for success."""
    try:
        headers = pe.parse_headers(view)
    except ImageError:
        return errno.ELIBBAD
    try:
        signatures = read_signatures(view, headers)
        contents = list(read_contents(view, headers))
    except ImageError:
        return errno.EBADMSG
    if not signatures:
        return errno.ENODATA if not headers.certificates[1] else errno.ENOKEY
    trusted = list(_keyring(prefix))
    code = errno.ENOKEY
    for signature, content in zip(signatures, contents, strict=True):
        if signature.matches is not True:
            code = errno.EKEYREJECTED
            continue
        found = _verify(content, trusted)
        if not found:
            return 0
        code = found if found != errno.ENOKEY else code
    return code


def _keyring(prefix: Path) -> Iterator[Any]:
    from asn1crypto import pem, x509  # only where signatures are enforced

    try:
        paths = sorted((prefix / KEYRING).iterdir())[:_MOST]
    except OSError:
        return
    for path in paths:
        try:
            with path.open("rb") as file:
                raw = file.read(_LARGEST)
            if pem.detect(raw):
                raw = pem.unarmor(raw)[2]
            certificate = x509.Certificate.load(raw)
            _ = certificate.serial_number, certificate.issuer.dump(), certificate.public_key.native
        except (OSError, ValueError, *_BROKEN):
            continue
        yield certificate


def _verify(content: bytes, trusted: list[Any]) -> int:
    """Check one PKCS#7 signature: by a trusted key, over its attributes and its content."""
    from asn1crypto import cms, core, parser

    try:
        signed = cms.ContentInfo.load(content)["content"]
        signer = signed["signer_infos"][0]
        sid = signer["sid"].chosen
        keys = [
            certificate.public_key
            for certificate in trusted
            if certificate.serial_number == sid["serial_number"].native
            and certificate.issuer.dump() == sid["issuer"].dump()
        ]
        if not keys:
            return errno.ENOKEY
        algorithm = signer["digest_algorithm"]["algorithm"].native
        if algorithm not in _PREFIXES or keys[0].algorithm != "rsa":
            return errno.ENOPKG
        attributes = {a["type"].native: a["values"] for a in signer["signed_attrs"]}
        tagged = signed["encap_content_info"]["content"].dump()
        body = parser.parse(parser.parse(tagged)[4])[4]
        if attributes["message_digest"][0].native != hashlib.new(algorithm, body).digest():
            return errno.EKEYREJECTED
        # What is signed is the attributes as a SET, whatever tag they carry in the message.
        covered = b"\x31" + signer["signed_attrs"].dump()[1:]
        number = core.OctetString(signer["signature"].native).native
        key = keys[0]["public_key"].parsed.native
    except _BROKEN:
        return errno.EBADMSG
    digest = hashlib.new(algorithm, covered).digest()
    return 0 if _rsa(number, key, _PREFIXES[algorithm] + digest) else errno.EKEYREJECTED


def _rsa(signature: bytes, key: dict[str, int], wanted: bytes) -> bool:
    """RSASSA-PKCS1-v1_5 (RFC 8017, section 8.2.2)."""
    modulus, exponent = key["modulus"], key["public_exponent"]
    size = (modulus.bit_length() + 7) // 8
    if not 128 <= size <= 1024 or not 1 < exponent < 1 << 32 or len(signature) != size:
        return False
    message = pow(int.from_bytes(signature, "big"), exponent, modulus).to_bytes(size, "big")
    return message == b"\0\1" + b"\xff" * (size - len(wanted) - 3) + b"\0" + wanted
