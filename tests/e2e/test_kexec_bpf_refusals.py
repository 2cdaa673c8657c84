"""What a kernel that unpacks images itself must not get is refused by name, and nothing breaks.

Each case is followed by a good image, which must stage. The kernel's log may hold no complaint but
those that a case names. Then memory falls in steps: an image is staged, or refused before the call.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from support.parser_objects import build_parser

from warmboot.core.bpf.abi import Dialect, Kind
from warmboot.core.bpf.parsers import prebuilt
from warmboot.core.bpf.sizes import sizes_for
from warmboot.core.bpf.toolchain import Recipe
from warmboot.core.sandbox.builders.uki import build_addon

from .bpf_images import (
    flipped,
    gzip_zboot,
    of_another_tool,
    packed,
    raw_image,
    unified,
    with_record,
    with_size,
    zstd_zboot,
)
from .bpf_kernel import (
    TRUSTED,
    UNTRUSTED,
    BpfKernel,
    Case,
    ImageFinder,
    Scenario,
    enveloped,
    parser_of,
    signed,
    with_parser,
)
from .fetch import Arch
from .initramfs import second_initrd
from .proof import Nonces

pytestmark = pytest.mark.timeout(1800)  # seconds, downloads and a second try included

LOCKDOWN, ENFORCE = "lockdown=integrity", "kexec_enforce=1"
CONFIDENTIAL = ("/sys/kernel/security/lockdown", "confidentiality")
PERFMON, BPF, ADMIN = 38, 39, 21  # CAP_…, include/uapi/linux/capability.h
UNUSED_RINGS = 65536
#: What a kernel of dialect v7 logs where a parser gives up, as it does without a good signature.
NOT_DONE = "no parser was DONE in layer 0"


def stage(name: str, *options: str) -> str:
    words = ("stage", "--kernel", f"/boot/{name}.efi", "--no-initrd", "--cmdline", "quiet")
    return " ".join((*words, *options))


def whole(name: str, *options: str) -> str:
    """A UKI with what is in it."""
    return stage(name, *options).replace("--no-initrd ", "")


@pytest.mark.parametrize("append", [LOCKDOWN, ENFORCE])
def test_what_v6_must_not_take(image_file: ImageFinder, tmp_path: Path, append: str) -> None:
    zboot, raw = gzip_zboot(image_file), raw_image(image_file)
    fits = parser_of(zboot)
    v7 = prebuilt(Recipe(Dialect.V7, Kind.ZBOOT, sizes_for(16 << 20))).content
    good = with_parser(zboot, tmp_path, TRUSTED)

    def carrying(parser: bytes) -> bytes:
        return signed(enveloped(zboot, parser), tmp_path, TRUSTED)

    small = build_parser(rings=(UNUSED_RINGS,) * 4, identity=False)
    files = {
        "good": good,
        "unsigned": with_parser(zboot, tmp_path),
        "stranger": with_parser(zboot, tmp_path, UNTRUSTED),
        "payload": flipped(good, 0x20000),
        "small-rings": carrying(of_another_tool(fits, rings=8192)),
        "ring": carrying(small),
        "record": carrying(with_record(fits, 1 << 30)),
        "other": carrying(v7),
        "other-tool": carrying(of_another_tool(v7)),
        "maps": carrying(build_parser(sections=(".rodata", ".data", ".bss"), identity=False)),
        "licence": carrying(fits.replace(b"GPL\0", b"BSD\0")),
        "rubbish": carrying(b"rubbish" * 9),
        "raw-alone": signed(raw, tmp_path, TRUSTED),
        "size": signed(enveloped(with_size(zboot, -4), fits), tmp_path, TRUSTED),
        "lzo": packed(image_file, "lzo"),
        "uki": signed(unified(image_file), tmp_path, TRUSTED),
    }
    locked = append == LOCKDOWN
    unsigned = 6 if locked else 7
    cases = {
        "unsigned": Case(stage("unsigned"), unsigned, "signature"),
        "stranger": Case(stage("stranger"), 7, "refused"),
        "payload": Case(stage("payload"), 4, "damaged"),
        "small-rings": Case(stage("small-rings"), 0),
        "ring": Case(stage("ring"), 6, "whose largest ring holds"),
        "record": Case(stage("record"), 6, "larger than its ring buffer"),
        "other": Case(stage("other"), 6, "speaks dialect v7, not v6"),
        "other-tool": Case(stage("other-tool"), 6, "speaks dialect v7, not v6"),
        "maps": Case(stage("maps"), 6, "the kernel wants exactly"),
        "licence": Case(stage("licence"), 6, "GPL"),
        "rubbish": Case(stage("rubbish"), 6, "The parser that the image carries is unusable"),
        "raw-alone": Case(stage("raw-alone"), unsigned, "was signed with it"),
        "size": Case(stage("size"), 4, "damaged"),
        "lzo": Case(stage("lzo"), 6 if locked else 4, "lzo"),
        "uki": Case(stage("uki"), unsigned, "signature"),
        **without_rights(stage("good")),
    }
    if locked:
        cases["confidential"] = confidential(stage("good"))
    transcript = check("v6", image_file, tmp_path, append, files, cases, stage("good"))
    # This kernel loads nothing as it is.
    assert "loaded as it is" not in " ".join(transcript.split())


@pytest.mark.parametrize("append", [LOCKDOWN, ENFORCE])
def test_what_v7_must_not_take(image_file: ImageFinder, tmp_path: Path, append: str) -> None:
    zboot, raw = gzip_zboot(image_file), raw_image(image_file)
    good = signed(zboot, tmp_path, TRUSTED)
    uki = signed(unified(image_file), tmp_path, TRUSTED)
    files = {
        "good": good,
        "unsigned": zboot,
        "stranger": signed(zboot, tmp_path, UNTRUSTED),
        "payload": flipped(good, 0x20000),
        "stub": flipped(good, 0x1800),
        "cut": zboot[: len(zboot) * 2 // 3],
        "size": signed(with_size(zboot, -4), tmp_path, TRUSTED),
        "lzo": signed(packed(image_file, "lzo"), tmp_path, TRUSTED),
        "raw": signed(raw, tmp_path, TRUSTED),
        "raw-unsigned": raw,
        "uki": uki,
        "uki-unsigned": unified(image_file),
        "one.addon": signed(build_addon(arch="arm64", cmdline="one"), tmp_path, TRUSTED),
        "two.addon": signed(build_addon(arch="arm64", cmdline="two"), tmp_path, TRUSTED),
    }
    locked = append == LOCKDOWN
    unsigned = 6 if locked else 7
    given_up = None if locked else NOT_DONE
    addons = ("--addon /boot/one.addon.efi", "--addon /boot/two.addon.efi")
    cases = {
        "unsigned": Case(stage("unsigned"), unsigned, "signature", logged=given_up),
        "stranger": Case(stage("stranger"), 7, "refused", logged=NOT_DONE),
        "payload": Case(stage("payload"), 4, "damaged"),
        "stub": Case(stage("stub"), 7, "signature", logged=NOT_DONE),
        "cut": Case(stage("cut"), 4, "beyond the end of the file"),
        "size": Case(stage("size"), 4, "damaged"),
        "lzo": Case(stage("lzo"), 6 if locked else 4, "lzo"),
        "raw": Case(stage("raw", "--loader", "file"), 0),
        "raw-unsigned": Case(stage("raw-unsigned", "--loader", "file"), unsigned, "signature"),
        "uki-initrd": Case(stage("uki"), 6, "would use the UKI's own initrd"),
        "uki-unsigned": Case(whole("uki-unsigned"), unsigned, "signature", logged=given_up),
        "addon": Case(whole("uki", addons[0]), 0),
        "addons": Case(whole("uki", *addons), 6, "one add-on of a UKI"),
        **without_rights(stage("good")),
    }
    if locked:
        cases["confidential"] = confidential(stage("good"))
    check("v7", image_file, tmp_path, append, files, cases, stage("good"))


def without_rights(good: str) -> Mapping[str, Case]:
    """A good image, staged by a process that lacks what it takes to try the parser."""
    few = {f"files-{n}": Case(good, 6, "enough files", {"files": n}) for n in (18,)}
    return {
        "perfmon": Case(good, 6, "CAP_PERFMON are needed", {"without": [PERFMON, ADMIN]}),
        "bpf": Case(good, 6, "CAP_PERFMON are needed", {"without": [BPF, ADMIN]}),
        **few,
    }


def confidential(good: str) -> Case:
    """Lockdown can be raised while the kernel runs, and never lowered: the last case."""
    return Case(good, 6, "locked down (confidentiality)", before=CONFIDENTIAL, last=True)


def check(
    dialect: str,
    image_file: ImageFinder,
    folder: Path,
    append: str,
    files: Mapping[str, bytes],
    cases: Mapping[str, Case],
    good: str,
) -> str:
    """Try all cases in one guest; return what was said."""
    boot = {f"/boot/{name}.efi": content for name, content in files.items()}
    kernel = BpfKernel(dialect, image_file, folder, append)
    return kernel.run(boot, Scenario(good=good, cases=cases))


IMAGES: Mapping[str, Callable[[ImageFinder], bytes]] = {"gzip": gzip_zboot, "zstd": zstd_zboot}


@pytest.mark.parametrize("dialect", ["v6", "v7"])
def test_short_memory_is_refused_before_the_call(
    image_file: ImageFinder, nonces: Nonces, tmp_path: Path, dialect: str
) -> None:
    """Memory falls in steps: an image is staged or refused, and the kernel never complains."""
    options = "--initrd /boot/second.cpio --cmdline quiet"
    memory = {name: f"stage --kernel /boot/{name}.efi {options}" for name in IMAGES}
    files = {f"/boot/{name}.efi": make(image_file) for name, make in IMAGES.items()}
    files["/boot/second.cpio"] = second_initrd(Arch.ARM64, nonces.initrd)
    kernel = BpfKernel(dialect, image_file, tmp_path, processors=4)
    first = f"stage --kernel /boot/gzip.efi {options}"
    transcript = kernel.run(files, Scenario(good=first, memory=memory))
    for name in IMAGES:
        line = rf"^e2e: memory {name} (\d+) MiB: (\d+)$"
        codes = re.findall(line, transcript, re.MULTILINE)
        print(f"{dialect} {name}, MiB free: exit code:", *(f"{m}:{code}" for m, code in codes))
        assert len(codes) == 30
        assert {code for _, code in codes} == {"0", "6"}, codes
        assert codes[0][1] == "0"
