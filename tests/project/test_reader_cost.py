"""Every reader of what somebody else wrote: within 2 s of a quiet machine and 64 MiB above what
it was given.

The files of a machine and of its boot loaders are each filled with text of many kinds, up to the
size that is read, and images with what a header may claim. tests/fuzz does so with small inputs.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from host.test_foreign_links import facts, marked
from support.cost import resident, seconds
from support.files import put

from warmboot.core.boot.cmdline import compare
from warmboot.core.boot.find import find_entries
from warmboot.core.boot.presets import read_presets
from warmboot.core.boot.root import BootRoot
from warmboot.core.boot.sources.registry import SOURCES
from warmboot.core.bpf.btf import find_types
from warmboot.core.configfile import ConfigFile
from warmboot.core.errors import WarmbootError
from warmboot.core.host.config import BuildOptions
from warmboot.core.images import BytesView, FileView, identify
from warmboot.core.images.authenticode import signatures_of
from warmboot.core.images.carried import carried_parser
from warmboot.core.images.compression import COMPRESSIONS
from warmboot.core.images.osrelease import parse_os_release
from warmboot.core.images.view import LARGEST_FILE
from warmboot.core.load.kexec_load.devicetree import check_tree
from warmboot.core.mountinfo import parse_mountinfo
from warmboot.core.payload.initrd import is_initrd, read_initrd
from warmboot.core.plan.checks.crashkernel import reserve
from warmboot.core.record.journal import Journal
from warmboot.core.record.lock import read_holder
from warmboot.core.restart.schedule import read_countdown
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.pe import build_certificate
from warmboot.core.sandbox.builders.uki import build_uki
from warmboot.core.sandbox.builders.zboot import build_zboot
from warmboot.core.sandbox.marker import is_sandbox, write_marker

SECONDS, MEMORY = 2.0, 64 << 20
LONG = 4 << 20
#: Text that some reader, somewhere, might read again for each of its parts.
TEXTS = (
    *(
        b"a",
        b"\n",
        b" ",
        b"a ",
        b"1",
        b'"',
        b"\xff",
        b"\0",
        b"=\n",
        b"a=1\n",
        b"a%d=b\n",
        b"[" * 99,
    ),
    *(
        b"{",
        b'{"a":',
        b'"a",',
        b"a:b\n",
        b"%d: x y -> z\n",
        b"/a\n",
        b"\\040",
        b"-1.5e99,",
        b"(",
        b"$a",
    ),
)


def filled(part: bytes, size: int) -> bytes:
    """Return `part` so often that it has `size` bytes; %d counts."""
    if b"%d" not in part:
        return (part * (size // len(part) + 1))[:size]
    made = bytearray()
    for number in itertools.count():
        made += part.replace(b"%d", b"%d" % number)
        if len(made) >= size:
            return bytes(made[:size])
    return b""


def check(what: str, size: int, work: Callable[[], object]) -> None:
    def read() -> None:
        with contextlib.suppress(WarmbootError):
            work()

    Path("/proc/self/clear_refs").write_text("5")  # VmHWM counts from here; see proc(5)
    before = resident("VmRSS")
    spent = seconds(read, SECONDS)
    grown = resident("VmHWM") - before
    assert spent <= SECONDS, f"{what}: {spent:.1f} s"
    assert grown <= MEMORY + size, f"{what}: {grown >> 20} MiB for {size >> 20}"


def test_every_file_of_a_machine(tmp_path: Path) -> None:
    root = marked(tmp_path / "machine")
    state = "var/lib/warmboot"
    for name in (f"{state}/journal.jsonl", f"{state}/last-boot", "run/warmboot/countdown.json"):
        put(root, name, "{}")
    put(root, "run/warmboot/lock", "{}")
    write_marker(root)

    def read() -> None:
        facts(root)
        Journal(root).lines()
        Journal(root).problem()
        read_holder(root)
        read_countdown(root)
        is_sandbox(root)

    read()  # what is imported then is not counted
    files = [path for path in sorted(root.rglob("*")) if path.is_file()]
    assert len(files) > 40
    texts = itertools.cycle(TEXTS)
    for path in files:
        before = path.read_bytes()
        for text in itertools.islice(texts, 3):
            path.write_bytes(filled(text, LONG))
            check(f"{path.relative_to(root)} of {text!r}", LONG, read)
        path.write_bytes(before)


#: Lines that mean something to each menu, and are cheap to write a hundred thousand times.
MENUS = {
    "extlinux": ("boot/extlinux/extlinux.conf",
        ("label l%d\nlinux /k\n", "label l%d\nlinux /k\nappend a\ninitrd /i%d\n", "label\n",
         "include /boot/extlinux/extlinux.conf\n", "menu include extlinux.conf x\n", "append ",
         "text\n", "menu begin x\n")),
    "limine": ("boot/limine.conf",
        ("/e%d\nprotocol: linux\npath: boot():/k\n", "/+d%d\n", "//", "/e\n",
         "module_path: boot():/i\n", "${A}=${A}${A}\n")),
    "refind": ("boot/EFI/refind/refind.conf",
        ("menuentry e%d {\nloader /k\n}\n", "menuentry %d {\n submenuentry s {\n}\n",
         "include refind.conf\n", "options a%d\n", '"')),
    "refind, options": ("boot/refind_linux.conf", ('"a%d" "ro"\n', '"a" "', "\n")),
    "raspberry_pi": ("boot/config.txt",
        ("[pi%d]\nkernel=k%d\n", "include config.txt\n", "initramfs i%d followkernel\n")),
    "raspberry_pi, line": ("boot/cmdline.txt", ("a%d=1 ",)),
    "grub": ("boot/grub/grub.cfg",
        ("menuentry 'e%d' { linux /k ro\ninitrd /i\n}\n", "submenu x {\n", "set v%d=$v1\n", "$",
         "if [ -f /k ]; then x; fi\n", "function f%d { a; }\n", "source /boot/grub/grub.cfg\n",
         "for a in 1 2 3; do b; done\n", "linux /k%d\n", "{", "menuentry a {\n", "a;;", "'",
         "configfile /boot/grub/grub.cfg\n", "load_env\n", "search --set=root -f /k\n",
         "a\\\n", "blscfg\n")),
    "grub, environment": ("boot/grub/grubenv", ("a%d=x\n",)),
    "bls": ("boot/loader/entries/a.conf",
        ("initrd /i%d\n", "options a%d\n", "options $a $b\n", "title x\n",
         "devicetree-overlay /o /p\n")),
    "systemd_boot": ("boot/loader/loader.conf", ("default a*\n", "default [a-b", "default *?*?*?")),
    "kernel_install": ("boot/m/6.1/linux", ("MZ",)),
    "uki": ("boot/EFI/Linux/a.efi", ("MZ", "MZ\0\0")),
    "loose": ("boot/vmlinuz-6.9", ("MZ", "\x7fELF", "\x1f\x8b")),
    "modules": ("usr/lib/modules/6.9/vmlinuz", ("MZ",)),
    "flatcar": ("boot/flatcar/vmlinuz-a", ("MZ",)),
    "uboot": ("boot/boot.scr.uimg", ("\x27\x05\x19\x56", "load a b c\n")),
    "uboot, environment": ("boot/armbianEnv.txt", ("a%d=x\n", "overlays=a %d\n")),
    "unread": ("boot/boot.scr", ("\x27\x05\x19\x56", "load a b c\n")),
    "xen": ("boot/EFI/xen/xen.cfg", ("[a%d]\nkernel=k\n", "kernel=k\n", "a%d=b\n")),
    "fstab": ("etc/fstab", ("UUID=a%d /m%d vfat x 0 0\n", "/dev/sda1 /boot vfat\n")),
    "command line": ("etc/kernel/cmdline", ("a%d=x ", '"')),
}  # fmt: skip


@pytest.mark.parametrize("name", MENUS)
def test_every_boot_source(name: str, tmp_path: Path) -> None:
    place, texts = MENUS[name]
    put(tmp_path, "boot/k", b"x" * 5000)
    put(tmp_path, "boot/loader/entries/b.conf", "title b\nlinux /k\n")
    find_entries(BootRoot(tmp_path))
    for text in texts:
        content = filled(text.encode("latin-1"), LONG - 1)
        for size in (LONG - 1, 65535):  # what is read of a menu, and of smaller files
            put(tmp_path, place, content[:size])
            check(f"{text!r}, {size} bytes", size, lambda: find_entries(BootRoot(tmp_path)))


def test_no_boot_source_is_forgotten() -> None:
    modules = {source.find.__module__.rpartition(".")[2] for source in SOURCES}
    assert {name.partition(",")[0] for name in MENUS} >= modules


def images() -> Iterator[tuple[str, bytes]]:
    """A sound image of each kind with much behind it, and each magic with nothing sound behind."""
    kernel = build_arm64_image("6.12", body_size=3000)
    made = {
        "zboot": build_zboot(
            kernel, arch="arm64", method="gzip", certificates=build_certificate(bytes(40))
        ),
        "bzimage": build_bzimage("6.1", body_size=2000),
        "uki": build_uki(
            arch="arm64", linux=kernel, initrd=b"i", cmdline="a " * 9000, osrel="ID=x\n" * 9000
        ),
        "image": kernel,
    }
    for name, data in made.items():
        for text in (b"\0", b"MZ\0\0", b"Linux version 1.1", b"\x30\x80"):
            yield f"{name} and {text!r}", data + filled(text, LONG)
    magics = [
        b"MZ",
        b"\x7fELF\2\1",
        b"\xd0\r\xfe\xed",
        b"\x27\x05\x19\x56",
        b"\x9f\xeb\1\0",
        b"070701",
    ]
    yield "lz4 of empty blocks", b"\x02\x21\x4c\x18" + filled(b"\1\0\0\0\0", LONG)
    magics += [row.magic for row in COMPRESSIONS]
    for magic, text in itertools.product(
        magics, (b"\0", b"\xff", b"070701" + b"0" * 104, b"\x41\0")
    ):
        yield f"{magic!r} and {text!r}", magic + filled(text, LONG)


def test_every_image() -> None:
    def read(data: bytes) -> None:
        view = BytesView(data)
        is_initrd(view)
        read_initrd(view, limit=LONG).describe()
        signatures_of(view)
        carried_parser(view)
        identify(view).describe()

    for name, data in images():
        check(name, 2 * len(data), lambda data=data: read(data))  # type: ignore[misc]


def line(data: bytes) -> str:
    """As long as an argument of a program may be, MAX_ARG_STRLEN: entries' lines are shorter."""
    return data[: 128 << 10].decode("latin-1")


