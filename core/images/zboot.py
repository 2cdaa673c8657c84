"""EFI zboot: a compressed kernel inside a small EFI program (vmlinuz.efi).

Source: drivers/firmware/efi/libstub/zboot-header.S.
"""

from __future__ import annotations

from warmboot.core.errors import ImageError
from warmboot.core.hints import ClassVar, Self
from warmboot.core.images.carried import CarriedParser, carried_parser
from warmboot.core.images.compression import detect_method, zboot_method
from warmboot.core.images.model import BootImage, Fact, Format, Method, Stream
from warmboot.core.images.pe import PeHeaders, describe_headers, parse_headers
from warmboot.core.images.view import View
from warmboot.core.text import size
from warmboot.core.values import dataclass

LINUX_PE_MAGIC = 0x818223CD
#: No kernel is larger, in bytes; kernels that unpack images themselves stop there too.
_LARGEST_KERNEL = 512 << 20


@dataclass(frozen=True, kw_only=True)
class Zboot(BootImage):
    """A zboot header: offsets and sizes in bytes from the start of the file."""

    format: ClassVar[Format] = Format.ZBOOT
    about: ClassVar[str] = "compressed kernel in an EFI program (vmlinuz.efi)"
    recognised_by: ClassVar[str] = "`MZ` at 0 and `zimg` at 4"

    payload_offset: int
    payload_size: int
    compression: str
    linux_magic: bool
    headers: PeHeaders

    carried: CarriedParser | None

    @property
    def has_parser(self) -> bool:
        """Whether the file carries a BPF parser for kernels with CONFIG_KEXEC_BPF."""
        return self.carried is not None

    @property
    def signed(self) -> bool:
        """Whether the file has a certificate table."""
        return self.headers.certificates[1] > 0

    @property
    def exact(self) -> bool:
        """Whether the payload's size in the header is that of the stream and no more."""
        return self.stream is not None and self.stream.size == self.payload_size

    @classmethod
    def matches(cls, head: bytes) -> bool:
        return head[:2] == b"MZ" and head[4:8] == b"zimg"

    @classmethod
    def parse(cls, view: View) -> Self:
        offset, count = payload_range(view)
        name = view.text(0x18, 0x20, "compression type")
        magic = view.u32(0x38, "Linux PE magic") == LINUX_PE_MAGIC
        payload = view.part(offset, count, "payload")
        headers = parse_headers(view)
        method = zboot_method(name)
        stream = None
        if method is not None:
            _check_claim(payload, method, name)
            stream = _stream(view, payload, method, offset, count)
        return cls(
            file_size=view.size,
            architecture=headers.architecture,
            memory_size=None if stream is None else stream.declared,
            stream=stream,
            payload_offset=offset,
            payload_size=count,
            compression=name,
            linux_magic=magic,
            headers=headers,
            carried=carried_parser(view),
        )

    def facts(self) -> tuple[Fact, ...]:
        known = "" if self.stream else " (unknown to warmboot)"
        return (
            Fact("Compression", (self.compression or "not stated") + known),
            Fact("Payload", f"{size(self.payload_size)} at {self.payload_offset:#x}"),
            Fact("BPF parser", "carried in .bpf" if self.has_parser else "none"),
            *describe_headers(self.headers),
        )


def payload_range(view: View) -> tuple[int, int]:
    """Return offset and size of the payload as the header states them, checked against the file."""
    view.read(0, 0x40, "zboot header")
    offset = view.u32(0x08, "payload offset")
    count = view.u32(0x0C, "payload size")
    if offset < 0x40 or count < 4:
        raise ImageError(
            f"Invalid payload: its {count} bytes at {offset:#x} overlap the header, or are empty",
            offset=0x08,
            hint="The zboot header is damaged. Install the image again.",
        )
    view.part(offset, count, "payload")
    return offset, count


def _check_claim(payload: View, method: Method, name: str) -> None:
    """Raise ImageError where the payload's own magic contradicts the header."""
    found = detect_method(payload.head(9))
    if found is not None and found is not method:
        raise ImageError(
            f"The header says {name}, but the payload is {found}",
            offset=payload.base,
            hint="The file is corrupt or was put together wrongly. Install it again.",
        )


def _stream(view: View, payload: View, method: Method, offset: int, count: int) -> Stream:
    """Return the payload's exact stream with the uncompressed size that stands beside it.

    gzip carries the size (modulo 2^32) in its last four bytes; behind every other stream the
    kernel build appends it as a le32 that the header's payload size leaves out.
    """
    if method is Method.GZIP:
        declared = payload.u32(count - 4, "gzip size")
        if not _plausible(declared, count):
            raise ImageError(
                f"The {count} bytes of the payload do not end in a gzip size ({declared} is none)",
                offset=0x0C,
                hint="The payload's size in the header is wrong, or the file is damaged. Install "
                "the image again.",
            )
        return Stream(method, offset, count, declared)
    behind = inside = 0
    if offset + count + 4 <= view.size:
        behind = view.u32(offset + count, "uncompressed size")
    if count > 8:
        inside = payload.u32(count - 4, "uncompressed size")
    if _plausible(behind, count):
        return Stream(method, offset, count, behind, trailer=4)
    if _plausible(inside, count):  # old builds count the size as payload
        return Stream(method, offset, count - 4, inside, trailer=4)
    return Stream(method, offset, count)


def _plausible(size: int, packed: int) -> bool:
    """Whether a number can be the size of what `packed` bytes unpack to."""
    return packed // 2 < size <= _LARGEST_KERNEL
