"""Debian's kernels for architectures without a cloud kernel."""

from __future__ import annotations

import re
import tarfile
from io import BytesIO

from .fetch import Arch, debian_packages, run
from .initramfs import DebianKernel

#: Where packages keep the image and the build options; the second since Debian 14.
_PLACES = (
    re.compile(r"\./boot/(?P<kind>vmlinu[xz]|config)-(?P<release>.+)"),
    re.compile(r"\./usr/lib/modules/(?P<release>[^/]+)/(?P<kind>vmlinu[xz]|config)"),
)
_NAMES = {Arch.PPC64EL: "powerpc64le"}


def ported_kernel(arch: Arch, suite: str) -> DebianKernel:
    """Return the kernel that `suite` has for an architecture."""
    name = f"linux-image-{_NAMES.get(arch, arch)}*"
    found: dict[str, bytes] = {}
    release = ""
    for package in debian_packages(arch, [name], suite).glob("*.deb"):
        content = run("dpkg-deb", "--fsys-tarfile", package)
        with tarfile.open(fileobj=BytesIO(content)) as archive:
            for member in archive:
                place = next(filter(None, (p.fullmatch(member.name) for p in _PLACES)), None)
                file = archive.extractfile(member) if place is not None else None
                if place is not None and file is not None:
                    release = place["release"]
                    found[place["kind"]] = file.read()
    config = found.pop("config")
    (image,) = found.values()
    return DebianKernel(release, image, config)
