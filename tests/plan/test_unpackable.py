"""What the new kernel can unpack: by its build options, its version, and its memory."""

from __future__ import annotations

import gzip
import itertools
import lzma
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from support.command import Call, caller
from support.files import put
from support.initrds import archive
from support.machines import make_machine, make_sandbox, plan

from warmboot.core.errors import ExitCode
from warmboot.core.host import read_host
from warmboot.core.images import BytesView, Method, Stream
from warmboot.core.images.compression import COMPRESSIONS
from warmboot.core.payload.codecs import kernel_refusal
from warmboot.core.plan.checks.base import Verdict
from warmboot.core.plan.unpackable import Room, lacks, read_room
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.builders.compress import compress
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.zboot import build_zboot

M = 1 << 20
K = 40 * M  # what a kernel takes
OPTIONS = [row.option for row in COMPRESSIONS] + ["XZ_DEC_X86", "XZ_DEC_ARM64", "XZ_DEC_RISCV"]
CAME = {"RD_ZSTD": (5, 9), "RD_LZ4": (3, 11), "XZ_DEC_ARM64": (6, 12), "XZ_DEC_RISCV": (6, 12)}


@pytest.mark.parametrize("option", OPTIONS)
def test_build_options_decide_and_a_version_warns(option: str) -> None:
    for value, taken in (("y", True), ("m", False), ("n", False), (None, False)):
        config = {"BLK_DEV_INITRD": "y"} | ({} if value is None else {option: value})
        found = list(lacks([option], config, "2.6.1"))
        assert [(one.certain, option in one.text) for one in found] == [(True, True)] * (not taken)
    for version in itertools.product((2, 3, 4, 5, 6), (0, 6, 8, 9, 10, 11, 12)):
        release = f"{version[0]}.{version[1]}.3-99-generic"
        doubted = version < CAME.get(option, (2, 6))
        assert [one.certain for one in lacks([option], None, release)] == [False] * doubted
    assert list(lacks([option], None, None)) == []


def test_a_kernel_without_initrds_takes_none() -> None:
    (found,) = lacks([], {"RD_GZIP": "y"}, None)
    assert found == (True, "The new kernel takes no initrd: it lacks CONFIG_BLK_DEV_INITRD")


@pytest.fixture
def call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    return caller(capsys, make_sandbox(tmp_path / "root"))


def config(*options: str) -> str:
    return "".join(f"CONFIG_{option}=y\n" for option in ("BLK_DEV_INITRD", *options))


@pytest.mark.parametrize("form", ["image", "zboot", "packed"])
def test_what_a_kernel_embeds_counts_where_no_file_says(
    tmp_path: Path, call: Call, form: str
) -> None:
    root = tmp_path / "root"
    initrd = put(root, "initrd", compress(archive(b"x", "a"), "zstd"))
    for options, fine in ((("RD_ZSTD",), True), (("RD_GZIP",), False), (None, True)):
        text = None if options is None else config(*options)
        image = build_arm64_image("9.9.9", body_size=60_000, ikconfig=text)
        if form == "zboot":
            image = build_zboot(image, arch="arm64", method="gzip")
        elif form == "packed":
            image = gzip.compress(image)
        kernel = put(root, f"kernel-{form}", image)
        code, answer = call("stage", "--kernel", str(kernel), "--initrd", str(initrd))
        assert code == (ExitCode.OK if fine else ExitCode.BAD_IMAGE), answer
        if not fine:
            assert "it lacks CONFIG_RD_ZSTD" in answer["error"]["message"]


def test_a_file_of_options_counts_before_anything_is_read(tmp_path: Path, call: Call) -> None:
    root = tmp_path / "root"
    put(root, "boot/config-9.9.9", config("RD_GZIP"))
    put(root, "boot/vmlinuz-9.9.9", build_arm64_image("9.9.9", body_size=60_000))
    put(root, "boot/initrd.img-9.9.9", compress(archive(b"x", "a"), "xz"))
    code, answer = call("stage", "vmlinuz-9.9.9")
    assert code == ExitCode.BLOCKED
    assert "CONFIG_RD_XZ" in answer["error"]["message"]
    put(root, "boot/config-9.9.9", "CONFIG_RD_XZ=y\n")
    assert "takes no initrd" in call("stage", "vmlinuz-9.9.9")[1]["error"]["message"]
    put(root, "boot/config-9.9.9", config("RD_XZ"))
    assert call("stage", "vmlinuz-9.9.9")[0] == ExitCode.OK


