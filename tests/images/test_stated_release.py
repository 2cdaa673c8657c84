"""A release that is asked for by itself is the one that the whole header gives."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from warmboot.core.errors import ImageError
from warmboot.core.images import BytesView, View, identify
from warmboot.core.images.identify import stated_release
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.builders.elf import build_elf_kernel
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.uki import build_uki
from warmboot.core.sandbox.builders.zboot import build_zboot

KERNEL = build_bzimage("6.1.0-9-amd64", body_size=2048)
ARM64 = build_arm64_image("6.12", body_size=20_000)
IMAGES = {
    "bzImage": KERNEL,
    "Image": ARM64,
    "zboot": build_zboot(ARM64, arch="arm64", method="gzip"),
    "vmlinux": build_elf_kernel("x86-64", "6.12"),
    "UKI": build_uki(arch="x86-64", linux=KERNEL, cmdline="quiet", uname="6.1.7"),
    "UKI without .uname": build_uki(arch="x86-64", linux=KERNEL, cmdline="quiet"),
    "nothing": b"no image" * 100,
}


def told(read: Callable[[View], str | None], content: bytes) -> str | None:
    try:
        return read(BytesView(content))
    except ImageError as error:
        return f"error: {error.message}"


def whole(view: View) -> str | None:
    return identify(view).release


@pytest.mark.parametrize("name", IMAGES)
def test_it_is_what_the_header_gives(name: str) -> None:
    chance = random.Random(name)
    content = IMAGES[name]
    assert told(stated_release, content) == told(whole, content)
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(chance.randrange(1, 5)):
            damaged[chance.randrange(min(len(content), 0x400))] = chance.choice((0, 2, 255))
        cut = bytes(damaged[: chance.choice((len(content), chance.randrange(len(content))))])
        assert told(stated_release, cut) == told(whole, cut)
