"""The guests' file systems, as archives for the kernel: Debian's Python and warmboot on top.

A guest's initramfs is two archives end to end: a base that is cached (Python, the modules that
warmboot needs, busybox) and a small one made for each run (warmboot itself, boot files, scenario).
"""

from __future__ import annotations

import platform
import shutil
import sysconfig
import tarfile
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from io import BytesIO
from pathlib import Path

from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .cpio import Archive
from .fetch import NATIVE, PYTHON_VERSION, SUITE, Arch, cached, debian_packages, python_modules, run

GUEST_FILES = Path(__file__).parent / "guest"
PACKAGES = (
    *("libc6", "libc-bin", "libgcc-s1", "zlib1g", "libexpat1", "libffi8", "liblzma5"),
    *("libbz2-1.0", "libuuid1", "libcrypt1", "busybox-static"),
)
XEN = (  # which kexec-tools is linked to where there is Xen
    *("libxenmisc4.17", "libxencall1", "libxentoollog1", "libxenevtchn1"),
    *("libxenforeignmemory1", "libxendevicemodel1", "libxengnttab1", "libxentoolcore1"),
)
APPLETS = (
    *("cat", "dmesg", "hostname", "ls", "mkdir", "mount", "poweroff", "sed", "setsid", "sh"),
    *("modprobe", "sleep", "stty", "sync", "uname"),
)
DISK_DRIVERS = (
    *("virtio.ko", "virtio_ring.ko", "virtio_pci_legacy_dev.ko", "virtio_pci_modern_dev.ko"),
    *("virtio_pci.ko", "virtio_blk.ko"),
)
NOT_NEEDED = ("usr/share/doc", "usr/share/man", "usr/share/lintian", "usr/lib/*/gconv")


@dataclass(frozen=True)
class DebianKernel:
    """Debian's stock cloud kernel: its release, the image, and its build options as text."""

    release: str
    image: bytes
    config: bytes


def debian_kernel(arch: Arch) -> DebianKernel:
    """Return the stock cloud kernel of an architecture."""
    (package,) = debian_packages(arch, [f"linux-image-cloud-{arch}*"]).glob("*.deb")
    content = run("dpkg-deb", "--fsys-tarfile", package)
    found: dict[str, tuple[str, bytes]] = {}
    with tarfile.open(fileobj=BytesIO(content)) as archive:
        for member in archive:
            kind, _, release = Path(member.name).name.partition("-")
            file = archive.extractfile(member) if member.name.startswith("./boot/") else None
            if file is not None:
                found[kind] = (release, file.read())
    release, image = found["vmlinuz"]
    return DebianKernel(release, image, found["config"][1])


def drivers(arch: Arch, names: Sequence[str] = DISK_DRIVERS) -> dict[str, bytes]:
    """Modules of Debian's cloud kernel in the order to load them: those for a virtio disk."""
    (package,) = debian_packages(arch, [f"linux-image-cloud-{arch}*"]).glob("*.deb")
    content = run("dpkg-deb", "--fsys-tarfile", package)
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=BytesIO(content)) as archive:
        for member in archive:
            name = Path(member.name).name
            file = archive.extractfile(member) if name in names else None
            if file is not None:
                found[name] = file.read()
    return {f"/drivers/{n}-{name}": found[name] for n, name in enumerate(names)}


def kexec_tools(arch: Arch) -> dict[str, bytes]:
    """Debian's kexec(8) and the libraries it is linked to, as files for guest_initramfs."""
    suite = "sid" if arch.suite != SUITE else SUITE  # for others it is there only
    names = ["kexec-tools", *(XEN if arch.has_wheels else ())]
    downloads = debian_packages(arch, names, suite)

    def unpack(folder: Path) -> None:
        for package in downloads.glob("*.deb"):
            run("dpkg-deb", "--extract", package, folder)

    tree = cached("trees", [downloads.name], unpack)
    libraries = [path for path in tree.glob("usr/lib/*/libxen*.so.*") if not path.is_symlink()]
    files = {f"/usr/lib/{_soname(path)}": path.read_bytes() for path in libraries}
    return {**files, "/usr/sbin/kexec": next(tree.glob("**/sbin/kexec")).read_bytes()}


