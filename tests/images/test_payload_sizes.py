"""A zboot header that is wrong about its payload's size is called wrong, not a want of memory."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from support.command import caller

from warmboot.core.errors import ExitCode, ImageError
from warmboot.core.images import BytesView, identify
from warmboot.core.images.zboot import Zboot
from warmboot.core.sandbox.builders.compress import METHODS
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.zboot import build_zboot
from warmboot.core.sandbox.tree import create_sandbox

KERNEL = build_arm64_image("6.12.1", body_size=300_000, bss=2 << 20)
LARGEST = 512 << 20
ZBOOT_METHODS = [method for method in METHODS if method != "bzip2"]


def with_size(image: bytes, change: int) -> bytes:
    out = bytearray(image)
    (size,) = struct.unpack_from("<I", out, 12)
    struct.pack_into("<I", out, 12, size + change)
    return bytes(out)


@pytest.mark.parametrize("method", ZBOOT_METHODS)
def test_no_wrong_size_is_taken_for_more_than_any_kernel_has(method: str) -> None:
    image = build_zboot(KERNEL, arch="arm64", method=method)
    for change in range(-300, 301):
        try:
            found = identify(BytesView(with_size(image, change)))
        except ImageError:
            continue
        assert isinstance(found, Zboot)
        assert found.stream is not None
        assert (found.stream.declared or 0) <= LARGEST
        # The le32 behind a stream may be counted; gzip has none.
        if change in (0, 4) and (change == 0 or method != "gzip"):
            assert found.stream.declared == len(KERNEL)


@pytest.mark.parametrize("dialect", ["v6", "v7", None])
@pytest.mark.parametrize("method", ZBOOT_METHODS)
def test_staging_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], method: str, dialect: str | None
) -> None:
    root, path = tmp_path / "machine", tmp_path / "image"
    create_sandbox(root, kexec_bpf=dialect)
    call = caller(capsys, root)
    image = build_zboot(KERNEL, arch="arm64", method=method)
    # One byte more may be padding, which decoders here step over, and the kernel's do not.
    by_kernel = dialect is not None and method not in ("lz4", "lzo")
    for change in [-4, -1, 0, 4, 8, *([1] if by_kernel else [])]:
        path.write_bytes(with_size(image, change))
        code, answer = call("stage", "--kernel", str(path), "--no-initrd", "--dry-run")
        sound = change == 0 or (change == 4 and method != "gzip")
        assert code == (ExitCode.OK if sound else ExitCode.BAD_IMAGE), (change, answer)
        if not sound:
            assert "memory" not in str(answer["error"]["message"])
