"""Files that are held by a lease: nobody changes what was judged before it is staged and hashed."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import mmap
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.reading_kernel import ENTRY, INITRD, KERNEL, Kernel, stage, write_root
from support.tools import needs_tool

from warmboot.core.errors import ExitCode, ImageError
from warmboot.core.images import ImageFile
from warmboot.core.load import lease
from warmboot.core.load.lease import Leases, on_own_disk
from warmboot.core.load.loader import LoadRequest
from warmboot.core.payload.memfile import MemFile, is_sealed
from warmboot.core.plan.request import PlanRequest
from warmboot.core.session import open_session
from warmboot.tui.cli import main

_ENOUGH = 60.0  # seconds for a thread that nothing holds up any more


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, Path, Path]]:
    """A machine's root, kernel and initrd on a file system that has leases, as if it were at /."""
    monkeypatch.setattr(lease, "on_own_disk", lambda _: True)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        root = Path(folder, "machine")
        yield root, *write_root(root)


@contextlib.contextmanager
def beside(write: Callable[[], object]) -> Iterator[threading.Thread]:
    """Have a thread write meanwhile, which has to have ended soon after."""
    thread = threading.Thread(target=write)
    thread.start()
    yield thread
    thread.join(_ENOUGH)
    assert not thread.is_alive()


def is_held(fd: int) -> bool:
    return fcntl.fcntl(fd, fcntl.F_GETLEASE) == fcntl.F_RDLCK


def await_break(fd: int) -> None:
    """Wait until somebody waits for the lease's end."""
    while is_held(fd):
        os.sched_yield()


def test_the_files_themselves_are_handed_over_and_their_digests_known(
    files: tuple[Path, Path, Path],
) -> None:
    root, kernel, initrd = files
    session, loader = open_session(root), Kernel()
    session.__dict__["loader"] = loader
    with (
        session.plan(PlanRequest(entry=ENTRY)) as opened,
        session.prepare(opened) as prepared,
    ):
        request = prepared.request
        assert request.initrd_fd is not None
        for fd, path in ((request.kernel_fd, kernel), (request.initrd_fd, initrd)):
            assert os.path.samestat(os.fstat(fd), path.stat())
            assert is_held(fd)
        staged, warning = session.stage(prepared)
        assert not is_held(request.kernel_fd)  # writers wait no longer than that
        assert not is_held(request.initrd_fd)
    assert (staged.sha256, warning) == (hashlib.sha256(KERNEL).hexdigest(), None)
    assert staged.plan is not None
    assert session.records()[-1]["initrd_sha256"] == hashlib.sha256(INITRD).hexdigest()


def change(path: Path) -> None:
    with path.open("r+b", buffering=0) as file:
        file.seek(9000)
        file.write(b"x")


def cut(path: Path) -> None:
    os.truncate(path, 9000)


@pytest.mark.parametrize("which", [1, 2], ids=["kernel", "initrd"])
@pytest.mark.parametrize("write", [change, cut])
def test_one_who_writes_before_the_call_waits_and_nothing_is_staged(
    files: tuple[Path, Path, Path], which: int, write: Callable[[Path], None]
) -> None:
    path = files[which]
    before = path.read_bytes()
    session, loader = open_session(files[0]), Kernel()
    session.__dict__["loader"] = loader
    with (
        session.plan(PlanRequest(entry=ENTRY)) as opened,
        contextlib.ExitStack() as ended,
        session.prepare(opened) as prepared,
    ):
        fd = prepared.request.kernel_fd if which == 1 else prepared.request.initrd_fd
        assert fd is not None
        ended.enter_context(beside(lambda: write(path)))
        await_break(fd)
        assert path.read_bytes() == before
        with pytest.raises(ImageError, match=f"began to write to .*{path.name}"):
            session.stage(prepared)
    assert path.read_bytes() != before
    assert loader.got == []
    assert [line["event"] for line in session.records()] == ["staging", "failed"]


