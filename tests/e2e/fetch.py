"""What the guests are made of: Debian packages and Python wheels, fetched once into the cache.

Every folder in the cache is named after all that decides its content, and is moved into place
when complete, so that one which exists can be used as it is.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = REPOSITORY / ".cache" / "e2e"
LOCK_FILE = REPOSITORY / "requirements.lock"
SUITE = "bookworm"  # where an architecture names none
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
PYTHON_VERSION = "3.11"  # SUITE's; the wheels must fit it

COMMAND_TIMEOUT = 240.0  # seconds; the slowest (a download of 60 MB) takes about ten


class Arch(StrEnum):
    """A guest's architecture, by Debian's name."""

    AMD64 = "amd64"
    ARM64 = "arm64"
    RISCV64 = "riscv64"
    LOONG64 = "loong64"
    PPC64EL = "ppc64el"

    @property
    def machine(self) -> str:
        """The name that uname(2) and wheel file names use."""
        return _MACHINES[self]

    @property
    def suite(self) -> str:
        """The oldest Debian that has it, which the guest's userland comes from."""
        return {Arch.RISCV64: "trixie", Arch.LOONG64: "sid"}.get(self, SUITE)

    @property
    def python(self) -> str:
        """The version of that userland's Python."""
        return {SUITE: PYTHON_VERSION, "trixie": "3.13"}.get(self.suite, "3.14")

    @property
    def has_wheels(self) -> bool:
        """Whether PyPI has what is not pure Python for it; the others do without."""
        return self in (Arch.AMD64, Arch.ARM64)


_MACHINES = {
    Arch.AMD64: "x86_64",
    Arch.ARM64: "aarch64",
    Arch.RISCV64: "riscv64",
    Arch.LOONG64: "loongarch64",
    Arch.PPC64EL: "ppc64le",
}
#: Modules in the lock file that are not pure Python; zstd, lz4 and utmp need them.
NATIVE = ("lz4", "psutil", "zstandard")


class FetchError(Exception):
    """A command that fetches or unpacks failed; the text holds what it printed."""