TEXT_READERS: dict[str, Callable[[bytes], object]] = {
    "build options": lambda data: dict(BuildOptions(data.decode("ascii", "replace")).items()),
    "os-release": lambda data: parse_os_release(data.decode("latin-1")),
    "mountinfo": lambda data: list(parse_mountinfo(data.decode("latin-1"))),
    "BTF": lambda data: find_types(b"\x9f\xeb\1\0" + data, ("a", "b")),
    "device tree": lambda data: check_tree(b"\xd0\r\xfe\xed" + data, "tree"),
    "crashkernel=": lambda data: reserve([data.decode("latin-1")] * 9, 1 << 32),
    "a command line": lambda data: compare(line(data), line(data[::-1])),
}


@pytest.mark.parametrize("name", TEXT_READERS)
def test_every_reader_of_one_text(name: str) -> None:
    read = TEXT_READERS[name]
    for text in (
        *TEXTS,
        b"CONFIG_A%d=y\n",
        b"\0\0\0\1",
        b"1M-2M:1K,",
        b"25 1 8:%d / /m%d rw - ext4 /d rw\n",
    ):
        check(f"{text!r}", 16 * LONG, lambda text=text: read(filled(text, LONG >> 2)))  # type: ignore[misc]


def test_presets(tmp_path: Path) -> None:
    for text in (*TEXTS, b"[preset.a%d]\nadd='x'\n", b"a.b.c.d%d=1\n", b"a=[" * 3):
        path = put(tmp_path, "config.toml", filled(text, LONG))
        check(f"{text!r}", LONG, lambda path=path: read_presets("x86_64", (ConfigFile(path),)))  # type: ignore[misc]


@pytest.mark.parametrize("magic", [b"MZ", b"\0", b"070701", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"])
def test_a_file_without_end_is_not_read(tmp_path: Path, magic: bytes) -> None:
    """A file with holes may have any size; what the kernel would not read is not looked at."""
    path = put(
        tmp_path, "sparse", build_bzimage("6.1", body_size=2000) if magic == b"MZ" else magic
    )
    with path.open("rb+") as file:
        os.truncate(file.fileno(), LARGEST_FILE + 4096)
        view = FileView(file.fileno(), LARGEST_FILE + 4096)
        check("initrd", 0, lambda: read_initrd(view))
        assert "no file of more than 4.0 GiB" in (read_initrd(view).problem or "")
        with pytest.raises(WarmbootError, match=r"no file of more than 4\.0 GiB"):
            identify(view)
