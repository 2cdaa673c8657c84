"""Kernels packed by every method, and what unpacks them in a guest."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from warmboot.core.sandbox.builders.compress import METHODS, compress
from warmboot.core.sandbox.builders.zboot import build_zboot

from .fetch import REPOSITORY, Arch, cached, debian_packages, run

FORMS = ("zboot", "Image")
#: The program's name of an architecture, where it is not Debian's.
_NAMES = {Arch.AMD64: "x86-64", Arch.LOONG64: "loongarch64"}
#: Debian's module for a method, and the libraries that it is linked to.
_MODULES = {"zstd": ("zstandard", "libzstd1"), "lz4": ("lz4", "liblz4-1", "libxxhash0")}


def cases(arch: Arch, forms: Sequence[str] = FORMS) -> list[tuple[str, str]]:
    """The forms and methods that can be unpacked there.

    What lzo needs is on PyPI for few architectures, and the kernel's build has no bzip2 for zboot
    (Makefile.zboot).
    """
    pairs = ((form, method) for form in forms for method in METHODS)
    left_out = {("zboot", "bzip2")}
    return [p for p in pairs if p not in left_out and (p[1] != "lzo" or arch.has_wheels)]


def packed(arch: Arch, form: str, method: str, image: bytes) -> bytes:
    """The kernel as the kernel's own build packs it, a zboot or compressed as a whole."""
    # Debian's xz, which packs kernels for arm64, has a filter for its code.
    branch_filter = "arm64" if (arch, method) == (Arch.ARM64, "xz") else None
    if form == "Image":
        return compress(image, method, branch_filter=branch_filter)
    name = _NAMES.get(arch, arch)
    return build_zboot(image, arch=name, method=method, branch_filter=branch_filter)


def codec(arch: Arch, method: str) -> dict[str, bytes]:
    """What unpacks a method in a guest beyond what every guest has, as files for it.

    Debian's module, with its library, where PyPI has no wheel; and the wheel that lzo needs.
    """
    if method == "lzo":
        tree, modules = _lzo_wheel(arch), "."
    elif arch.has_wheels or method not in _MODULES:
        return {}
    else:
        tree, modules = _debian_module(arch, *_MODULES[method]), "usr/lib/python3/dist-packages"
    place = f"/usr/local/lib/python{arch.python}/dist-packages"
    found = {
        f"{place}/{path.relative_to(tree / modules)}": path
        for path in (tree / modules).rglob("*")
        if path.is_file()
    }
    for library in tree.glob("usr/lib/*/lib*.so.*.*"):
        name, _, version = library.name.partition(".so.")
        soname = f"{name}.so.{version.partition('.')[0]}"
        found[f"/usr/lib/{library.parent.name}/{soname}"] = library
    return {name: path.read_bytes() for name, path in found.items()}


def _debian_module(arch: Arch, module: str, *libraries: str) -> Path:
    downloads = debian_packages(arch, [f"python3-{module}", *libraries], arch.suite)

    def unpack(folder: Path) -> None:
        for package in downloads.glob("*.deb"):
            run("dpkg-deb", "--extract", package, folder)

    return cached("trees", [downloads.name], unpack)


def _lzo_wheel(arch: Arch) -> Path:
    """The wheel that the tests' lock file pins."""
    lock = (REPOSITORY / "requirements-dev.lock").read_text(encoding="utf-8")
    pin = re.search(r"(?m)^lzallright==(?:.*\\\n)*.*\n", lock)
    if pin is None:
        raise FileNotFoundError("requirements-dev.lock pins no lzallright")
    wanted = pin[0]

    def install(folder: Path) -> None:
        pins = folder.parent / "wanted"
        pins.write_text(wanted, encoding="utf-8")
        run(
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"),
            *("--target", folder, "--requirement", pins, "--only-binary=:all:"),
            *("--python-version", arch.python, "--platform", f"manylinux2014_{arch.machine}"),
        )

    return cached("wheels", [arch, wanted], install)
