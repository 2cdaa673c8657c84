"""What the running kernel offers: no parser interface, or one of its dialects.

Decided by the kernel's own description of its types (BTF), which everybody may read. Whether a
parser can also be attached only the rehearsal tells: that depends on the function tracer.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from warmboot.core.bpf.abi import ANCHOR, KFUNCS, Dialect
from warmboot.core.bpf.btf import LARGEST, BtfType, Kind, find_types
from warmboot.core.errors import ImageError
from warmboot.core.hints import TYPE_CHECKING
from warmboot.core.values import dataclass

if TYPE_CHECKING:
    from warmboot.core.bpf.dialects.base import DialectFacts

    Dialects = Mapping[Dialect, DialectFacts]

_CONTEXT, _COMMAND = "kexec_context", "cmd_hdr"
_COMMAND_MEMBERS = {"cmd", "subcmd", "payload_len"}
_CONTEXT_MEMBERS = {"kernel", "kernel_sz"}
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Detection:
    """The dialect, None where there is none or it cannot be told, and what it was told by.

    `offered` is whether the kernel has the interface at all; None where nothing says.
    """

    dialect: Dialect | None
    offered: bool | None
    evidence: tuple[str, ...]


def detect(prefix: Path, config: Mapping[str, str] | None) -> Detection:
    """Look at the kernel of the machine below `prefix`, whose build options are `config`.

    Reads only files that need no privilege; never raises for what is in them.
    """
    option = _option(config)
    if option is False:
        return Detection(None, False, _said(option))
    try:
        with (prefix / "sys/kernel/btf/vmlinux").open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError:
        return _without_btf(prefix, option)
    try:
        if len(data) > LARGEST:
            raise ImageError("The kernel's BTF is larger than any kernel's")
        types = find_types(data, (ANCHOR, *KFUNCS, _CONTEXT, _COMMAND))
    except ImageError as error:
        return Detection(None, None, (*_said(option), error.message))
    return _decide(types, option)


def _option(config: Mapping[str, str] | None) -> bool | None:
    return None if config is None else config.get("KEXEC_BPF") in ("y", "m")


def _said(option: bool | None) -> tuple[str, ...]:
    if option is None:
        return ()
    return ("CONFIG_KEXEC_BPF is set" if option else "CONFIG_KEXEC_BPF is not set",)


def _decide(types: tuple[BtfType, ...], option: bool | None) -> Detection:
    functions = {t.name for t in types if t.kind == Kind.FUNC}
    evidence = list(_said(option))
    if ANCHOR not in functions:
        evidence.append(f"BTF has no function {ANCHOR}")
        return Detection(None, False, tuple(evidence))
    evidence.append(f"BTF has the function {ANCHOR}")
    missing = [name for name in KFUNCS if name not in functions]
    if missing:
        evidence.append(f"BTF lacks {', '.join(missing)}")
        return Detection(None, True, tuple(evidence))
    from warmboot.core.bpf.dialects.registry import DIALECTS  # few kernels have the interface

    by_command = _by_command(DIALECTS, types, evidence)
    by_context = _by_context(DIALECTS, types, evidence)
    if by_command is None or by_command is not by_context:
        evidence.append(f"this is neither {' nor '.join(f'dialect {name}' for name in DIALECTS)}")
        return Detection(None, True, tuple(evidence))
    return Detection(by_command, True, tuple(evidence))


def _by_command(
    dialects: Dialects, types: tuple[BtfType, ...], evidence: list[str]
) -> Dialect | None:
    """Tell the dialect by the command header; other structs of that name have other members."""
    sizes = {
        t.size
        for t in types
        if t.name == _COMMAND and t.kind == Kind.STRUCT and set(t.members) >= _COMMAND_MEMBERS
    }
    shown = ", ".join(str(size) for size in sorted(sizes))
    evidence.append(f"struct {_COMMAND} has {shown} bytes" if sizes else f"no struct {_COMMAND}")
    found = [dialect for dialect, row in dialects.items() if sizes == {row.header.size}]
    return found[0] if found else None


def _by_context(
    dialects: Dialects, types: tuple[BtfType, ...], evidence: list[str]
) -> Dialect | None:
    contexts = [set(t.members) for t in types if t.name == _CONTEXT and t.kind == Kind.STRUCT]
    if len(contexts) != 1 or not contexts[0] >= _CONTEXT_MEMBERS:
        evidence.append(f"no struct {_CONTEXT} with a kernel in it")
        return None
    found = None
    for dialect, row in dialects.items():
        if row.context_member is None:
            found = found or dialect
            continue
        has = row.context_member in contexts[0]
        evidence.append(f"struct {_CONTEXT} {'has' if has else 'lacks'} {row.context_member}")
        found = dialect if has else found
    return found


def _without_btf(prefix: Path, option: bool | None) -> Detection:
    """Without BTF the interface may be there, but which dialect it is cannot be told."""
    evidence = (*_said(option), "the kernel has no BTF (/sys/kernel/btf/vmlinux)")
    listed = _in_symbols(prefix / "proc/kallsyms")
    if listed is None:
        return Detection(None, option, evidence)
    text = f"{ANCHOR} is {'in' if listed else 'not in'} /proc/kallsyms"
    return Detection(None, listed, (*evidence, text))


def _in_symbols(path: Path) -> bool | None:
    """Whether the kernel's symbol list has the anchor; None where it cannot be read."""
    wanted = f" {ANCHOR}\n".encode()
    try:
        with path.open("rb") as file:
            before = b""
            while chunk := file.read(_CHUNK):
                if wanted in before + chunk:
                    return True
                before = chunk[-len(wanted) :]
    except OSError:
        return None
    return False
