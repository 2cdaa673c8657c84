"""What the kernel will do with a parser, done from here first: load it, attach it, detach it.

A parser that the kernel cannot load or attach makes a kernel of dialect v6 loop, so nothing is
handed over that did not pass this.
"""

from __future__ import annotations

import errno
import mmap
import os
from pathlib import Path

from warmboot.core.bpf.abi import MAPS
from warmboot.core.bpf.bpf_syscall import LoadError, load
from warmboot.core.bpf.compatibility import check_object
from warmboot.core.enumeration import StrEnum
from warmboot.core.errors import ImageError
from warmboot.core.images import View
from warmboot.core.images.bpfobject import ParserObject
from warmboot.core.text import printable
from warmboot.core.values import dataclass

_STATISTICS = ("processed ", "verification time ", "stack depth ")
_TAIL = 12  # lines of the kernel's log
_ABSENT = (errno.ENOENT, errno.ESRCH)
_BARRED = (errno.EPERM, errno.EACCES)
_CAPABILITIES = (1 << 38 | 1 << 39, 1 << 21)  # CAP_PERFMON with CAP_BPF, or CAP_SYS_ADMIN


class Stage(StrEnum):
    """How far a replay came."""

    NO_BPF = "the kernel runs no BPF for this user"
    MEMORY = "there is too little memory to try it"
    FILES = "this process may not open enough files to try it"
    RIGHTS = "CAP_BPF and CAP_PERFMON are needed to try it"
    OBJECT = "the object is not one that the kernel's skeleton loads"
    LOADER = "the loader program was not taken"
    ABSENT = "maps and types were made; this kernel has no parser interface"
    PROGRAM = "the kernel's verifier refuses the parser"
    ATTACH = "the parser cannot be attached here"
    DONE = "loaded, attached and detached"


@dataclass(frozen=True)
class Replay:
    """How far it came, the errno where it ended (0 when done), and the end of the kernel's log."""

    stage: Stage
    code: int
    log: str

    @property
    def fine(self) -> bool:
        """Whether the running kernel will do the same without fault."""
        return self.stage is Stage.DONE

    @property
    def text(self) -> str:
        """The result as a sentence, with what the kernel said last of the cause."""
        name = errno.errorcode.get(self.code)
        said = [line for line in self.log.splitlines() if line and not line.startswith(_STATISTICS)]
        cause = f": {printable(said[-1], 200)}" if said and not self.fine else ""
        return f"{self.stage.value}{f' ({name})' if name else ''}{cause}"


def replay(parser: View) -> Replay:
    """Load, attach and detach the parser object in `parser` on the running kernel.

    Needs CAP_BPF and CAP_PERFMON; nothing stays loaded. Never raises for what is in the object.
    """
    try:
        found = ParserObject.parse(parser)
        check_object(found, mmap.PAGESIZE)
        data = parser.read(*found.data, "opts_data")
        code = parser.read(*found.code, "opts_insn")
    except ImageError as error:
        return Replay(Stage.OBJECT, 0, error.message)
    try:
        loaded = load(data, code, len(MAPS))
    except LoadError as error:
        return Replay(_stage(error), error.code, _tail(error.log))
    with loaded:
        if any(fd <= 0 for fd in (*loaded.maps, loaded.program)):
            return Replay(Stage.OBJECT, 0, "it does not make eight maps and one program")
        try:
            os.close(loaded.attach())
        except OSError as error:
            return Replay(Stage.ATTACH, error.errno or 0, "")
    return Replay(Stage.DONE, 0, "")


def _stage(error: LoadError) -> Stage:
    if error.code in _SHORT:
        return _SHORT[error.code]
    if error.code in _BARRED and not may_trace():
        return Stage.RIGHTS
    if error.step == "the loader program":
        return Stage.ABSENT if error.code in _ABSENT else Stage.PROGRAM
    if error.code in (errno.EPERM, errno.EACCES, errno.ENOSYS) and not error.log:
        return Stage.NO_BPF
    return Stage.LOADER


def _tail(log: str) -> str:
    return "\n".join(log.splitlines()[-_TAIL:])


_SHORT = {errno.ENOMEM: Stage.MEMORY, errno.EMFILE: Stage.FILES, errno.ENFILE: Stage.FILES}


def may_trace() -> bool:
    """Whether this process has the capabilities that tracing programs need; True if unknown."""
    try:
        text = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        mask = int(text.partition("CapEff:")[2].split()[0], 16)
    except (OSError, ValueError, IndexError):
        return True
    return any(mask & wanted == wanted for wanted in _CAPABILITIES)
