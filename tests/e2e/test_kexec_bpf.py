"""Kernels that unpack boot images themselves: from the list to the kernel that was inside."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.parser_objects import build_parser

from warmboot.core.sandbox.builders.uki import build_uki

from .bpf_kernel import (
    TRUSTED,
    UNTRUSTED,
    ImageFinder,
    complaints,
    enveloped,
    guest_command,
    parameters,
    refused,
    signed,
    with_parser,
)
from .fetch import Arch
from .guest import Guest, Step, converse, steps
from .initramfs import second_initrd
from .proof import Nonces, SecondKernel, second_kernel

pytestmark = pytest.mark.timeout(900)  # seconds, downloads and a second try included

LIMIT = 400.0  # seconds; measured on a busy machine: 40
GZIP, ZSTD = "6.12.95-kexectest2", "6.12.95-kexectest"  # releases of the images here


def gzip_zboot(image_file: ImageFinder) -> bytes:
    return image_file("arm64-6.12-gzip.vmlinuz.efi").read_bytes()


def zstd_zboot(image_file: ImageFinder) -> bytes:
    return image_file("arm64-6.12-zstd.vmlinuz.efi").read_bytes()


def raw_image(image_file: ImageFinder) -> bytes:
    return image_file("arm64-6.12.Image").read_bytes()


def unified(image_file: ImageFinder, linux: bytes | None = None) -> bytes:
    return build_uki(
        arch="arm64",
        linux=linux or gzip_zboot(image_file),
        initrd=b"not the one",
        cmdline="not=this",
        osrel='ID=e2e\nPRETTY_NAME="A unified image"\n',
        uname=GZIP,
    )


IMAGES: Mapping[str, tuple[Callable[[ImageFinder], bytes], str]] = {
    "gzip": (gzip_zboot, GZIP),
    "zstd": (zstd_zboot, ZSTD),
    "raw": (raw_image, GZIP),
    "uki": (unified, GZIP),
}


def restarted(
    dialect: str,
    image: bytes,
    image_file: ImageFinder,
    nonces: Nonces,
    folder: Path,
    *,
    append: str = "",
    options: tuple[str, ...] = (),
) -> tuple[SecondKernel, dict[str, Step]]:
    """Stage and execute an image in a guest; return what both kernels said."""
    cmdline = f"e2e={nonces.cmdline} console=ttyAMA0 panic=-1 quiet"
    stage = ["--kernel", "/boot/image.efi", "--initrd", "/boot/second.cpio"]
    stage += ["--cmdline", cmdline, *options]
    files = {
        "/boot/image.efi": image,
        "/boot/second.cpio": second_initrd(Arch.ARM64, nonces.initrd),
        "/parameters": parameters("" if options else "/boot/image.efi", dialect, stage),
    }
    command = guest_command(dialect, image_file, files, "kexec-bpf", folder, append=append)

    def talk(guest: Guest) -> tuple[SecondKernel, dict[str, Step], list[str]]:
        second = second_kernel(guest, nonces, LIMIT)
        return second, steps(guest.transcript), complaints(guest.transcript)

    second, done, complained = converse(command, talk)
    assert second.cmdline == cmdline
    assert {name: step.code for name, step in done.items() if step.code != 0} == {}
    assert complained == []
    assert done["loaded"].output == "1\n"
    return second, done


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("dialect", ["v6", "v7"])
def test_the_kernel_unpacks_an_image_and_its_kernel_runs(
    image_file: ImageFinder, nonces: Nonces, tmp_path: Path, dialect: str, name: str
) -> None:
    make, release = IMAGES[name]
    # A raw Image needs no parser here: the kernel loads it as it is, by the call that is named.
    options = ("--loader", "file") if (dialect, name) == ("v7", "raw") else ()
    second, done = restarted(
        dialect, make(image_file), image_file, nonces, tmp_path, options=options
    )
    assert second.release == release
    staged = answer(done["stage"])
    assert staged["plan"]["dialect"] == (None if options else dialect)
    if (dialect, name) != ("v7", "raw"):
        assert answer(done["rehearse"])["refusal"] is None
        assert answer(done["rehearse"])["why"] is None
    verdicts = {finding["check"]: finding for finding in answer(done["doctor"])["findings"]}
    assert "BPF parsers" in verdicts["kexec-calls"]["text"]


def answer(step: Step) -> dict[str, Any]:
    """The JSON that a command printed, behind what it showed of its progress."""
    found = json.loads(step.output[step.output.index("{\n") :])
    assert isinstance(found, dict)
    return found


def test_signed_images_unpack_themselves_where_signatures_are_wanted(
    image_file: ImageFinder, nonces: Nonces, tmp_path: Path, signed_case: tuple[str, str, str]
) -> None:
    dialect, name, append = signed_case
    make, release = IMAGES[name]
    image = make(image_file)
    if dialect == "v7":
        image = signed(image, tmp_path, TRUSTED)
    elif name == "uki":
        image = unified(image_file, with_parser(gzip_zboot(image_file), tmp_path, TRUSTED))
    else:
        image = with_parser(image, tmp_path, TRUSTED)
    second, _ = restarted(dialect, image, image_file, nonces, tmp_path, append=append)
    assert second.release == release


SIGNED = [
    *((dialect, "gzip", "lockdown=integrity") for dialect in ("v6", "v7")),
    *(("v6", name, "kexec_enforce=1") for name in ("zstd", "raw", "uki")),
    *(("v7", name, "kexec_enforce=1") for name in ("zstd", "uki")),
]


@pytest.fixture(params=SIGNED, ids=" ".join)
def signed_case(request: pytest.FixtureRequest) -> tuple[str, str, str]:
    """Dialect, image, and what makes the kernel want signatures."""
    case = request.param
    return case[0], case[1], case[2]


@pytest.mark.parametrize("append", ["lockdown=integrity", "kexec_enforce=1"])
def test_what_v6_must_not_take_is_refused_and_nothing_breaks(
    image_file: ImageFinder, tmp_path: Path, append: str
) -> None:
    zboot = gzip_zboot(image_file)
    good = with_parser(zboot, tmp_path, TRUSTED)
    tampered = bytearray(good)
    tampered[0x20000] ^= 1
    foreign = build_parser(rings=(65536, 65536, 65536, 65536), identity=False)
    files = {
        "/boot/good.efi": good,
        "/boot/unsigned.efi": with_parser(zboot, tmp_path),
        "/boot/tampered.efi": bytes(tampered),
        "/boot/stranger.efi": with_parser(zboot, tmp_path, UNTRUSTED),
        "/boot/foreign.efi": signed(enveloped(zboot, foreign), tmp_path, TRUSTED),
        "/boot/other.efi": signed(enveloped(zboot, build_parser(dialect=7)), tmp_path, TRUSTED),
        "/boot/rubbish.efi": signed(enveloped(zboot, b"rubbish" * 9), tmp_path, TRUSTED),
    }

    def options(name: str) -> str:
        return f"--kernel /boot/{name}.efi --no-initrd --cmdline quiet"

    unsigned = 6 if append.startswith("lockdown") else 7
    cases = {
        "unsigned": (options("unsigned"), unsigned, "signature"),
        "stranger": (options("stranger"), 7, "refused"),
        "foreign": (options("foreign"), 6, "whose largest ring holds"),
        "other": (options("other"), 6, "dialect v7"),
        "rubbish": (options("rubbish"), 6, "The parser that the image carries is unusable"),
        "tampered": (options("tampered"), 4, "damaged"),
    }
    assert refused("v6", image_file, files, options("good"), cases, tmp_path, append=append) == []


@pytest.mark.parametrize("name", ["gzip", "zstd"])
@pytest.mark.parametrize("dialect", ["v6", "v7"])
def test_short_memory_is_refused_before_the_call(
    image_file: ImageFinder, nonces: Nonces, tmp_path: Path, dialect: str, name: str
) -> None:
    """Memory falls in steps: an image is staged or refused, and the kernel never complains."""
    make, _ = IMAGES[name]
    stage = ["--kernel", "/boot/image.efi", "--initrd", "/boot/second.cpio", "--cmdline", "quiet"]
    files = {
        "/boot/image.efi": make(image_file),
        "/boot/second.cpio": second_initrd(Arch.ARM64, nonces.initrd),
        "/parameters": f"set -- {' '.join(stage)}\n".encode(),
    }
    command = guest_command(dialect, image_file, files, "kexec-bpf-memory", tmp_path, processors=4)

    def talk(guest: Guest) -> tuple[str, list[str]]:
        guest.wait_for("^e2e: all steps", 800)
        return guest.transcript, complaints(guest.transcript)

    transcript, complained = converse(command, talk)
    assert complained == []
    codes = re.findall(r"^e2e: memory (\d+) MiB: (\d+)$", transcript, re.MULTILINE)
    assert len(codes) == 30
    assert {code for _, code in codes} == {"0", "6"}, codes
    assert codes[0][1] == "0"
