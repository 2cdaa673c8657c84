"""Every way to install warmboot, as README gives it, in bare Debian systems of several suites.

A suite's system is made once by mmdebstrap and kept; each test works in a copy of its own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.sources import source_files

from .fetch import KEYRING, REPOSITORY, Arch, archive_address, cached, debian_packages
from .rescue import EPOCH, rescue_build

SUITES = ("bookworm", "trixie", "sid")
#: The oldest system is tried every time, the others before a release.
EACH_SUITE = [
    suite if suite == SUITES[0] else pytest.param(suite, marks=pytest.mark.slow_guest)
    for suite in SUITES
]
TIMEOUT = 1800.0
pytestmark = pytest.mark.timeout(2 * TIMEOUT)
#: How this machine reaches the package registries: copies of it go into a system, never the files
#: themselves, which what is installed there might write to.
_NETWORK = (
    "/etc/resolv.conf",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pip.conf",
    "/etc/xdg/pip/pip.conf",
    "/etc/xdg/pip/constraints.txt",
)
#: A mirror may stand still; how old its lists are is nothing that is tested here.
STILL = '--aptopt=Acquire::Check-Valid-Until "false"'
_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
#: What a test leaves in place of a real machine to look at.
RUN = """
set -e
warmboot --version
warmboot sandbox /root/machine
warmboot --root /root/machine list
warmboot --root /root/machine inspect /root/machine/boot/vmlinuz-6.17.8-sandbox
warmboot --root /root/machine stage --default
test "$(warmboot --root /root/machine list --names | wc -l)" -gt 5
"""
TRY = f"""{RUN}
man -w 8 warmboot 2>/dev/null || find / -xdev -name warmboot.8* | grep share/man/man8
"""

#: What the rescue build needs of Debian it says first, and stops.
AS_IT_SAYS = """
cd /root/warmboot
! make rescue > said 2>&1 || exit 1
cat said
apt-get install $(sed -n 's/.*The rescue build needs: apt-get install //p' said)
"""
#: What README has a line for: packages that it takes for granted, and what is done before.
WAYS: dict[str, tuple[tuple[str, ...], str]] = {
    "make deb": (("python3", "make"), ""),
    "pipx": (("pipx",), ""),
    "uv": (
        ("python3-venv",),
        "python3 -m venv /uv && /uv/bin/pip -q install uv && ln -s /uv/bin/uv /usr/local/bin",
    ),
    "make rescue": (("python3", "make"), AS_IT_SAYS),
    "make rescue-deb": (
        ("python3", "make", "initramfs-tools", "linux-image-cloud-amd64"),
        AS_IT_SAYS,
    ),
}


class System:
    """A Debian system below `root`; `run` works in it as root, with /proc and the network."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, script: str, *, fails: bool = False) -> str:
        """Run a shell script and return all that it printed."""
        variables = f"HOME=/root LANG=C.UTF-8 PIP_CERT={_BUNDLE} SSL_CERT_FILE={_BUNDLE}"
        enter = f'exec chroot {self.root} env -i PATH="$PATH" {variables} sh -c "$1"'
        steps = [
            "set -e",
            f"mount -t proc proc {self.root}/proc",
            f"mount -t devpts -o newinstance,ptmxmode=0666 devpts {self.root}/dev/pts",
            f"ln -sf pts/ptmx {self.root}/dev/ptmx",
            enter,
        ]
        words = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        done = subprocess.run(
            [*words, "sh", "-c", "\n".join(steps), "-", script],
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert (done.returncode != 0) is fails, done.stdout[-6000:]
        return done.stdout

    def connect(self) -> None:
        """Let it reach the package registries as this machine does."""
        for path in filter(os.path.exists, _NETWORK):
            target = self.root / path[1:]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            shutil.copyfile(path, target)
        # The bundle is made anew from these, whenever a package asks for it.
        own = Path("/usr/local/share/ca-certificates")
        if own.is_dir():
            shutil.copytree(own, self.root / str(own)[1:], dirs_exist_ok=True)


@pytest.fixture
def system(tmp_path: Path) -> Iterator[Callable[..., System]]:
    """Return what makes a bare system of a suite; `more` are packages that it has besides."""
    made: list[Path] = []

    def make(suite: str, *more: str) -> System:
        def fill(folder: Path) -> None:
            words = ["mmdebstrap", "-q", "--variant=minbase", "--include=ca-certificates", STILL]
            subprocess.run([*words, suite, str(folder / "root")], check=True, timeout=TIMEOUT)

        root = tmp_path / suite
        kept = cached("systems", (suite,), fill)
        subprocess.run(["cp", "-a", kept / "root", root], check=True)
        made.append(root)
        debian = System(root)
        debian.connect()
        install = "apt-get -qq install -y --no-install-recommends"
        debian.run(
            f"apt-get -qq update; {install} {' '.join(more)}" if more else "apt-get -qq update"
        )
        return debian

    yield make
    for root in made:
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the wheel and the Debian package, made as `make deb` makes them."""
    folder = tmp_path_factory.mktemp("dist")
    source = tmp_path_factory.mktemp("source") / "warmboot"
    copy_sources(source)
    python = REPOSITORY / ".venv/bin/python"
    words = ["wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder), "."]
    subprocess.run([python, "-m", "pip", *words], cwd=source, check=True)
    (wheel,) = folder.glob("*.whl")
    make_deb(source, wheel, folder)
    return folder


def make_deb(source: Path, wheel: Path, folder: Path) -> None:
    """Make the Debian package of a wheel."""
    python = REPOSITORY / ".venv/bin/python"
    subprocess.run(
        [python, source / "install/deb.py", wheel, folder],
        env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH},
        check=True,
    )


def copy_sources(target: Path) -> None:
    """Copy the source tree as it stands."""
    for name in source_files():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPOSITORY / name, target / name)


@pytest.mark.parametrize("suite", EACH_SUITE)
def test_the_debian_package(suite: str, system: Callable[..., System], packages: Path) -> None:
    debian = system(suite)
    (package,) = packages.glob("*.deb")
    shutil.copy(package, debian.root / "root")
    before = debian.run("find / -xdev -path /proc -prune -o -name '*warmboot*' -print")
    said = debian.run("cd /root && apt-get install -y --no-install-recommends ./*.deb")
    assert "pip" not in said.split()
    debian.run(TRY)
    assert debian.run("cd / && python3 -c 'import textual' 2>&1 || echo not seen").endswith(
        "seen\n"
    )
    debian.run("apt-get purge -y warmboot && rm -rf /root/machine")
    left = debian.run("find / -xdev -path /proc -prune -o -name '*warmboot*' -print")
    assert set(left.split()) == set(before.split()) | {"/root/" + package.name}


def test_the_debian_package_is_made_of_the_same_bytes_again(packages: Path, tmp_path: Path) -> None:
    (package,) = packages.glob("*.deb")
    (wheel,) = packages.glob("*.whl")
    make_deb(REPOSITORY, wheel, tmp_path)
    assert (tmp_path / package.name).read_bytes() == package.read_bytes()


@pytest.mark.slow_guest
@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("way", WAYS)
def test_a_line_of_readme(way: str, suite: str, system: Callable[..., System]) -> None:
    """Run it word by word, but for sudo, in the source folder."""
    if (way, suite) == ("pipx", "bookworm"):
        pytest.xfail("README asks for pipx 1.5; that of Debian 12 has no --global")
    packages, before = WAYS[way]
    debian = system(suite, *packages)
    copy_sources(debian.root / "root/warmboot")
    (debian.root / "etc/apt/apt.conf.d/yes").write_text('APT::Get::Assume-Yes "true";\n')
    print(debian.run(before))
    line = readme_line(way)
    command = on_a_screen(line) if way == "make rescue" else line
    print(debian.run(f"cd /root/warmboot\n{command}"))
    if way == "make rescue":
        debian.run(f"cp /root/warmboot/dist/warmboot-rescue-*-x86_64 /usr/bin/warmboot\n{RUN}")
    elif way == "make rescue-deb":
        assert "usr/bin/warmboot\n" in debian.run("lsinitramfs /boot/initrd.img-*")
    else:
        debian.run(TRY)
        debian.run("env PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin which warmboot")


def readme_line(way: str) -> str:
    """Return a way to install as README has it, for a system where root needs no sudo."""
    text = (REPOSITORY / "README.md").read_text()
    block = text.partition("On a real machine:\n\n```sh\n")[2].partition("```")[0]
    lines = [re.sub(r" +#.*", "", line).replace("sudo ", "") for line in block.splitlines()]
    (line,) = (line for line in lines if re.match(rf"(env \S+=\S+ .*)?{way}(?! *-)\b", line))
    return line


def on_a_screen(command: str) -> str:
    """Return what runs a command on a terminal, where somebody presses q until it has ended."""
    keys = "while sleep 2; do printf q || exit; done"
    inner = f"stty rows 24 cols 80; TERM=xterm; export TERM; {command} && touch /root/left"
    return f"({keys}) | script -qec '{inner}' /dev/null; rm /root/left"


@pytest.mark.slow_guest
@pytest.mark.parametrize("suite", SUITES)
def test_the_single_file(suite: str, system: Callable[..., System]) -> None:
    debian = system(suite)
    shutil.copy(rescue_build()[""], debian.root / "usr/local/bin/warmboot")
    debian.run(RUN)
    assert debian.run("ls -A /tmp") == ""


@pytest.mark.slow_guest
@pytest.mark.parametrize("suite", SUITES[:2])
def test_the_rescue_package(suite: str, system: Callable[..., System], tmp_path: Path) -> None:
    """It puts the program into the initramfs as it is installed, and takes it out again."""
    archive = rescue_build()[".tar.xz"]
    shutil.copy(archive, tmp_path)
    words = [REPOSITORY / ".venv/bin/python", REPOSITORY / "install/rescue/package.py", tmp_path]
    subprocess.run(words, check=True, env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH})
    (package,) = tmp_path.glob("*.deb")
    debian = system(suite, "initramfs-tools", "linux-image-cloud-amd64")
    shutil.copy(package, debian.root / "root")
    said = debian.run("cd /root && apt-get install -y --no-install-recommends ./*.deb")
    assert "update-initramfs: Generating" in said
    listed = debian.run("lsinitramfs /boot/initrd.img-*")
    assert "usr/lib/warmboot-rescue/warmboot\n" in listed
    assert "usr/bin/warmboot\n" in listed
    unpacked = "cd /root && unmkinitramfs /boot/initrd.img-* u && d=$(dirname $(find u -name init))"
    said = debian.run(f"{unpacked}; mount -t proc proc $d/proc; chroot $d warmboot --version")
    assert said.endswith("0.2.0\n")
    debian.run("apt-get purge -y warmboot-rescue")
    assert "warmboot" not in debian.run("lsinitramfs /boot/initrd.img-*")


@pytest.mark.slow_guest
def test_the_debian_package_where_there_are_no_wheels(packages: Path, tmp_path: Path) -> None:
    """What is compiled comes from the distribution; run by an emulator of a riscv64 processor."""
    suite, arch = "trixie", Arch.RISCV64
    root = tmp_path / "root"
    include = "python3,python3-" + ",python3-".join(("asn1crypto", "lz4", "pefile", "psutil"))
    words = ["mmdebstrap", "-q", "--variant=extract", f"--architectures={arch}", STILL]
    words += [f"--include={include},python3-zstandard", suite, str(root)]
    words += [f"deb [signed-by={KEYRING}] {archive_address()} {suite} main"]
    subprocess.run(words, check=True, timeout=TIMEOUT)
    for name in ("lib", "bin", "lib64"):
        if (root / "usr" / name).exists() and not (root / name).exists():
            (root / name).symlink_to(f"usr/{name}")
    (emulator,) = debian_packages(Arch.AMD64, ["qemu-user-static"]).glob("*.deb")
    (package,) = packages.glob("*.deb")
    subprocess.run(["dpkg-deb", "--extract", emulator, tmp_path], check=True)
    subprocess.run(["dpkg-deb", "--extract", package, root], check=True)
    shutil.copy(tmp_path / f"usr/bin/qemu-{arch}-static", root / "emulator")
    python = f"chroot {root} /emulator /usr/bin/python3 -I"
    loaded = "import platform, zstandard, lz4.block, psutil; print(platform.machine())"
    steps = RUN.replace("warmboot --", f"{python} /usr/bin/warmboot --")
    steps = steps.replace("warmboot sandbox", f"{python} /usr/bin/warmboot sandbox")
    script = f"mkdir -p {root}/proc {root}/root; mount -t proc proc {root}/proc\n{steps}\n"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-ec", f"{script}{python} -c '{loaded}'"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert done.stdout.endswith(f"{arch}\n")


@pytest.mark.parametrize("suite", EACH_SUITE)
def test_make_run_as_readme_has_it(suite: str, system: Callable[..., System]) -> None:
    """It sets up all it needs, says what it installs, and opens the screen."""
    debian = system(suite, "python3", "make")
    copy_sources(debian.root / "root/warmboot")
    said = debian.run(f"cd /root/warmboot; {on_a_screen('make run')}")
    assert "apt-get install python3-venv" in said
    assert "\x1b[?1049h" in said  # the full screen
    assert ".venv/bin/warmboot" in debian.run("ls /root/warmboot/.venv/bin/warmboot")


#: What `make test` is told to run there, some of it with programs of the Debian packages; the whole
#: is run by whoever calls `make test`.
PART = "tests/project/test_repository.py tests/project/test_completions.py tests/boot/test_grub.py"


@pytest.mark.slow_guest
def test_make_test_as_readme_has_it(system: Callable[..., System]) -> None:
    """All of its set-up, lint and types, and a part of the tests; it says what it installs."""
    debian = system(SUITES[0], "python3", "make")
    copy_sources(debian.root / "root/warmboot")
    said = debian.run(f"cd /root/warmboot && make test T='{PART}'")
    print(said)
    assert "apt-get install python3-venv" in said
    for name in ("requirements.lock", "requirements-dev.lock"):
        assert f"({name})" in said
    assert re.search(r"^installing Debian packages: .*\bclang\b", said, re.MULTILINE)
    assert re.search(r"^=* ?\d+ passed(?:, \d+ skipped)? in ", said, re.MULTILINE)


def test_where_something_is_missing_the_commands_say_what(system: Callable[..., System]) -> None:
    debian = system(SUITES[0], "make")
    copy_sources(debian.root / "root/warmboot")
    said = debian.run("cd /root/warmboot && make run", fails=True)
    assert "apt-get install python3" in said


def test_the_wheel_brings_the_manual_and_completions(packages: Path) -> None:
    (wheel,) = packages.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    wanted = ("man8/warmboot.8", "completions/warmboot", "_warmboot", "warmboot.fish")
    for name in wanted:
        assert any(one.endswith(name) for one in names), name
