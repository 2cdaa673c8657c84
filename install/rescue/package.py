"""The Debian package of the rescue build: ``python install/rescue/package.py FOLDER``.

Made from the archive that build.py left in FOLDER. The folder goes to /usr/lib/warmboot-rescue, the
hooks to where initramfs-tools and dracut look; every initramfs made from then on has it inside.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from deb import pack

_CONTROL = """\
Package: warmboot-rescue
Version: {version}
Architecture: {architecture}
Maintainer: warmboot maintainers <warmboot@localhost>
Depends: libc6 (>= {libc})
Enhances: initramfs-tools, dracut
Section: admin
Priority: optional
Installed-Size: {size}
Description: Restart into another kernel, from the initramfs's shell
 warmboot, with all that it needs but the C library, in the initramfs: where the
 root file system is not found, it lists, looks into and starts the kernels of
 a disk that is mounted by hand.
"""
#: As Debian's own packages do that have hooks; dracut makes its images when kernels are installed.
_TRIGGERS = "activate-noawait update-initramfs\n"
_HOME = Path("usr/lib/warmboot-rescue")
_HOOKS = {
    "initramfs-tools/warmboot": "usr/share/initramfs-tools/hooks/warmboot",
    "dracut/90warmboot/module-setup.sh": "usr/lib/dracut/modules.d/90warmboot/module-setup.sh",
}


def build(archive: Path, folder: Path) -> Path:
    """Make the package in `folder` and return its path."""
    version = archive.name.split("-")[2]
    words = ["dpkg", "--print-architecture"]
    architecture = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary) / "root"
        (root / _HOME).parent.mkdir(parents=True)
        with tarfile.open(archive) as content:
            content.extraction_filter = getattr(tarfile, "data_filter", None)  # since 3.11.4
            content.extractall(root / _HOME.parent)
        hooks = root / _HOME / "hooks"
        for name, place in _HOOKS.items():
            (root / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(hooks / name, root / place)
        shutil.rmtree(hooks)
        documents = root / "usr/share/doc/warmboot-rescue"
        documents.mkdir(parents=True)
        shutil.move(root / _HOME / "licences", documents / "licences")
        shutil.copyfile(root / _HOME / "CONTENTS", documents / "copyright")
        size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
        control = _CONTROL.format(
            version=version, architecture=architecture, libc=_libc(root / _HOME), size=size // 1024
        )
        target = folder / f"warmboot-rescue_{version}_{architecture}.deb"
        return pack(root, target, {"control": control, "triggers": _TRIGGERS})


def _libc(home: Path) -> str:
    """Return the oldest C library that has all symbols that are asked for."""
    files = [home / "warmboot", *home.rglob("*.so*")]
    words = ["objdump", "-T", *map(str, files)]
    said = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    found = {part.partition(")")[0] for part in said.split("(GLIBC_")[1:]}
    return max((v for v in found if v[0].isdigit()), key=lambda v: tuple(map(int, v.split("."))))


if __name__ == "__main__":
    (found,) = Path(sys.argv[1]).glob("warmboot-rescue-*.tar.xz")
    print(build(found, Path(sys.argv[1])))
