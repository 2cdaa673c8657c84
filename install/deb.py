"""The Debian package: ``python install/deb.py WHEEL FOLDER`` makes warmboot_VERSION_all.deb there.

It is one package for every architecture and every Debian from 12 on. What has compiled parts comes
from Debian itself (Depends); what is pure Python and too old or missing there (Textual and what it
needs) lies inside, in a folder of its own that no other program sees. Nothing is fetched while it
is installed. The same sources make the same bytes.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from email.parser import Parser
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
#: What Debian has, in versions that serve: its package, by the name on PyPI.
FROM_DEBIAN = {
    "asn1crypto": "python3-asn1crypto",
    "lz4": "python3-lz4",
    "pefile": "python3-pefile",
    "psutil": "python3-psutil",
    "zstandard": "python3-zstandard",
}
#: Built with, not run with.
_BUILD = ("setuptools", "wheel", "packaging", "pip")
_HOME = Path("usr/lib/warmboot")

_CONTROL = """\
Package: warmboot
Version: {version}
Architecture: all
Maintainer: warmboot maintainers <warmboot@localhost>
Depends: python3 (>= 3.11), {depends}
Recommends: kexec-tools
Suggests: python3-isal
Section: admin
Priority: optional
Installed-Size: {size}
Description: {summary}
 warmboot lists the boot images that are installed, shows what is inside each
 one, and stages and executes the one you choose with kexec. It is a
 full-screen program and a command line that answers in JSON.
"""
_SCRIPT = """\
#!/usr/bin/python3 -I
import sys

sys.path.insert(0, "/usr/lib/warmboot")
from warmboot.tui.entry import run

sys.exit(run())
"""
#: As dh_python3 does: compiled files are made here, for whatever Python the system has.
_POSTINST = """\
#!/bin/sh
set -e
if [ "$1" = configure ]; then
	py3compile /usr/lib/warmboot || true
fi
"""
_PRERM = """\
#!/bin/sh
set -e
find /usr/lib/warmboot -type d -name __pycache__ -prune -exec rm -rf {} +
"""


def build(wheel: Path, folder: Path) -> Path:
    """Make the package in `folder` and return its path."""
    version = wheel.name.split("-")[1]
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary) / "root"
        _modules(wheel, root)
        _files(wheel, root)
        target = folder / f"warmboot_{version}_all.deb"
        return pack(root, target, _control(root, version, wheel))


def pack(root: Path, target: Path, control: dict[str, str]) -> Path:
    """Pack a tree as the package `target` and return its path; `control`: control files by name."""
    folder = root / "DEBIAN"
    folder.mkdir()
    for name, text in control.items():
        (folder / name).write_text(text)
        if text.startswith("#!"):
            (folder / name).chmod(0o755)
    epoch = source_epoch()
    for path in [root, *sorted(root.rglob("*"))]:
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (epoch, epoch))
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", root, target],
        env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch)},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return target


#: Of sources that are in no repository.
_SOME_DAY = 1_700_000_000


def source_epoch() -> int:
    """Return when the sources last changed, in seconds since the epoch."""
    if "SOURCE_DATE_EPOCH" in os.environ:
        return int(os.environ["SOURCE_DATE_EPOCH"])
    if shutil.which("git") is None:
        return _SOME_DAY
    done = subprocess.run(
        ["git", "log", "-1", "--format=%ct"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    return int(done.stdout) if done.returncode == 0 else _SOME_DAY


def _modules(wheel: Path, root: Path) -> None:
    """Put the program, and the pure Python that Debian has not, into a folder of its own."""
    home = root / _HOME
    home.mkdir(parents=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as wanted:
        wanted.write(_locked())
        wanted.flush()
        words = ["--no-deps", "--require-hashes", "--only-binary=:all:", "--no-compile"]
        words += ["--disable-pip-version-check", "-q", "--target", str(home)]
        subprocess.run(
            [sys.executable, "-m", "pip", "install", *words, "-r", wanted.name], check=True
        )
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".data/" not in name]
        archive.extractall(home, names)
    shutil.rmtree(home / "bin", ignore_errors=True)
    for info in home.glob("*.dist-info"):
        for name in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json"):
            (info / name).unlink(missing_ok=True)
    collections = root / "usr/share/ansible/collections"  # where Ansible looks by itself
    collections.mkdir(parents=True)
    (home / "ansible_collections").rename(collections / "ansible_collections")
    compiled = [str(path) for path in home.rglob("*.so*")]
    if compiled:
        raise SystemExit(f"not pure Python: {', '.join(compiled)}")


def _locked() -> str:
    """Return the part of requirements.lock that goes inside, hashes and all."""
    text = (REPOSITORY / "requirements.lock").read_text()
    parts = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)
    skipped = (*FROM_DEBIAN, *_BUILD)
    return "".join(part for part in parts[1:] if part.split("==")[0] not in skipped)


def _files(wheel: Path, root: Path) -> None:
    """Put the command, manual pages, completions, units and documents where Debian has them."""
    script = root / "usr/bin/warmboot"
    script.parent.mkdir(parents=True)
    script.write_text(_SCRIPT)
    script.chmod(0o755)
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            _, found, place = name.partition(".data/data/share/")
            if not found or place.endswith("/"):
                continue
            if place.startswith("zsh/"):
                place = f"zsh/vendor-completions/{Path(place).name}"
            _write(root / "usr/share" / place, archive.read(name))
    for unit in sorted((REPOSITORY / "install/units").glob("*")):
        _write(root / "usr/lib/systemd/system" / unit.name, unit.read_bytes())
    documents = root / "usr/share/doc/warmboot"
    _write(documents / "changelog", (REPOSITORY / "CHANGELOG.md").read_bytes())
    _write(documents / "copyright", _copyright(root / _HOME).encode())


def _write(path: Path, content: bytes) -> None:
    """Write a file, packed where Debian wants it so."""
    if "/share/man/" in str(path) or path.name == "changelog":
        path = path.with_name(f"{path.name}.gz")
        content = gzip.compress(content, 9, mtime=0)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _copyright(home: Path) -> str:
    """Return whose work is inside, and under which licence, by the packages' own words."""
    lines = [
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/",
        "",
        "Files: *",
        "Copyright: warmboot contributors",
        "License: GPL-2.0-or-later",
        "",
    ]
    for info in sorted(home.glob("*.dist-info")):
        fields = Parser().parsestr((info / "METADATA").read_text())
        if fields["Name"] == "warmboot":
            continue
        licence = fields["License-Expression"] or fields["License"] or "see its files"
        licence = licence.split("\n")[0]
        author = fields["Author-email"] or fields["Author"] or f"{fields['Name']} contributors"
        lines += [f"Files: usr/lib/warmboot/{fields['Name'].lower()}*"]
        lines += [f"Copyright: {author}", f"License: {licence}", ""]
    lines += ["License: GPL-2.0-or-later", " See /usr/share/common-licenses/GPL-2.", ""]
    return "\n".join(lines)


def _control(root: Path, version: str, wheel: Path) -> dict[str, str]:
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        summary = Parser().parsestr(archive.read(name).decode())["Summary"]
    text = _CONTROL.format(
        version=version,
        depends=", ".join(FROM_DEBIAN.values()),
        size=size // 1024,
        summary=summary,
    )
    return {"control": text, "postinst": _POSTINST, "prerm": _PRERM}


if __name__ == "__main__":
    print(build(Path(sys.argv[1]), Path(sys.argv[2])))
