"""An initrd in JSON: the archives in it."""

from __future__ import annotations

from warmboot.core.hints import Annotated, TypedDict
from warmboot.core.images import Method
from warmboot.core.payload.archives import Initrd, Segment


class SegmentFields(TypedDict):
    """One archive of an initrd."""

    offset: Annotated[int, "where it begins in the file"]
    size: Annotated[int | None, "its bytes there; null where its end was not looked for"]
    method: Annotated[Method | None, "how it is compressed; null where it is not"]
    unpacked: Annotated[int, "bytes that were unpacked"]
    members: Annotated[int, "how many files were seen"]
    names: Annotated[list[str], "the first of them"]
    releases: Annotated[list[str], "the kernels that it has modules for"]
    microcode: Annotated[bool, "whether it holds microcode for the processor"]
    complete: Annotated[bool, "whether it was read to its end"]
    problem: Annotated[str | None, "why the kernel would lack files of it; null where it would not"]
    needs: Annotated[list[str], "build options that the kernel needs to unpack it"]
    warnings: Annotated[list[str], "what the kernel does not mind"]


class InitrdFields(TypedDict):
    """An initrd."""

    size: Annotated[int, "bytes of the file"]
    segments: Annotated[list[SegmentFields], "its archives, in the order of the file"]
    releases: Annotated[list[str], "the kernels that it has modules for"]
    problem: Annotated[str | None, "why the kernel would lack files of it; null where it would not"]
    unknown: Annotated[bool, "whether nothing in it has a form that the kernel knows"]
    needs: Annotated[list[str], "build options that the kernel needs to unpack it"]
    warnings: Annotated[list[str], "what else there is to say of it"]


def initrd_fields(initrd: Initrd) -> InitrdFields:
    """Return an initrd as answers hold it."""
    return {
        "size": initrd.size,
        "segments": [_segment(segment) for segment in initrd.segments],
        "releases": list(initrd.releases),
        "problem": initrd.problem,
        "unknown": initrd.unknown,
        "needs": list(initrd.needs),
        "warnings": list(initrd.warnings),
    }


def _segment(segment: Segment) -> SegmentFields:
    return {
        "offset": segment.offset,
        "size": segment.size,
        "method": segment.method,
        "unpacked": segment.unpacked,
        "members": segment.members,
        "names": list(segment.names),
        "releases": list(segment.releases),
        "microcode": segment.microcode,
        "complete": segment.complete,
        "problem": segment.problem,
        "needs": list(segment.needs),
        "warnings": list(segment.warnings),
    }
