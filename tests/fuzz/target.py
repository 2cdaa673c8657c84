"""Coverage-guided fuzzing of every parser and decoder (``make fuzz``).

Each input is read as `warmboot inspect` reads a file, or `warmboot list` a menu. Whatever the
bytes, only our own errors may come out, at a cost in time and memory that grows with the input
(cost.py); anything else stops the run with the input kept. One in three inputs is made by the
rules of a grammar (grammars.py), the others are changed from what reached new code.
The corpus is made from the builders, so that every format and method is reached from the start;
what a run finds is kept in .cache/fuzz and used by the next one.

WARMBOOT_FUZZ_PLANT plants a fault (plants.py), to prove that the fuzzer finds such.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent.parent))  # for what tests share

with atheris.instrument_imports(
    include=[
        "warmboot.core.boot",
        "warmboot.core.images",
        "warmboot.core.payload",
        "warmboot.core.bpf",
    ]
):
    from configuration import MARK, VALID_MENU, configuration_seeds, read_configuration
    from cost import limited
    from grammars import generate
    from plants import PLANTS

    from warmboot.core.bpf.btf import find_types
    from warmboot.core.bpf.container import build_container, write_envelope
    from warmboot.core.errors import ImageError, WarmbootError
    from warmboot.core.images import BytesView, Method, Stream, identify
    from warmboot.core.images.authenticode import signatures_of
    from warmboot.core.images.carried import carried_parser
    from warmboot.core.payload.erofs import ErofS
    from warmboot.core.payload.file_tree import read_tree
    from warmboot.core.payload.memfile import MemFile
    from warmboot.core.payload.squashfs import MAGIC as SQUASHFS
    from warmboot.core.payload.squashfs import SquashFs
from support.parser_objects import build_parser

from warmboot.core.payload.unpack import unpack
from warmboot.core.sandbox.builders.btf import build_kernel_btf
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.builders.compress import compress
from warmboot.core.sandbox.builders.elf import build_elf_kernel
from warmboot.core.sandbox.builders.initrd import build_initrd
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.pe import build_certificate
from warmboot.core.sandbox.builders.uki import Profile, build_addon, build_uki
from warmboot.core.sandbox.builders.zboot import build_zboot

CORPUS = Path(".cache/fuzz")
LIMIT = 4 << 20
EROFS = b"\xe2\xe1\xf5\xe0"  # at byte 1024
GRAMMAR_EACH = 3  # of so many inputs one comes from a grammar
PLANT = PLANTS.get(os.environ.get("WARMBOOT_FUZZ_PLANT", ""))
METHODS = list(Method)


def _read_text(data: bytes) -> None:
    if PLANT is None:
        read_configuration(data)
        return
    try:
        PLANT(data[1:])
    except WarmbootError as error:
        if data[:1] == bytes([VALID_MENU]):
            raise AssertionError("a sound menu is refused") from error


class _Keeper:
    """Takes files up to a bound, as what reads an initrd does."""

    def __init__(self) -> None:
        self.left = LIMIT

    def wants(self, path: bytes, size: int) -> bool:
        if size > self.left:
            return False
        self.left -= size
        return True

    def keep(self, path: bytes, content: bytes) -> None:
        """Keep nothing."""


def _read_file_system(data: bytes) -> None:
    """Read an image of a file system, which an initrd of dracut may hold."""
    view = BytesView(data)
    with contextlib.suppress(ImageError):
        read_tree(SquashFs(view) if data.startswith(SQUASHFS) else ErofS(view), _Keeper())


def inspect(data: bytes) -> None:
    """Read `data` as an image; the first byte also chooses a method to unpack the rest with."""
    if PLANT is not None and not data.startswith(MARK):
        with contextlib.suppress(WarmbootError):  # a refusal is a fault of a sound menu only
            PLANT(data)
    if data.startswith(MARK):
        _read_text(data[len(MARK) :])
        return
    if data.startswith(SQUASHFS) or data[1024:1028] == EROFS:
        _read_file_system(data)
    view = BytesView(data)
    try:
        image = identify(view)
        image.describe()
        signatures_of(view)
        carried_parser(view)
        stream = image.stream
    except ImageError:
        stream = None
    if data[:2] == b"\x9f\xeb":
        with contextlib.suppress(ImageError):
            find_types(data, ("cmd_hdr", "kexec_image_parser_anchor"))
    if stream is None and len(data) > 16:
        stream = Stream(METHODS[data[0] % len(METHODS)], 1, len(data) - 1)
    if stream is None:
        return
    with MemFile("fuzz") as memory:
        try:
            unpack(view, stream, memory, limit=LIMIT)
        except ImageError:
            return


def seeds() -> dict[str, bytes]:
    """Return one small sound image of each kind, and one stream of each method."""
    kernel = build_arm64_image("6.12", body_size=3000)[:8192]
    found = {
        "zboot": build_zboot(
            kernel, arch="arm64", method="gzip", certificates=build_certificate(bytes(40))
        ),
        "bzimage": build_bzimage("6.1", body_size=2000),
        "uki": build_uki(
            arch="arm64",
            linux=kernel,
            initrd=b"i",
            cmdline="quiet",
            osrel="ID=x\n",
            profiles=[Profile("ID=a\n", [(".cmdline", b"b")])],
        ),
        "addon": build_addon(arch="arm64", cmdline="quiet"),
        "elf": build_elf_kernel("arm64", "6.1", body_size=2000),
        "image": kernel,
        "parser": build_parser(),
        "container": build_container([build_parser()], build_container([build_parser()])),
        "btf": build_kernel_btf("v7"),
    }
    envelope = bytearray()
    write_envelope(BytesView(kernel), envelope.extend, cmdline="quiet")
    found["envelope"] = bytes(envelope)
    for number, method in enumerate(METHODS):
        stream = compress(kernel, method)
        found[f"stream-{method}"] = bytes([number]) + stream
        found[f"whole-{method}"] = stream
    files = {"init": b"x", "lib/modules/6.1/a.ko": b"y"}
    archives = [build_initrd(files, method=name, microcode={"amd": b"m"}) for name in METHODS]
    return found | configuration_seeds(archives) | _file_systems()


def _file_systems() -> dict[str, bytes]:
    """Return small images of file systems, made by the programs that are there."""
    commands = {
        "squashfs": ["mksquashfs", "tree", "image", "-quiet", "-no-progress", "-nopad"],
        "squashfs-plain": ["mksquashfs", "tree", "image", "-noI", "-noD", "-noF", "-nopad"],
        "erofs": ["mkfs.erofs", "image", "tree"],
        "erofs-lz4": ["mkfs.erofs", "-zlz4hc", "image", "tree"],
    }
    found = {}
    for name, command in commands.items():
        if shutil.which(command[0]) is None:
            print(f"{command[0]} is not installed: no seed {name}", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place, "tree/lib/modules/6.1")
            folder.mkdir(parents=True)
            (folder / "large.ko").write_bytes(bytes(5000))
            for number in range(30):
                (folder / f"m{number}.ko").write_text(f"{number}")
            subprocess.run(command, cwd=place, check=True, capture_output=True)
            found[name] = Path(place, "image").read_bytes()
    return found


def mutate(data: bytes, size: int, seed: int) -> bytes:
    """Return the next input: made by the rules of a grammar, or changed from `data`."""
    if seed % GRAMMAR_EACH == 0:
        made = generate(seed)
        if len(made) <= size:
            return made
    changed: bytes = atheris.Mutate(data, len(data) or 1) if data else b"M"
    return changed


def main() -> None:
    """Write the seeds and fuzz; libFuzzer's options are taken over from the command line."""
    CORPUS.mkdir(parents=True, exist_ok=True)
    for name, data in seeds().items():
        (CORPUS / name).write_bytes(data)
    options = ["-timeout=20", "-rss_limit_mb=1024", "-max_len=70000", "-artifact_prefix=.cache/"]
    arguments = [sys.argv[0], *options, *sys.argv[1:], str(CORPUS)]
    atheris.Setup(arguments, lambda data: limited(inspect, data), custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
