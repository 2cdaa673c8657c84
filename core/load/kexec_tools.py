"""kexec-tools as a loader: the program of the distribution, for what warmboot cannot place."""

from __future__ import annotations

import re

from warmboot.core.debug import debug
from warmboot.core.errors import WarmbootError
from warmboot.core.host import Host
from warmboot.core.load.loader import LoadRequest
from warmboot.core.plan.loader_choice import by_file
from warmboot.core.plan.request import Call
from warmboot.core.programs import Finished, run
from warmboot.core.text import printable

_TIMEOUT = 300  # seconds; it reads and checks everything, on a slow disk at worst
_VERSION_TIMEOUT = 20
_OLDEST = (2, 0, 14)  # the first with arm64
_SHOWN = 2000  # characters of its output in an error


def load(host: Host, request: LoadRequest) -> None:
    """Let kexec(8) load `request`; files go over as open descriptors, not as paths.

    Raises WarmbootError with what the program printed.
    """
    program = _program(host)
    _check_version(program)
    words = [program, "--load-panic" if request.panic else "--load"]
    file_call = request.file_call and by_file(
        *(host, Call.TOOLS, request.architecture),
        devicetree=request.devicetree_fd is not None,
        elf=request.elf,
    )
    words.append("--kexec-file-syscall" if file_call else "--kexec-syscall")
    passed = [request.kernel_fd]
    words.append(_path(request.kernel_fd))
    if request.initrd_fd is not None:
        passed.append(request.initrd_fd)
        words.append(f"--initrd={_path(request.initrd_fd)}")
    if request.devicetree_fd is not None:
        passed.append(request.devicetree_fd)
        words.append(f"--dtb={_path(request.devicetree_fd)}")
    line = request.cmdline.encode("utf-8", "surrogateescape")
    _run([*(word.encode() for word in words), b"--command-line=" + line], passed, "Staging")


def unload(host: Host, *, panic: bool) -> None:
    """Let kexec(8) unload what is staged, or the crash kernel. Raises WarmbootError."""
    words = [_program(host), "--unload", *(["--load-panic"] if panic else [])]
    _run([word.encode() for word in words], [], "Unloading")


def _program(host: Host) -> str:
    if host.kexec_tools is None:
        raise WarmbootError(
            "kexec-tools is not installed", hint="Install it: apt-get install kexec-tools."
        )
    return host.kexec_tools


def _path(fd: int) -> str:
    return f"/proc/self/fd/{fd}"


def _check_version(program: str) -> None:
    said = _start([program.encode(), b"--version"], [], _VERSION_TIMEOUT).out
    match = re.search(r"(\d{1,4})\.(\d{1,4})\.(\d{1,4})", said)
    if match is None:
        raise WarmbootError(
            f"{printable(program)} does not say that it is kexec-tools: {printable(said, 200)}",
            hint="Use another loader (--loader), or install kexec-tools.",
        )
    if tuple(map(int, match.groups())) < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        raise WarmbootError(
            f"kexec-tools {match[0]} is too old; {oldest} or later is needed",
            hint="Update kexec-tools, or use another loader (--loader).",
        )


def _run(words: list[bytes], passed: list[int], what: str) -> None:
    done = _start(words, passed, _TIMEOUT)
    if done.code != 0:
        lines = (done.errors + done.out).splitlines()
        said = "; ".join(printable(line.strip()) for line in lines if line.strip())
        raise WarmbootError(
            f"{what} failed: kexec-tools ended with {done.code}: "
            f"{said[:_SHOWN] or 'it printed nothing'}",
            hint="The kernel log may say more: dmesg | tail.",
        )


def _start(words: list[bytes], passed: list[int], timeout: int) -> Finished:
    try:
        done = run(words, timeout, passed=passed)
    except OSError as error:
        raise WarmbootError(
            f"kexec-tools could not be run: {error}", hint="Use another loader (--loader)."
        ) from error
    debug("%s %s ended with %s", words[0], words[1], done.code)
    return done
