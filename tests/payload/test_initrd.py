"""What initrds hold is read as the kernel would unpack them, in bounds, whatever the bytes."""

from __future__ import annotations

import resource
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import initrds
from support.tools import needs_tool

from warmboot.core.errors import Cancelled
from warmboot.core.images import BytesView, Method
from warmboot.core.payload.archives import Initrd
from warmboot.core.payload.cpio_writer import Node, build_cpio, link
from warmboot.core.payload.initrd import is_initrd, mismatch, read_initrd
from warmboot.core.progress import Cancel
from warmboot.core.sandbox.builders.compress import compress
from warmboot.core.sandbox.builders.initrd import build_initrd, build_microcode

RELEASE = "6.12.57-amd64"
FILES: dict[str, bytes | Node] = {
    "init": b"#!/bin/sh\n",
    "lib": link("usr/lib"),
    f"usr/lib/modules/{RELEASE}/modules.dep": b"",
    f"usr/lib/modules/{RELEASE}/kernel/fs/ext4.ko": bytes(70_001),
    "usr/lib/modprobe.d/x.conf": b"",
}
METHODS = [method.value for method in Method]


def read(data: bytes, **options: bool | int) -> Initrd:
    return read_initrd(BytesView(data), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", [None, *METHODS])
def test_early_microcode_and_a_main_archive(method: str | None) -> None:
    early = build_microcode({"intel": b"m" * 2000, "amd": b"a"})
    data = build_initrd(FILES, method=method, microcode={"intel": b"m" * 2000, "amd": b"a"})
    initrd = read(data)
    assert initrd.problem is None
    first, main = initrd.segments
    assert (first.offset, first.method, first.microcode) == (0, None, True)
    assert first.names[-2:] == (
        "kernel/x86/microcode/AuthenticAMD.bin",
        "kernel/x86/microcode/GenuineIntel.bin",
    )
    assert main.offset == len(early)
    assert main.method == (Method(method) if method else None)
    assert main.members == 12
    assert main.names[0] == "init"
    assert main.complete
    assert initrd.releases == (RELEASE,)
    assert main.unpacked == (len(build_cpio(FILES)) if method else 0)


@pytest.mark.parametrize("method", METHODS)
def test_archives_behind_a_compressed_one_are_found(method: str) -> None:
    packed = build_initrd(FILES, method=method)
    padded = packed + bytes(4 + -len(packed) % 4)  # an lz4 stream ends with four zeros
    more = build_initrd({"usr/lib/modules/7.0.0/x.ko": b"x"}, method="gzip")
    initrd = read(padded + more + bytes(512))
    assert initrd.problem is None
    assert [part.offset for part in initrd.segments] == [0, len(padded)]
    assert initrd.segments[0].size == len(packed)
    assert initrd.releases == (RELEASE, "7.0.0")


def test_reading_stops_as_soon_as_the_kernel_is_known() -> None:
    files = {**FILES, **{f"zz/{number}": bytes(100_000) for number in range(40)}}
    initrd = read(build_initrd(files, method="gzip"), whole=False, head=3)
    assert initrd.releases == (RELEASE,)
    assert initrd.problem is None
    assert not initrd.segments[0].complete
    assert initrd.segments[0].unpacked < 1_000_000


def test_an_archive_that_is_not_the_kernel_s_is_told() -> None:
    initrd = read(build_initrd(FILES, method="zstd"))
    assert mismatch(initrd, RELEASE) is None
    assert mismatch(initrd, None) is None
    assert mismatch(initrd, "6.1.0") == (
        f"The initrd has modules for {RELEASE}, the kernel is 6.1.0"
    )
    assert mismatch(read(build_cpio({"init": b"x"})), "6.1.0") is None


def test_what_is_an_initrd() -> None:
    assert is_initrd(BytesView(build_cpio(FILES)))
    assert is_initrd(BytesView(build_initrd(FILES, method="zstd")))
    assert not is_initrd(BytesView(compress(b"no archive" * 99, "gzip")))
    assert not is_initrd(BytesView(b"\x1f\x8b\x08"))
    assert not is_initrd(BytesView(b""))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"hello", "most likely panic"),
        (b"", "it is empty"),
        (bytes(99), "only zeros"),
        (b"070707" + bytes(200), "cpio -H odc"),
        (b"\x27\x05\x19\x56" + bytes(60) + build_initrd(FILES), "U-Boot's header"),
        (build_cpio(FILES)[:3000], "in the middle of a file"),
        (build_initrd(FILES, method="gzip")[:-300], "truncated"),
        (b"\x1f\x8b\x08\0" + bytes(6) + b"\xff" * 99, "damaged"),
        (b"BZh9" + b"junk" * 9, "damaged"),
    ],
)
def test_damage_is_told_with_what_was_read_before(data: bytes, words: str) -> None:
    initrd = read(data)
    assert initrd.problem is not None
    assert words in initrd.problem