@pytest.mark.parametrize("expired", [False, True])
def test_one_who_writes_during_the_call_leaves_what_is_staged_not_known(
    files: tuple[Path, Path, Path], expired: bool
) -> None:
    root, kernel, _ = files
    session = open_session(root)
    with contextlib.ExitStack() as ended:

        class Slow(Kernel):
            def load(self, request: LoadRequest) -> None:
                thread = ended.enter_context(beside(lambda: change(kernel)))
                await_break(request.kernel_fd)
                if expired:  # as after /proc/sys/fs/lease-break-time
                    fcntl.fcntl(request.kernel_fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
                    thread.join(_ENOUGH)
                super().load(request)

        loader = Slow()
        assert stage(session, loader) == (None, None)
    assert kernel.read_bytes() != KERNEL
    assert (loader.got[0][0] == hashlib.sha256(KERNEL).hexdigest()) is not expired


@pytest.mark.parametrize("mapped", [False, True])
def test_what_somebody_has_open_for_writing_is_copied(
    files: tuple[Path, Path, Path], mapped: bool
) -> None:
    root, kernel, initrd = files
    with contextlib.ExitStack() as held:
        for path in (kernel, initrd):
            file = held.enter_context(path.open("r+b"))
            if mapped:
                held.enter_context(mmap.mmap(file.fileno(), 0))
                file.close()
        assert_copied(root)


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o622])
def test_what_others_may_write_to_is_copied(files: tuple[Path, Path, Path], mode: int) -> None:
    root, kernel, initrd = files
    kernel.chmod(mode)
    initrd.chmod(mode)
    assert_copied(root)