@pytest.mark.parametrize(
    ("line", "options", "room"),
    [
        ("root=/dev/a", None, Room(1000 * M)),
        ("root=/dev/a mem=300M", None, Room(300 * M, kernel=K, apart=True)),
        ("root=/dev/a mem=900M mem=300M", None, Room(300 * M, kernel=K, apart=True)),
        ("root=/dev/a mem=0x10000000", None, Room(256 * M, kernel=K, apart=True)),
        ("root=/dev/a mem=nopentium mem=8G", None, Room(1000 * M)),
        ("root=/dev/a crashkernel=200M", None, Room(800 * M)),
        ("root=/dev/a crashkernel=auto", None, Room(1000 * M)),
        ("root=/dev/a -- mem=300M", None, Room(1000 * M)),
        ("quiet", None, Room(1000 * M, 500 * M)),
        ("quiet", {"TMPFS": "y"}, Room(1000 * M, 500 * M, True)),
        ("quiet", {}, Room(1000 * M)),
        ("mem=100M", {"TMPFS": "y"}, Room(100 * M, 50 * M, True, K, True)),
        ("quiet rootfstype=ramfs", {"TMPFS": "y"}, Room(1000 * M)),
        ("quiet rootfstype=tmpfs", {"TMPFS": "y"}, Room(1000 * M, 500 * M, True)),
        ("", None, Room(1000 * M, 500 * M)),
    ],
)
def test_the_memory_of_the_new_kernel(
    tmp_path: Path, line: str, options: dict[str, str] | None, room: Room
) -> None:
    put(make_machine(tmp_path), "proc/meminfo", f"MemTotal: {1000 << 10} kB\n")
    host = read_host(tmp_path)
    assert read_room(host, line, options, K, panic=False) == room
    put(tmp_path, "sys/kernel/kexec_crash_size", f"{64 * M}\n")
    host = read_host(tmp_path)
    assert read_room(host, "root=/dev/a", None, K, panic=True) == Room(64 * M)
    # What is kept now is free again, unless the new line keeps it too.
    assert read_room(host, "root=/dev/a", None, K, panic=False) == Room(1064 * M)
    again = read_room(host, "root=/dev/a crashkernel=64M", None, K, panic=False)
    assert again == Room(1000 * M)
    # Only arm64 takes again what mem= cuts off of its initrd.
    put(tmp_path, "proc/sys/kernel/arch", "x86_64\n")
    host = read_host(tmp_path)
    found = read_room(host, "root=/dev/a mem=300M", None, K, panic=False)
    assert found == Room(300 * M, kernel=K)


def test_what_does_not_fit() -> None:
    room = Room(100 * M, 50 * M, True)
    assert room.lacking(20 * M, 40 * M) is None
    assert room.lacking(60 * M, 41 * M) == (True, room.lacking(60 * M, 41 * M)[1])  # type: ignore[index]
    assert "without root=" in (room.lacking(1 * M, 51 * M) or ("", ""))[1]
    assert Room(100 * M, 50 * M).lacking(1 * M, 51 * M)[0] is False  # type: ignore[index]
    assert Room(100 * M).lacking(1 * M, 51 * M) is None


SIZES = st.integers(0, 400 * M)


@given(SIZES, st.integers(1, 400 * M), SIZES, SIZES, st.booleans())
def test_a_limit_is_certainly_too_small_or_only_where_the_kernel_lies_below_it(
    limit: int, kernel: int, files: int, content: int, apart: bool
) -> None:
    room = Room(limit, kernel=kernel, apart=apart)
    certain = room.lacking(files, content)
    assert (certain is not None) == (content + (0 if apart else files) > limit)
    assert certain is None or certain.certain
    doubted = room.beside_kernel(files, content)
    assert (doubted is not None) == (kernel + files + content > limit)
    assert doubted is None or not doubted.certain
    assert certain is None or doubted is not None, "what is certain holds with the kernel too"
    # What is said before the content is known holds with any.
    assert room.lacking(files) is None or certain is not None
    assert room.beside_kernel(files) is None or doubted is not None
    assert Room(limit).beside_kernel(files, content) is None, "MemTotal is without a kernel"


