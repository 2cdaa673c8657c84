"""What is built for the call is what the simulated kernels of both dialects take."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.machines import make_sandbox
from support.parser_objects import build_parser

from warmboot.core.bpf.abi import Dialect
from warmboot.core.bpf.call_files import build_call_files
from warmboot.core.bpf.carried import fits_carried
from warmboot.core.bpf.dialects.base import CallFiles
from warmboot.core.errors import Cancelled, ImageError
from warmboot.core.images import BytesView, identify
from warmboot.core.load.loader import LoadRequest
from warmboot.core.progress import Cancel
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.uki import build_uki
from warmboot.core.sandbox.builders.zboot import build_zboot
from warmboot.core.sandbox.simulator import Simulator

RELEASE = "6.12.1-for-stage"
IMAGE = build_arm64_image(RELEASE, body_size=100_000, bss=65536)
ZBOOT = build_zboot(IMAGE, arch="arm64", method="zstd")


def build(image: bytes, dialect: Dialect, *parsers: bytes, **more: object) -> CallFiles:
    view = BytesView(image)
    return build_call_files(view, identify(view), dialect, parsers, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("dialect", "image", "kind"),
    [(Dialect.V6, ZBOOT, 1), (Dialect.V6, IMAGE, 2), (Dialect.V7, ZBOOT, 1)],
)
def test_the_kernel_takes_what_was_built(
    tmp_path: Path, dialect: Dialect, image: bytes, kind: int
) -> None:
    make_sandbox(tmp_path, kexec_bpf=dialect.value)
    parser = build_parser(kind=kind, dialect=int(dialect[1]))
    more = {"initrd": BytesView(b"initrd"), "cmdline": "quiet"} if dialect is Dialect.V7 else {}
    with build(image, dialect, parser, **more) as files:
        assert (files.initrd is not None) is (dialect is Dialect.V7)
        initrd = None if files.initrd is None else files.initrd.fd
        request = LoadRequest(files.kernel.fd, "kernel", initrd, "initrd", "quiet")
        Simulator(tmp_path).load(request)
        with pytest.raises(PermissionError):
            os.pwrite(files.kernel.fd, b"x", 0)
    Simulator(tmp_path).execute()
    assert (tmp_path / "proc/sys/kernel/osrelease").read_text().strip() == RELEASE


def test_v7_takes_a_unified_image_in_two_layers(tmp_path: Path) -> None:
    make_sandbox(tmp_path, cmdline="ro", kexec_bpf="v7")
    uki = build_uki(arch="arm64", linux=ZBOOT, initrd=b"i", cmdline="x", osrel="ID=x\n", uname="6")
    parsers = [build_parser(dialect=7, kind=3)], [build_parser(dialect=7)]
    with build(uki, Dialect.V7, *parsers[0], nested=parsers[1], cmdline="of the plan") as files:
        assert files.initrd is not None
        request = LoadRequest(files.kernel.fd, "kernel", files.initrd.fd, "initrd", "quiet")
        Simulator(tmp_path).load(request)
    Simulator(tmp_path).execute()
    assert (tmp_path / "proc/sys/kernel/osrelease").read_text().strip() == RELEASE
    assert (tmp_path / "proc/cmdline").read_text().strip() == "of the plan"
    small = build_parser(dialect=7, record=len(ZBOOT) + 5000)
    with pytest.raises(ImageError, match="at most"):
        build(ZBOOT, Dialect.V7, small, initrd=BytesView(bytes(len(ZBOOT) + 9000)))


def test_what_does_not_belong_together_is_not_built() -> None:
    for image, dialect, parsers in (
        (ZBOOT, Dialect.V6, ()),
        (ZBOOT, Dialect.V6, (build_parser(), build_parser())),
        (ZBOOT, Dialect.V6, (build_parser(kind=2),)),
        (ZBOOT, Dialect.V6, (build_parser(dialect=7),)),
        (ZBOOT, Dialect.V7, (build_parser(),)),
        (ZBOOT, Dialect.V7, ()),
        (IMAGE, Dialect.V6, (build_parser(),)),
        (build_arm64_image(RELEASE, bss=100), Dialect.V6, (build_parser(kind=2),)),
    ):
        with pytest.raises(ImageError):
            build(image, dialect, *parsers)


def test_cancelling_gives_the_memory_back() -> None:
    cancel = Cancel()
    cancel.cancel()
    before = len(os.listdir("/proc/self/fd"))
    for dialect in Dialect:
        with pytest.raises(Cancelled):
            build(ZBOOT, dialect, build_parser(dialect=int(dialect[1])), cancel=cancel)
    assert len(os.listdir("/proc/self/fd")) == before


def test_an_image_with_a_parser_that_fits_can_stay_as_it_is() -> None:
    for parser, fits in (
        (build_parser(), True),
        (build_parser(record=100), False),
        (build_parser(dialect=7), False),
        (build_parser(identity=False), False),
        (b"rubbish", False),
    ):
        image = build_zboot(IMAGE, arch="arm64", method="gzip", parser=parser)
        assert fits_carried(identify(BytesView(image))) is fits
    assert not fits_carried(identify(BytesView(ZBOOT)))