@pytest.mark.parametrize("code", [errno.EAGAIN, errno.EACCES, errno.EINVAL, errno.ENOMEM])
def test_where_no_lease_is_to_be_had_files_are_copied(
    files: tuple[Path, Path, Path], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fcntl.fcntl

    def refuse(fd: int, call: int, argument: int = 0) -> object:
        if call == fcntl.F_SETLEASE:
            raise OSError(code, os.strerror(code))
        return real(fd, call, argument)

    monkeypatch.setattr(fcntl, "fcntl", refuse)
    assert_copied(files[0])


def test_what_belongs_to_somebody_else_is_copied(
    files: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    with ImageFile.open(files[1]) as file, Leases(allowed=True) as leases:
        assert not leases.hold(file)
        monkeypatch.setattr(os, "geteuid", lambda: user)
        assert leases.hold(file)


def assert_copied(root: Path) -> None:
    session = open_session(root)
    with session.plan(PlanRequest(entry=ENTRY)) as opened, session.prepare(opened) as prepared:
        assert prepared.fixed
        assert prepared.request.initrd_fd is not None
        assert is_sealed(prepared.request.kernel_fd)
        assert is_sealed(prepared.request.initrd_fd)


def test_a_digest_that_is_asked_for_is_that_of_a_copy(
    files: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> bool:
        raise AssertionError("no file is held by a lease")

    words = ["--root", str(files[0]), "stage", ENTRY]
    digest = hashlib.sha256(KERNEL).hexdigest()
    assert main([*words]) == ExitCode.OK
    monkeypatch.setattr(lease, "on_own_disk", never)
    assert main([*words, "--sha256", digest]) == ExitCode.OK
    assert main([*words, "--if-needed"]) == ExitCode.OK
    session = open_session(files[0])
    staged = session.journal.known(session.host.boot_id).sure
    assert staged is not None
    assert main([*words, "--expect", str(staged.plan)]) == ExitCode.OK


def test_with_no_room_for_copies_what_is_held_is_known(files: tuple[Path, Path, Path]) -> None:
    root = files[0]
    (root / "proc/meminfo").write_text("MemAvailable: 100 kB\n")
    session = open_session(root)
    session.__dict__["loader"] = loader = Kernel()
    request = PlanRequest(entry=ENTRY, forced=("memory",))
    with session.plan(request) as opened, session.prepare(opened) as prepared:
        assert not opened.plan.sealed
        staged, warning = session.stage(prepared)
    assert (staged.sha256, warning) == (loader.got[0][0], None)


def anew(path: Path) -> None:
    path.write_bytes(bytes(reversed(path.read_bytes())))


def replaced(path: Path) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(path.read_bytes() + b"x")
    new.rename(path)


def through_a_mapping(path: Path) -> None:
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as content:
        content[-1] ^= 1


def longer(path: Path) -> None:
    os.truncate(path, path.stat().st_size + 1)


@pytest.mark.parametrize("write", [change, cut, anew, replaced, through_a_mapping, longer])
@pytest.mark.parametrize("moment", ["opened", "prepared", "call begins", "call ends"])
@pytest.mark.parametrize("which", [1, 2], ids=["kernel", "initrd"])
def test_however_it_is_written_to_what_is_recorded_is_what_the_kernel_got(
    files: tuple[Path, Path, Path], which: int, moment: str, write: Callable[[Path], None]
) -> None:
    path = files[which]
    session = open_session(files[0])
    with contextlib.ExitStack() as ended:

        def at(this: str, fd: int | None) -> None:
            """Have the write done or, where it is kept from that, begun."""
            if this == moment:
                thread = ended.enter_context(beside(lambda: write(path)))
                while thread.is_alive() and (fd is None or is_held(fd)):
                    os.sched_yield()

        class Disturbed(Kernel):
            def load(self, request: LoadRequest) -> None:
                fd = request.kernel_fd if which == 1 else request.initrd_fd
                at("call begins", fd)
                super().load(request)
                at("call ends", fd)

        session.__dict__["loader"] = loader = Disturbed()
        with contextlib.suppress(ImageError), session.plan(PlanRequest(entry=ENTRY)) as opened:
            at("opened", None)
            with session.prepare(opened) as prepared:
                request = prepared.request
                at("prepared", request.kernel_fd if which == 1 else request.initrd_fd)
                session.stage(prepared)
    done = [line for line in session.records() if line["event"] == "staged"]
    assert len(done) == len(loader.got)
    assert done or not moment.startswith("call")
    for line, (kernel, initrd) in zip(done, loader.got, strict=True):
        staged = line["staged"]
        assert isinstance(staged, dict)
        known = (staged["sha256"], line["initrd_sha256"])
        late = moment.startswith("call") and write is not replaced  # and they waited
        assert known == ((None, None) if late else (kernel, initrd))


def test_a_file_is_held_only_where_the_system_has_its_own_disks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with MemFile("no mount") as memory:
        assert not on_own_disk(memory.fd)
    with Path("/proc/self/status").open("rb") as file:
        assert not on_own_disk(file.fileno())
    (tmp_path / "kernel").write_bytes(KERNEL)
    with (tmp_path / "kernel").open("rb") as file:
        told = Path(f"/proc/self/fdinfo/{file.fileno()}").read_text()
        number = next(line for line in told.split("\n") if line.startswith("mnt_id:")).split()[1]
        for point, kind, own in (
            ("/", "ext4", True),
            ("/boot", "btrfs", True),
            ("/boot/efi", "vfat", True),
            ("/", "overlay", False),
            ("/", "nfs4", False),
            ("/boot", "fuse.sshfs", False),
            ("/media/stick", "ext4", False),
            ("/boot/x\r1 29 8:1 / / rw - ext4 x rw", "ext4", False),
        ):
            lines = [
                "1 29 8:1 / / rw - ext4 /dev/sda1 rw",
                f"{number} 29 8:1 / {point} rw,relatime shared:1 - {kind} /dev/sda1 rw",
                "",
            ]
            monkeypatch.setattr(lease, "read_text", answers(told, "\n".join(lines)))
            assert on_own_disk(file.fileno()) is own, (point, kind)
        for broken in ("", "nonsense", f"{number}", f"{number} 29 8:1 / / rw"):
            monkeypatch.setattr(lease, "read_text", answers(told, broken))
            assert not on_own_disk(file.fileno())
        monkeypatch.setattr(lease, "read_text", lambda *_: None)
        assert not on_own_disk(file.fileno())


def answers(told: str, mounts: str) -> Callable[..., str]:
    return lambda path, *_: told if "fdinfo" in str(path) else mounts


def test_findmnt_names_the_same_mount(tmp_path: Path) -> None:
    needs_tool("findmnt")
    paths = [tmp_path, Path("/usr"), Path("/dev/shm"), Path("/etc/passwd")]
    for path in paths:
        command = ["findmnt", "-n", "-o", "TARGET,FSTYPE", "-T", str(path)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        fd = os.open(path, os.O_RDONLY)
        try:
            assert on_own_disk(fd) is (said[0] in lease._POINTS and said[1] in lease._TYPES)
        finally:
            os.close(fd)
