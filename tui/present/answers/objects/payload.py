"""What reading the whole of an image tells, in JSON: the payload, and the signatures."""

from __future__ import annotations

from warmboot.core.hints import Annotated, TypedDict
from warmboot.core.images import Method
from warmboot.core.images.authenticode import Signature
from warmboot.core.payload.unpack import Payload
from warmboot.tui.present.answers.objects.image import ImageFields, image_fields


class PayloadFields(TypedDict):
    """The kernel inside an image."""

    method: Annotated[Method | None, "how it was compressed; null where it was not"]
    size: Annotated[int, "its bytes, unpacked"]
    sha256: Annotated[str, "SHA-256 of all of it, in hex"]
    release: Annotated[str | None, "the kernel's release; null where none was found in it"]
    banner: Annotated[str | None, "the kernel's version line; null where none was found in it"]
    config: Annotated[
        str | None, "the build options it embeds, as text of a .config file; null without"
    ]
    image: Annotated[ImageFields | None, "what it is; null where it is of no known format"]
    unverified: Annotated[str | None, "why a check could not be made; null where all were"]


class SignatureFields(TypedDict):
    """An Authenticode signature. It says nothing of whether the signer is trusted."""

    signer: Annotated[str, "name in the signer's certificate"]
    issuer: Annotated[str, "name of who issued that"]
    algorithm: Annotated[str, "algorithm of the digest"]
    digest: Annotated[str, "the digest that was signed, in hex"]
    matches: Annotated[
        bool | None, "whether the file still has that digest; null where that cannot be told"
    ]


def payload_fields(payload: Payload) -> PayloadFields:
    """Return the kernel inside an image as answers hold it."""
    return {
        "method": payload.method,
        "size": payload.size,
        "sha256": payload.sha256,
        "release": payload.release,
        "banner": payload.banner,
        "config": payload.config,
        "image": image_fields(payload.image) if payload.image is not None else None,
        "unverified": payload.unverified,
    }


def signature_fields(signature: Signature) -> SignatureFields:
    """Return a signature as answers hold it."""
    return {
        "signer": signature.signer,
        "issuer": signature.issuer,
        "algorithm": signature.algorithm,
        "digest": signature.digest,
        "matches": signature.matches,
    }