def _soname(library: Path) -> str:
    """The name that programs know a library by."""
    with library.open("rb") as file:
        dynamic = ELFFile(file).get_section_by_name(".dynamic")
        if not isinstance(dynamic, DynamicSection):
            raise FileNotFoundError(f"{library.name} is no shared library")
        return str(next(vars(tag)["soname"] for tag in dynamic.iter_tags("DT_SONAME")))


def base_archive(arch: Arch) -> Path:
    """The cached part of a guest's initramfs, for a running kernel of this architecture."""
    debian, wheels = _debian_tree(arch), python_modules(arch)

    def build(folder: Path) -> None:
        tree = folder / "tree"
        shutil.copytree(debian, tree, symlinks=True)
        left_out = () if arch.has_wheels else NATIVE
        copy_needed_modules(wheels, tree / _modules(arch.python), left_out)
        compile_modules(tree, arch.suite, arch.python)
        archive = Archive()
        archive.tree(tree)
        archive.character_device("/dev/console", 5, 1)
        for name in ("proc", "sys", "run", "root"):
            archive.folder(f"/{name}")
        archive.folder("/tmp", 0o1777)
        programs = "/usr/bin" if (tree / "bin").is_symlink() else "/bin"
        for applet in APPLETS:
            archive.link(f"{programs}/{applet}", "busybox")
        archive.write(folder / "base.cpio")
        shutil.rmtree(tree)

    own_part = Path(__file__).read_text(encoding="utf-8")
    return cached("bases", [debian.name, wheels.name, own_part], build) / "base.cpio"


def _debian_tree(arch: Arch, suite: str | None = None, python: str | None = None) -> Path:
    """Debian's Python, unpacked; of another suite than the architecture's where one is given."""
    suite, python = suite or arch.suite, f"python{python or arch.python}"
    packages = [f"{python}-minimal", f"lib{python}-minimal", f"lib{python}-stdlib", *PACKAGES]
    packages.append("libssl3" if suite == SUITE else "libssl3t64")
    downloads = debian_packages(arch, packages, suite)

    def unpack(folder: Path) -> None:
        for package in sorted(downloads.glob("*.deb")):
            run("dpkg-deb", "--extract", package, folder)
        for pattern in NOT_NEEDED:
            for unneeded in folder.glob(pattern):
                shutil.rmtree(unneeded)
        for name in ("bin", "sbin", "lib", "lib64"):  # where base-files would put these links
            if (folder / "usr" / name).is_dir() and not (folder / name).exists():
                (folder / name).symlink_to(f"usr/{name}")

    return cached("trees", [downloads.name, *NOT_NEEDED, "links"], unpack)


def _modules(python: str) -> str:
    return f"usr/local/lib/python{python}/dist-packages"


def copy_needed_modules(wheels: Path, target: Path, left_out: Collection[str] = ()) -> None:
    """Copy what warmboot needs, and what that needs, but what is to be left out.

    The lock file also pins build tools.
    """
    found = {
        canonicalize_name(item.metadata["Name"]): item
        for item in metadata.distributions(path=[str(wheels)])
    }
    missing, taken = [canonicalize_name(n) for n in _required(_warmboot())], set[str](left_out)
    while missing:
        name = missing.pop()
        if name in taken:
            continue
        taken.add(name)
        if name not in found:
            raise FileNotFoundError(f"the lock file does not pin {name}")
        missing += [canonicalize_name(needed) for needed in _required(found[name])]
        _copy_distribution(found[name], target)


def _warmboot() -> metadata.Distribution:
    """The package as it is installed here; a source tree in the working directory is not that."""
    places = [sysconfig.get_path("purelib")]
    found = list(metadata.distributions(name="warmboot", path=places))
    if len(found) != 1:
        raise FileNotFoundError(f"warmboot is not installed in {places[0]}: run make e2e")
    return found[0]


