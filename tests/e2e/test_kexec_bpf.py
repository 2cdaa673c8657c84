"""Kernels that unpack boot images themselves: from the list to the kernel that was inside."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from warmboot.core.bpf.abi import Dialect
from warmboot.core.bpf.sizes import sizes_of
from warmboot.core.images import BytesView, identify
from warmboot.core.plan.route import Strategy

from .bpf_images import GZIP, ZSTD, gzip_zboot, packed, raw_image, unified, zstd_zboot
from .bpf_kernel import TRUSTED, BpfKernel, ImageFinder, Scenario, signed, with_parser
from .fetch import Arch
from .guest import Step
from .initramfs import second_initrd
from .packed import codec
from .proof import Nonces, SecondKernel

REHEARSAL = 32 << 20  # bytes beside what the image needs: Python and all else

pytestmark = pytest.mark.timeout(900)  # seconds, downloads and a second try included

IMAGES: Mapping[str, tuple[Callable[[ImageFinder], bytes], str]] = {
    "gzip": (gzip_zboot, GZIP),
    "zstd": (zstd_zboot, ZSTD),
    "raw": (raw_image, GZIP),
    "uki": (unified, GZIP),
    **{m: (partial(packed, method=m), GZIP) for m in ("xz", "lzma", "lz4")},
}


def restarted(
    kernel: BpfKernel,
    image: bytes,
    nonces: Nonces,
    *options: str,
    processes: bool = False,
    more: Mapping[str, bytes] | None = None,
) -> tuple[SecondKernel, dict[str, Step]]:
    """Stage and execute an image in a guest; return what both kernels said.

    `more` are other files that the guest needs.
    """
    cmdline = f"e2e={nonces.cmdline} console=ttyAMA0 panic=-1 quiet"
    stage = ["stage", "--kernel", "/boot/image.efi", "--initrd", "/boot/second.cpio"]
    stage += ["--cmdline", cmdline, *options]
    words: dict[str, list[str]] = {"list": ["list", "--json"], "doctor": ["doctor", "--json"]}
    words["status"] = ["status", "--json"]
    if not options:
        words["rehearse"] = ["bpf", "rehearse", "/boot/image.efi", "--json"]
        words["rehearse"] += ["--dialect", kernel.dialect]
    words |= {"plan": [*stage, "--dry-run"], "stage": [*stage, "--json"]}
    files = {
        "/boot/image.efi": image,
        "/boot/second.cpio": second_initrd(Arch.ARM64, nonces.initrd),
        **(more or {}),
    }
    scenario = Scenario(steps=words, exec=True, processes=processes)
    second, done = kernel.restart(files, scenario, nonces)
    assert second.cmdline == cmdline
    assert {name: step.code for name, step in done.items() if step.code != 0} == {}
    assert set(words) < set(done)
    assert done["loaded"].output == "1\n"
    return second, done


# The kernel's decompressors are the same for both dialects.
SLOW = {("v6", "lz4"), ("v7", "xz"), ("v7", "lzma")}
PAIRS = [
    pytest.param(*pair, marks=[pytest.mark.slow_guest] if pair in SLOW else [])
    for pair in ((dialect, name) for dialect in ("v6", "v7") for name in IMAGES)
]


@pytest.mark.parametrize(("dialect", "name"), PAIRS)
def test_the_kernel_unpacks_an_image_and_its_kernel_runs(
    image_file: ImageFinder, nonces: Nonces, tmp_path: Path, dialect: str, name: str
) -> None:
    make, release = IMAGES[name]
    # A raw Image needs no parser here: the kernel loads it as it is, by the call that is named.
    options = ("--loader", "file") if (dialect, name) == ("v7", "raw") else ()
    kernel = BpfKernel(dialect, image_file, tmp_path)
    image = make(image_file)
    second, done = restarted(kernel, image, nonces, *options, processes=name == "gzip")
    assert second.release == release
    staged = answer(done["stage"])
    assert staged["plan"]["dialect"] == (None if options else dialect)
    if not options:
        assert answer(done["rehearse"])["refusal"] is None
        assert answer(done["rehearse"])["why"] is None
    if name == "gzip":  # each command is a program of its own
        ring = sizes_of(identify(BytesView(image)), Dialect(dialect), 0).ring
        taken = int(done["taken-rehearse"].output) * 1024
        print(f"{dialect}: a rehearsal took {taken} bytes; image {len(image)}, ring {ring}")
        assert ring // 4 <= taken <= len(image) + ring + REHEARSAL
    verdicts = {finding["check"]: finding for finding in answer(done["doctor"])["findings"]}
    assert f"BPF parsers for images, dialect {dialect}" in verdicts["kexec-calls"]["text"]
    interface = answer(done["status"])["parser_interface"]
    assert (interface["offered"], interface["dialect"]) == (True, dialect)


@pytest.mark.slow_guest
@pytest.mark.parametrize(
    ("dialect", "strategy"), [("v6", Strategy.COPY), ("v7", Strategy.UNPACK)], ids=["v6", "v7"]
)
def test_what_the_kernel_cannot_unpack_is_unpacked_here(
    image_file: ImageFinder, nonces: Nonces, tmp_path: Path, dialect: str, strategy: Strategy
) -> None:
    """lzo, for which these kernels have no decompressor."""
    kernel = BpfKernel(dialect, image_file, tmp_path)
    image, more = packed(image_file, "lzo"), codec(Arch.ARM64, "lzo")
    second, done = restarted(kernel, image, nonces, "--loader", "file", more=more)
    assert second.release == GZIP
    assert answer(done["stage"])["plan"]["strategy"] == strategy


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
    kernel = BpfKernel(dialect, image_file, tmp_path, append)
    second, _ = restarted(kernel, image, nonces)
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