def run(
    *command: str | Path,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    seconds: float = COMMAND_TIMEOUT,
) -> bytes:
    """Run a command and return its standard output; raises FetchError with all that it said."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=seconds,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stdout + done.stderr).decode(errors="replace").strip()[-4000:]
        raise FetchError(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{said}")
    return done.stdout


def cached(kind: str, key: Sequence[str], fill: Callable[[Path], None]) -> Path:
    """The folder that `fill` fills, made once for each key; safe with several processes."""
    place = CACHE / kind / hashlib.sha256("\0".join(key).encode()).hexdigest()[:20]
    with _locked(place.with_suffix(".lock")):
        if not place.is_dir():
            with tempfile.TemporaryDirectory(dir=place.parent, prefix="new-") as new:
                content = Path(new) / "content"
                content.mkdir()
                fill(content)
                content.rename(place)
    return place


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def debian_packages(arch: Arch, names: Sequence[str], suite: str = SUITE) -> Path:
    """A folder with the .deb files of exactly these packages of `suite`, dependencies left out.

    A name that ends in `*` is a metapackage: what it depends on is meant.
    """

    def download(folder: Path) -> None:
        with _private_apt(arch, suite) as env:
            wanted = [
                name
                for n in names
                for name in (_depended_on(n[:-1], env) if n.endswith("*") else [n])
            ]
            run("apt-get", "-q", "download", *wanted, cwd=folder, env=env)

    return cached("debs", [suite, arch, *names], download)


def download(arch: Arch, name: str, suite: str, folder: Path) -> Path:
    """Download one package into a folder, however large it is."""
    with _private_apt(arch, suite) as env:
        run("apt-get", "-q", "download", name, cwd=folder, env=env, seconds=3000)
    (package,) = folder.glob("*.deb")
    return package


def debian_tree(arch: Arch, names: Sequence[str], suite: str) -> Path:
    """A folder with these packages of `suite` and all that they depend on, unpacked."""

    def unpack(folder: Path) -> None:
        with _private_apt(arch, suite) as env:
            wanted = ("install", "--download-only", "--no-install-recommends", "-y", *names)
            run("apt-get", "-q", *wanted, env=env)
            archives = Path(env["APT_CONFIG"]).parent / "archives"
            for package in sorted(archives.glob("*.deb")):
                run("dpkg-deb", "--extract", package, folder)

    return cached("trees", [suite, arch, "installed", *names], unpack)


def _depended_on(metapackage: str, env: dict[str, str]) -> list[str]:
    """The package of a kernel that a metapackage stands for, or the parts that it consists of."""
    other = ("linux-base-", "linux-modules-")
    names = [n for n in _dependencies(metapackage, env) if not n.startswith(other)]
    if len(names) != 1:
        raise FetchError(f"{metapackage} should depend on one package, not on {names}")
    part = re.compile(r"linux-(?:binary|base)-\d")
    return [name for name in _dependencies(names[0], env) if part.match(name)] or names


def _dependencies(package: str, env: dict[str, str]) -> list[str]:
    answer = run("apt-cache", "depends", "--important", package, env=env).decode()
    names: list[str] = re.findall(r"Depends: (\S+)", answer)
    return names


@contextlib.contextmanager
def _private_apt(arch: Arch, suite: str) -> Iterator[dict[str, str]]:
    """The environment that makes apt serve `arch` from a state of its own.

    The machine's settings, lists and status file stay as they are (apt.conf(5), APT_CONFIG).
    """
    with tempfile.TemporaryDirectory(prefix="warmboot-apt-") as name:
        state = Path(name)
        for folder in ("lists/partial", "archives/partial"):
            (state / folder).mkdir(parents=True)
        (state / "status").touch()
        address = archive_address()
        source = f"deb [signed-by={KEYRING}] {address} {suite} main\n"
        (state / "sources.list").write_text(source, encoding="ascii")
        settings = {
            "Dir::State::lists": "lists",
            "Dir::State::status": "status",
            "Dir::Cache": ".",
            "Dir::Cache::archives": "archives",
            "Dir::Etc::SourceList": "sources.list",
            "Dir::Etc::SourceParts": "no-sources.list.d",
        }
        lines = [f'{key} "{state / value}";' for key, value in settings.items()]
        lines += [f'APT::Architecture "{arch}";', f'APT::Architectures:: "{arch}";']
        lines += ['APT::Sandbox::User "root";', 'Acquire::Languages "none";']
        (state / "apt.conf").write_text("\n".join(lines) + "\n", encoding="ascii")
        env = {"APT_CONFIG": str(state / "apt.conf"), "LC_ALL": "C"}
        run("apt-get", "-q", "update", env=env)
        yield env


def archive_address() -> str:
    """Where this machine gets Debian's own packages from."""
    form = "$(ORIGIN) $(LABEL) $(REPO_URI)"
    targets = run("apt-get", "indextargets", "--format", form, "Created-By: Packages")
    for line in targets.decode().splitlines():
        origin, label, address = line.split(" ", 2)
        if (origin, label) == ("Debian", "Debian"):
            return address
    raise FetchError("apt knows no Debian archive here: run tests/e2e/setup.sh as root first")


def python_modules(arch: Arch, version: str | None = None) -> Path:
    """A folder with the modules that the lock file pins, as wheels for this architecture.

    Those in NATIVE are left out where there are no wheels of them.
    """
    version = version or arch.python
    pins = LOCK_FILE.read_text(encoding="utf-8")
    if not arch.has_wheels:
        pins = re.sub(rf"(?m)^(?:{'|'.join(NATIVE)})==(?:.*\\\n)*.*\n", "", pins)

    def install(folder: Path) -> None:
        platforms = [f"manylinux2014_{arch.machine}", f"manylinux_2_28_{arch.machine}"]
        wanted = folder.parent / "wanted"
        wanted.write_text(pins, encoding="utf-8")
        run(
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"),
            *("--target", folder, "--requirement", wanted),
            *("--python-version", version, "--only-binary=:all:"),
            *(word for platform in platforms for word in ("--platform", platform)),
        )

    key = [arch, pins]
    return cached("wheels", key if version == PYTHON_VERSION else [*key, version], install)