def test_what_the_kernel_does_not_mind_is_a_warning() -> None:
    initrd = read(build_cpio(FILES) + b"junk")
    assert initrd.problem is None
    assert "no archive that the kernel knows" in initrd.warnings[0]
    data = build_cpio(FILES)
    unmarked = data[: data.index(b"TRAILER!!!") - 110]
    initrd = read(unmarked)
    assert initrd.problem is None
    assert "no end mark" in initrd.warnings[0]


def test_build_options_that_the_kernel_needs() -> None:
    assert read(build_cpio(FILES)).needs == ()
    assert read(build_initrd(FILES, method="zstd")).needs == ("RD_ZSTD",)
    filtered = compress(build_cpio(FILES), "xz", branch_filter="x86")
    assert read(filtered).needs == ("RD_XZ", "XZ_DEC_X86")


INIT = b"#!" + bytes(99)


def test_every_kind_of_initrd_is_read() -> None:
    """What the kernel itself makes of these is compared in tests/e2e/test_initrd.py."""
    makers = [make for kind, make in initrds.KINDS.items() if kind != "large"]
    for name, case in (item for make in makers for item in make(INIT).items()):
        initrd = read(case.data)
        assert initrd.segments or initrd.problem, name
        assert not case.lost or initrd.warnings, name


def test_names_cannot_steer_a_terminal() -> None:
    initrd = read(build_cpio({"a\x1b[31mb": b""}))
    assert initrd.segments[0].names == ("a\\x1b[31mb",)


def test_a_bomb_costs_little_memory() -> None:
    bomb = compress(build_cpio({"x": bytes(64 << 20)}), "zstd")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    initrd = read(bomb, limit=16 << 20)
    assert "more than" in initrd.warnings[0]
    assert not initrd.segments[0].complete
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


def test_it_can_be_stopped() -> None:
    cancel = Cancel()
    cancel.cancel()
    with pytest.raises(Cancelled):
        read_initrd(BytesView(build_initrd(FILES, method="gzip")), cancel=cancel)


def test_the_same_as_cpio_itself_lists(tmp_path: Path) -> None:
    tool = needs_tool("cpio")
    for name in ("bin/sh", "lib/modules/6.9/a.ko", "init"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode() * 99)
    names = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    result = subprocess.run(
        [tool, "-o", "-H", "newc", "--quiet"],
        input="\n".join(names).encode(),
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    initrd = read(result.stdout)
    assert list(initrd.segments[0].names) == names
    assert initrd.releases == ("6.9",)
    assert initrd.problem is None


SEED = build_initrd(FILES, method="gzip", microcode={"amd": b"x"}) + build_cpio(FILES)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 3000), st.binary(min_size=1, max_size=120), st.booleans())
def test_mutated_initrds(offset: int, junk: bytes, plain: bool) -> None:
    data = bytearray(build_cpio(FILES) if plain else SEED)
    data[offset : offset + len(junk)] = junk
    initrd = read(bytes(data), limit=4 << 20)
    assert all(fact.value.isprintable() for fact in initrd.describe())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=3000))
def test_any_bytes_at_all(data: bytes) -> None:
    read(data)
    read(b"070701" + data)
