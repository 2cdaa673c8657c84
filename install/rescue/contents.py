"""What is inside the rescue build, and under which licence, by the packages' own words."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sysconfig
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib import metadata
from pathlib import Path

from cyclonedx.factory.license import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import OutputFormat, make_outputter
from cyclonedx.schema import SchemaVersion
from packageurl import PackageURL

_TEXTS = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS")
_UNKNOWN = "not stated"


@dataclass(frozen=True, order=True)
class Part:
    """One part: `kind` as package URLs name it, `texts` the files with its licence."""

    name: str
    version: str
    licence: str
    kind: str
    texts: tuple[Path, ...] = ()
    sha256: str = ""


class Installed:
    """Which distribution a file below site-packages belongs to."""

    @cached_property
    def owners(self) -> dict[str, metadata.Distribution]:
        """Each file of each distribution, by its real path."""
        return {
            os.path.realpath(str(found.locate_file(path))): found
            for found in metadata.distributions()
            for path in found.files or ()
        }

    def part(self, found: metadata.Distribution) -> Part:
        """Return what a distribution says of itself."""
        said = found.metadata
        licence = said["License-Expression"] or said["License"] or ""
        if not licence or "\n" in licence:  # some put the whole text there
            kinds = said.get_all("Classifier") or []
            licence = ", ".join(k.split(" :: ")[-1] for k in kinds if k.startswith("License"))
        texts = [
            Path(str(found.locate_file(path)))
            for path in found.files or ()
            if path.name.upper().startswith(_TEXTS) and ".dist-info" in str(path)
        ]
        name, version = said["Name"].lower(), found.version
        return Part(name, version, licence or _UNKNOWN, "pypi", tuple(sorted(texts)))


def parts_of(sources: Iterable[Path]) -> list[Part]:
    """Return the parts that files come from, sorted; `sources` are paths on this machine."""
    installed = Installed()
    found = {installed.part(metadata.distribution("pyinstaller"))}  # its loader starts the program
    found.add(Part("python", platform.python_version(), "PSF-2.0", "generic"))
    library = os.path.realpath(sysconfig.get_path("stdlib"))
    for source in sources:
        real = os.path.realpath(source)
        owner = installed.owners.get(real)
        if owner is not None:
            found.add(installed.part(owner))
        elif _is_library(source) and not real.startswith(library):
            found.add(_library(Path(real)))
    return sorted(found)


def _is_library(path: Path) -> bool:
    return ".so" in path.name and not path.name.startswith("libpython")


def _library(path: Path) -> Part:
    """Return the package that a shared library of the system comes from."""
    if shutil.which("dpkg-query"):
        for name in (str(path), str(path).removeprefix("/usr")):
            words = ["dpkg-query", "-S", name]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            package = done.stdout.split(": ")[0]
            if package:
                form = "${source:Package} ${source:Version}"
                words = ["dpkg-query", "-W", "-f", form, package]
                said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
                source, _, version = said.partition(" ")
                return _debian(package.partition(":")[0], source, version)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Part(path.name, _UNKNOWN, _UNKNOWN, "generic", (), digest)


def _debian(package: str, source: str, version: str) -> Part:
    text = Path("/usr/share/doc", package, "copyright")
    if not text.exists():
        return Part(source, version, _UNKNOWN, "deb")
    lines = text.read_text(errors="replace").splitlines()
    names = {line.partition(":")[2].strip() for line in lines if line.startswith("License:")}
    licence = ", ".join(sorted(filter(None, names))) or "see its copyright file"
    return Part(source, version, licence, "deb", (text,))


def listing(parts: Iterable[Part]) -> str:
    """Return the list for a reader: name, version, licence."""
    rows = [f"{part.name:24} {part.version:24} {part.licence}" for part in parts]
    return "\n".join(["What is inside, by the packages' own words:", "", *rows, ""])


def bill(version: str, epoch: int, parts: Iterable[Part]) -> str:
    """Return the software bill of materials in CycloneDX's JSON; the same parts, the same text."""
    licences = LicenseFactory()
    bom = Bom(components=list(_components(licences, parts)))
    bom.metadata.component = Component(
        name="warmboot-rescue",
        version=version,
        type=ComponentType.APPLICATION,
        bom_ref="warmboot-rescue",
        licenses=[licences.make_from_string("GPL-2.0-or-later")],
    )
    bom.metadata.timestamp = datetime.fromtimestamp(epoch, UTC)
    named = "\n".join(sorted(str(one.bom_ref) for one in bom.components))
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, f"warmboot-rescue {version}\n{named}")
    bom.register_dependency(bom.metadata.component, bom.components)
    text: str = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(
        indent=2
    )
    return text + "\n"


def _components(licences: LicenseFactory, parts: Iterable[Part]) -> Iterator[Component]:
    for part in parts:
        space = "debian" if part.kind == "deb" else None
        version = None if part.version == _UNKNOWN else part.version
        url = PackageURL(part.kind, space, part.name, version)
        stated = part.licence != _UNKNOWN
        yield Component(
            name=part.name,
            version=version,
            type=ComponentType.LIBRARY,
            bom_ref=str(url) + (f"#{part.sha256[:8]}" if part.sha256 else ""),
            purl=url,
            licenses=[licences.make_from_string(part.licence)] if stated else [],
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=part.sha256)]
            if part.sha256
            else [],
        )