def _required(distribution: metadata.Distribution) -> list[str]:
    requirements = [Requirement(line) for line in distribution.requires or ()]
    environment = {"extra": "", "python_version": PYTHON_VERSION}
    return [r.name for r in requirements if r.marker is None or r.marker.evaluate(environment)]


def _copy_distribution(distribution: metadata.Distribution, target: Path) -> None:
    """Copy a distribution's modules and metadata, but no script and no compiled file."""
    for file in distribution.files or ():
        if ".." in file.parts or file.suffix == ".pyc":
            continue
        place = target / file
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file.locate(), place)


def compile_modules(tree: Path, suite: str, python: str, below: str = ".") -> None:
    """Compile all modules `below` a tree as the guest's own Python would, to make its starts quick.

    The interpreter is Debian's, of this machine's architecture, run out of the unpacked packages:
    the Python that runs the tests may be another one.
    """
    here = next(arch for arch in Arch if arch.machine == platform.machine())
    native = _debian_tree(here, suite, python)
    loader = next(native.glob("lib*/ld-linux-*.so.*"))
    libraries = ":".join(str(path) for path in native.glob("**/*-linux-gnu"))
    program = native / f"usr/bin/python{python}"
    jobs = "0" if python == PYTHON_VERSION else "1"  # later ones start helpers by their path
    run(
        *(loader, "--library-path", libraries, program, "-s", "-S", "-m"),
        *("compileall", "-q", "-j", jobs, "--invalidation-mode", "unchecked-hash"),
        *("-s", tree, "-p", "/", tree / below),
        env={"PYTHONHOME": str(native / "usr")},
    )


def guest_initramfs(target: Path, arch: Arch, files: Mapping[str, bytes], scenario: Path) -> None:
    """Write the initramfs of a running kernel: warmboot installed, `files` at their absolute paths.

    `scenario` is the script that init runs.
    """
    archive = Archive()
    for path, content in files.items():
        archive.file(path, content, 0o755 if path.endswith("bin/kexec") else 0o644)
    archive.file("/init", GUEST_FILES / "init", 0o755)
    archive.file("/report.sh", GUEST_FILES / "report.sh")
    archive.file("/scenario", scenario, 0o755)
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name)
        install_warmboot(tree, arch.python)
        compile_modules(tree, arch.suite, arch.python)
        archive.tree(tree)
        archive.write(tree / "own.cpio")
        with target.open("wb") as out:
            for part in (base_archive(arch), tree / "own.cpio"):
                with part.open("rb") as archive_file:
                    shutil.copyfileobj(archive_file, out)


def install_warmboot(tree: Path, python: str) -> None:
    """Put the installed package below `tree` as it is, with its command, where pip puts them.

    `python` is the version of Python there.
    """
    warmboot = _warmboot()
    _copy_distribution(warmboot, tree / _modules(python))
    (script,) = warmboot.entry_points.select(group="console_scripts", name="warmboot")
    command = tree / "usr/local/bin/warmboot"
    command.parent.mkdir(parents=True, exist_ok=True)
    command.write_text(
        f"#!/usr/bin/python{python}\nimport sys\n"
        f"from {script.module} import {script.attr}\nsys.exit({script.attr}())\n",
        encoding="utf-8",
    )
    command.chmod(0o755)


def busybox(arch: Arch) -> Path:
    """The program busybox of an architecture, linked statically."""
    return _debian_tree(arch) / "bin/busybox"


def second_initrd(arch: Arch, nonce: str) -> bytes:
    """The small initrd that is staged: busybox, an init that reports, and the nonce of this run."""
    archive = Archive()
    archive.folder("/proc")
    archive.folder("/sys")
    archive.character_device("/dev/console", 5, 1)
    archive.file("/bin/busybox", busybox(arch), 0o755)
    for applet in ("cat", "mount", "poweroff", "uname"):
        archive.link(f"/bin/{applet}", "busybox")
    archive.file("/init", GUEST_FILES / "second-init", 0o755)
    archive.file("/nonce", nonce.encode("ascii"))
    return archive.to_bytes()
