"""Parsers on a stock kernel: loaded as a kernel with CONFIG_KEXEC_BPF loads them, and run.

That kernel lacks the functions that the interface adds, and must find fault with nothing else. The
parsers' own code runs there as a program of its own, through the kernel's verifier. With stand-ins
for the missing functions the parsers themselves are verified, attached and detached.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.stand_ins import compile_with_stand_ins

from warmboot.core.bpf.abi import Dialect, Kind
from warmboot.core.bpf.builder import build_file
from warmboot.core.bpf.elf_writer import write_object
from warmboot.core.bpf.parsers import prebuilt, recipe_for
from warmboot.core.bpf.sizes import sizes_for
from warmboot.core.bpf.toolchain import Recipe
from warmboot.core.images import ImageFile, identify
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.uki import build_uki

from .fetch import Arch
from .guest import converse, machine, steps
from .initramfs import GUEST_FILES, debian_kernel, guest_initramfs

pytestmark = pytest.mark.timeout(900)  # seconds, downloads and a second try included

LIMIT = 400.0  # seconds; measured on a busy machine: 60
ENOENT = 2


def test_stock_kernels_lack_the_interface_and_object_to_nothing_else(
    image_file: Callable[[str], Path], tmp_path: Path
) -> None:
    original = image_file("arm64-6.12-gzip.vmlinuz.efi")
    with ImageFile.open(original) as file:
        zboot = identify(file.view)
        build_file(file, prebuilt(recipe_for(zboot, Dialect.V6)).content, tmp_path / "enveloped")
    assert zboot.stream is not None
    data, stream = original.read_bytes(), zboot.stream
    payload = data[stream.offset :][: stream.size]
    enveloped = (tmp_path / "enveloped").read_bytes()
    raw = build_arm64_image("6.12.1", body_size=90_000)
    unified = build_uki(arch="arm64", linux=data, initrd=b"initrd" * 50, cmdline="quiet")
    answers = tried(
        {
            "/boot/enveloped.efi": enveloped,
            "/boot/Image": raw,
            "/boot/unified.efi": unified,
            "/boot/attached-v6.o": attached(Dialect.V6, Kind.ZBOOT, tmp_path),
            "/boot/attached-v7.o": attached(Dialect.V7, Kind.ZBOOT, tmp_path),
            "/boot/attached-uki.o": attached(Dialect.V7, Kind.UKI, tmp_path),
        },
        tmp_path,
    )
    for name in ("attached-v6", "attached-v7", "attached-uki"):
        assert answers.pop(name) == {"stage": "DONE", "code": 0, "log": ""}
    for name, answer in answers.items():
        assert (answer["stage"], answer["code"]) == ("ABSENT", ENOENT), (name, answer["log"])
        assert answer["origin"] == "comes with warmboot"
        assert answer["refusal"] is None
    assert answers["zboot"]["commands"] == [line("DECOMPRESS", "KERNEL", payload)]
    assert answers["enveloped-v7"]["commands"] == [
        line("VERIFY_SIG", "KERNEL", enveloped),
        line("DECOMPRESS", "KERNEL", payload),
        line("DONE", "NONE", b""),
    ]
    place = int.from_bytes(raw[0x3C:0x40], "little")
    copied = raw[:place] + bytes(4) + raw[place + 4 :]
    assert answers["image"]["commands"] == [line("COPY", "KERNEL", copied)]
    assert answers["unified"]["commands"][:2] == [
        line("VERIFY_SIG", "KERNEL", unified),
        line("COPY", "KERNEL", data),
    ]
    assert answers["unified"]["commands"][-1][0] == "DONE"


def attached(dialect: Dialect, kind: Kind, folder: Path) -> bytes:
    """The parser itself, for a function that a stock kernel has; stand-ins for those it lacks."""
    recipe = Recipe(dialect, kind, sizes_for(1 << 20))
    return write_object(*compile_with_stand_ins("attached.c", recipe, folder))


def tried(boot: dict[str, bytes], folder: Path) -> dict[str, dict[str, Any]]:
    """What a guest with Debian's kernel says of these images, by the scenario's steps."""
    running = folder / "bzImage"
    running.write_bytes(debian_kernel(Arch.AMD64).image)
    initramfs = folder / "initramfs.cpio"
    files = {**boot, "/trial.py": (GUEST_FILES / "trial.py").read_bytes()}
    guest_initramfs(initramfs, Arch.AMD64, files, GUEST_FILES / "parsers")

    def talk(guest: Any) -> dict[str, dict[str, Any]]:
        guest.wait_for("e2e: the scenario came to an end", LIMIT)
        done = steps(guest.transcript)
        failed = {name: step.output for name, step in done.items() if step.code != 0}
        assert not failed, "\n".join(failed.values())
        return {name: json.loads(step.output) for name, step in done.items()}

    return converse(machine(Arch.AMD64, running, initramfs), talk)


def line(action: str, target: str, payload: bytes) -> list[object]:
    return [action, target, len(payload), hashlib.sha256(payload).hexdigest()]