def test_a_limit_that_is_too_small_is_said_in_the_plan(tmp_path: Path) -> None:
    root = make_machine(tmp_path, "x86_64")
    put(root, "proc/meminfo", f"MemTotal: {1000 << 10} kB\nMemAvailable: {900 << 10} kB\n")
    image = build_bzimage("9.9.9", init_size=60 * M)

    def finding(words: str, initrds: int = 30 * M) -> tuple[Verdict, str] | None:
        made = plan(root, image, f"root=/dev/a {words}", files={"initrd_bytes": initrds})
        return next(((f.verdict, f.text) for f in made.findings if f.check == "memory-limit"), None)

    assert finding("") is None
    assert finding("mem=2G") is None, "there is less anyway"
    assert finding("mem=90M") == (Verdict.PASS, "mem= leaves 90.0 MiB")
    verdict, text = finding("mem=89M") or (None, "")
    assert verdict is Verdict.WARN
    assert "with its initrds takes 90.0 MiB, and mem= leaves 89.0 MiB: it may not" in text
    assert (finding("mem=30M") or ("",))[0] is Verdict.WARN
    assert finding("mem=29M") == (
        Verdict.FAIL,
        "Initrds of 30.0 MiB, and the new kernel has 29.0 MiB of memory: it would panic",
    )
    assert (finding("mem=64") or ("",))[0] is Verdict.FAIL, "bytes: the M is forgotten"
    assert finding("mem=50M", 0) == (
        Verdict.WARN,
        "The new kernel takes 60.0 MiB, and mem= leaves 50.0 MiB: it may not come up",
    )


def test_an_initrd_that_unpacks_to_more_than_there_is_is_not_staged(
    tmp_path: Path, call: Call
) -> None:
    root = tmp_path / "root"
    kernel = put(root, "kernel", build_arm64_image("9.9.9", body_size=60_000))
    initrd = put(root, "initrd", gzip.compress(archive(b"x", "a", z=bytes(90 * M)), 1))
    words = ("stage", "--kernel", str(kernel), "--initrd", str(initrd), "--cmdline")
    assert call(*words, "root=/dev/a")[0] == ExitCode.OK
    code, answer = call(*words, "root=/dev/a mem=80M")
    assert code == ExitCode.BAD_IMAGE
    assert "it would panic" in answer["error"]["message"]
    kernel_bytes = 100 * 1024
    for limit, doubted in ((90 * M + kernel_bytes, True), (95 * M, False)):
        code, answer = call(*words, f"root=/dev/a mem={limit}")
        assert code == ExitCode.OK
        texts = [finding["text"] for finding in answer["plan"]["findings"]]
        assert any("with its initrds unpacked takes" in text for text in texts) == doubted
    code, answer = call(*words, "mem=150M")
    assert code == ExitCode.OK
    assert any("without root=" in finding["text"] for finding in answer["plan"]["findings"])


BCJ = [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2}]


@pytest.mark.parametrize(
    ("method", "data", "why"),
    [
        (Method.XZ, lzma.compress(b"k" * 9000, check=lzma.CHECK_CRC64), "its check is CRC64"),
        (Method.XZ, lzma.compress(b"k" * 9000, check=lzma.CHECK_SHA256), "its check is SHA-256"),
        (Method.XZ, lzma.compress(b"k" * 9000, check=lzma.CHECK_CRC32), None),
        (Method.XZ, lzma.compress(b"k" * 9000, check=lzma.CHECK_CRC32, filters=BCJ), "XZ_DEC_X86"),
        (Method.GZIP, gzip.compress(b"k" * 9000, mtime=0), None),
        (
            Method.GZIP,
            b"\x1f\x8b\x08\x10" + bytes(6) + b"c\0" + gzip.compress(b"k")[10:],
            "comment",
        ),
        (Method.BZIP2, compress(b"k" * 9000, "bzip2"), None),
        (Method.ZSTD, zstandard.compress(b"k" * 9000), None),
    ],
    ids=[f"payload-{n}" for n in range(8)],
)
def test_a_payload_is_judged_by_the_kernel_s_decompressors(
    method: Method, data: bytes, why: str | None
) -> None:
    found = kernel_refusal(BytesView(data), Stream(method, 0, len(data)), {"RD_XZ": "y"})
    assert (found is None) == (why is None)
    assert (why or "") in (found or "")


def test_bzimages_hold_their_options_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_sandbox(tmp_path / "root", "x86_64")
    kernel = put(root, "kernel", build_bzimage("9.9.9", ikconfig=config("RD_GZIP")))
    initrd = put(root, "initrd", compress(archive(b"x", "a"), "zstd"))
    code, answer = caller(capsys, root)("stage", "--kernel", str(kernel), "--initrd", str(initrd))
    assert code == ExitCode.BAD_IMAGE
    assert "it lacks CONFIG_RD_ZSTD" in answer["error"]["message"]
