"""Guests whose kernel unpacks boot images itself (tests/data/kexec-bpf-kernel)."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from warmboot.core.bpf.abi import Dialect
from warmboot.core.bpf.builder import SigningKey, build_file
from warmboot.core.bpf.envelope import envelope
from warmboot.core.bpf.parsers import prebuilt, recipe_for
from warmboot.core.images import BytesView, ImageFile, identify

from .fetch import Arch
from .guest import Guest, converse, machine, steps
from .initramfs import GUEST_FILES, guest_initramfs

ImageFinder = Callable[[str], Path]

FOLDER = Path(__file__).parent.parent / "data/kexec-bpf-kernel"
TRUSTED = SigningKey(FOLDER / "TEST-ONLY-signing.key", FOLDER / "TEST-ONLY-signing.pem")
UNTRUSTED = SigningKey(FOLDER / "TEST-ONLY-untrusted.key", FOLDER / "TEST-ONLY-untrusted.pem")
#: What no kernel may say while warmboot works: its own complaints, and those of any kernel.
COMPLAINT = re.compile(
    r".*(?:kexec_bpf: (?!test impl|VERIFY_SIG)|WARNING: |BUG: |Oops|[Oo]ut of memory|Call trace:).*"
)


def guest_command(
    dialect: str,
    image_file: ImageFinder,
    files: Mapping[str, bytes],
    scenario: str,
    folder: Path,
    *,
    append: str = "",
    memory: int | None = None,
    processors: int = 1,
) -> list[str]:
    """The command that runs a scenario on a kernel of this dialect; `memory` in MiB."""
    initramfs = folder / "initramfs.cpio"
    guest_initramfs(initramfs, Arch.ARM64, files, GUEST_FILES / scenario)
    running = image_file(f"kexec-bpf-kernel/arm64-6.12-kexec-bpf-{dialect}.Image")
    command = machine(Arch.ARM64, running, initramfs)
    command[-1] += f" {append}"
    if memory is not None:
        command[command.index("-m") + 1] = str(memory)
    return [*command, "-smp", str(processors)]


def parameters(image: str, dialect: str, options: Sequence[str]) -> bytes:
    """The file that the scenario kexec-bpf reads."""
    text = f"image={shlex.quote(image)}\ndialect={dialect}\nset -- {shlex.join(options)}\n"
    return text.encode()


def complaints(transcript: str) -> list[str]:
    """The lines in which a kernel complains."""
    return [found[0] for found in COMPLAINT.finditer(transcript)]


def with_parser(image: bytes, folder: Path, key: SigningKey | None = None) -> bytes:
    """The image with the parser that comes with warmboot in it, signed where there is a key."""
    source, target = folder / "plain.efi", folder / "enveloped.efi"
    source.write_bytes(image)
    with ImageFile.open(source) as file:
        parser = prebuilt(recipe_for(identify(file.view), Dialect.V6)).content
        build_file(file, parser, target, key=key)
    return target.read_bytes()


def enveloped(image: bytes, parser: bytes) -> bytes:
    """The image with any parser in it, fitting or not."""
    out = bytearray()
    envelope(BytesView(image), parser, out.extend)
    return bytes(out)


def signed(image: bytes, folder: Path, key: SigningKey) -> bytes:
    """The image as it is, signed."""
    source, target = folder / "unsigned.efi", folder / "signed.efi"
    source.write_bytes(image)
    command = ("sbsign", "--key", key.key, "--cert", key.certificate, "--output", target, source)
    subprocess.run(command, check=True, capture_output=True)
    return target.read_bytes()


def refused(
    dialect: str,
    image_file: ImageFinder,
    files: Mapping[str, bytes],
    good: str,
    cases: Mapping[str, tuple[str, int, str]],
    folder: Path,
    *,
    append: str = "",
) -> list[str]:
    """Try each case (options, exit code, a part of what is said), and `good` after each.

    Returns what the kernel complained of.
    """
    lines = "".join(f"{name} {options}\n" for name, (options, _, _) in cases.items())
    more = {"/refusals": lines.encode(), "/parameters": f"good={shlex.quote(good)}\n".encode()}
    command = guest_command(
        dialect, image_file, {**files, **more}, "kexec-bpf-refusals", folder, append=append
    )

    def talk(guest: Guest) -> str:
        guest.wait_for("^e2e: all refused", 500)
        return guest.transcript

    transcript = converse(command, talk)
    done, complained = steps(transcript), complaints(transcript)
    wanted = {*cases, *(f"loaded-{name}" for name in cases), *(f"good-{name}" for name in cases)}
    assert wanted <= set(done), f"{wanted - set(done)} are missing: {transcript[-3000:]}"
    for name, (_, code, message) in cases.items():
        said = " ".join(done[name].output.split())
        assert (done[name].code, message in said) == (code, True), f"{name}: {done[name]}"
        assert done[f"loaded-{name}"].output == "0\n", name
        assert done[f"good-{name}"].code == 0
    return complained
