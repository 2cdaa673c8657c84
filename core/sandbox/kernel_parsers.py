"""Simulated kernels with CONFIG_KEXEC_BPF, of both dialects.

They take the file apart as such a kernel does: verify, find the parser, load it, follow what it
says, and go on with what results. BPF is not run: what a parser of warmboot's own would say comes
from the model of its program. Where a kernel of dialect v6 would hang or crash, that is
said instead of an errno.
"""

from __future__ import annotations

import errno
from contextlib import ExitStack

from warmboot.core.bpf.abi import DECOMPRESS_LIMIT, Action, Command, Dialect, Kind, Target
from warmboot.core.bpf.compatibility import check_object
from warmboot.core.bpf.dialects import facts_of
from warmboot.core.bpf.parser_model import run_model
from warmboot.core.bpf.refusal import Outcome
from warmboot.core.errors import ImageError
from warmboot.core.host import Host
from warmboot.core.images import BytesView, Method, Stream, View, pe
from warmboot.core.images.bpfcontainer import ParserContainer
from warmboot.core.images.bpfobject import ParserObject
from warmboot.core.images.carried import SECTION
from warmboot.core.images.compression import decompressor_option, detect_method
from warmboot.core.images.elf64 import is_container
from warmboot.core.payload.codecs import kernel_refusal
from warmboot.core.payload.memfile import MemFile
from warmboot.core.payload.unpack import unpack
from warmboot.core.sandbox.kernel_answer import KernelErrno, NotSimulated, SimulatedCrash
from warmboot.core.sandbox.kernel_keyring import check_signature, enforced
from warmboot.core.values import dataclass

_LAYERS = 8
_KINDS = {"zboot": Kind.ZBOOT, "copy": Kind.COPY, "UKI": Kind.UKI, "inner zboot": Kind.INNER}


@dataclass(frozen=True)
class Unwrapped:
    """What the kernel goes on with; `cmdline` with its NUL, None for that of the call."""

    kernel: View
    initrd: View | None = None
    cmdline: bytes | None = None


def unwrap_v6(view: View, initrd: View | None, host: Host, held: ExitStack) -> Unwrapped:
    """kexec_file_load() of dialect v6 up to the arch loaders; raises KernelErrno, Refused.

    `held` keeps what was unpacked until the caller is done with it.
    """
    check_signature(view, host)
    if _parser_section(view) is None:
        raise KernelErrno(errno.EINVAL)  # that kernel takes nothing else, a plain Image neither
    for _ in range(_LAYERS):
        part = _parser_section(view)
        if part is None:
            return Unwrapped(view, initrd)
        parser = _load_object(part)
        _attach(parser, host)
        outcome = _run(parser, view, Dialect.V6)
        view = _v6_result(outcome, host, held)
    raise SimulatedCrash("hang", "what each parser hands over is again a PE file with a parser")


def _parser_section(view: View) -> View | None:
    try:
        section = pe.parse_headers(view).find(SECTION)
    except ImageError:
        return None
    return None if section is None else view.part(section.offset, section.size, SECTION)


def _load_object(part: View) -> ParserObject:
    """Find the two arrays as the kernel does: anything but the exact form is EINVAL."""
    try:
        return ParserObject.parse(part)
    except ImageError as error:
        raise KernelErrno(errno.EINVAL) from error


def _attach(parser: ParserObject, host: Host) -> None:
    """Create maps, load, attach: where that fails the image stays, and the loop goes on."""
    try:
        check_object(parser)
    except ImageError as error:
        raise SimulatedCrash("hang", f"the parser cannot be loaded. {error.message}") from error
    if host.option("FUNCTION_TRACER") is False:
        raise SimulatedCrash("hang", "it has no function tracer, so the parser cannot be attached")


def _run(parser: ParserObject, view: View, dialect: Dialect) -> Outcome:
    own = parser.identity
    if own is None:
        raise NotSimulated("the parser is not warmboot's own, and BPF programs are not run here")
    if dialect != f"v{own.dialect}":
        raise SimulatedCrash(
            "hang" if dialect is Dialect.V6 else "misread the parser's commands",
            f"the parser speaks dialect v{own.dialect}, the kernel {dialect}",
        )
    kind = _KINDS.get(own.kind)
    if kind is None:
        raise NotSimulated(f"no parser of warmboot's is for {own.kind}")
    try:
        return run_model(view, dialect, kind, own.record_size)
    except ImageError as error:
        raise NotSimulated(error.message) from error


def _v6_result(outcome: Outcome, host: Host, held: ExitStack) -> View:
    """Follow the commands; the kernel of this dialect looks at none of its results."""
    if len(outcome.commands) != 1:
        raise SimulatedCrash("hang or leak memory", f"{len(outcome.commands)} commands in one run")
    command = outcome.commands[0]
    if command.target is not Target.KERNEL or command.action not in facts_of(Dialect.V6).actions:
        raise SimulatedCrash("crash", f"the parser hands over {command.target.name} itself")
    if command.action is Action.COPY:
        return BytesView(command.payload)
    method = _method(command.payload, host)
    if method is None:
        raise SimulatedCrash("hang", "it has no decompressor for the payload")
    refused = kernel_refusal(
        BytesView(command.payload), Stream(method, 0, len(command.payload)), host.config
    )
    if refused is not None:
        raise SimulatedCrash("crash", refused)
    try:
        return _decompress(command.payload, method, held)
    except ImageError as error:
        raise SimulatedCrash(
            "crash", f"it does not check what it unpacks. {error.message}"
        ) from error


def _method(payload: bytes, host: Host) -> Method | None:
    """Return the method that the kernel finds by the payload's magic, and was built with."""
    method = detect_method(payload[:9])
    if method is None or host.option(decompressor_option(method)) is False:
        return None
    return method


def _decompress(payload: bytes, method: Method, held: ExitStack) -> View:
    memory = held.enter_context(MemFile("simulated-kernel"))
    stream = Stream(method, 0, len(payload))
    unpack(BytesView(payload), stream, memory, limit=DECOMPRESS_LIMIT)
    return memory.view()


def unwrap_v7(view: View, initrd: View | None, host: Host, held: ExitStack) -> Unwrapped:
    """kexec_file_load() of dialect v7: parsers in the kernel's place, images in the initrd's.

    A file that is no container of parsers is loaded as without the interface.
    """
    if not is_container(view.head(64)):
        check_signature(view, host)
        return Unwrapped(view, initrd)
    if initrd is None:
        raise KernelErrno(errno.EINVAL)
    try:
        container: ParserContainer | None = ParserContainer.parse(view)
    except ImageError as error:
        raise KernelErrno(errno.EINVAL) from error
    layers = _Layers(host, held)
    inputs = [initrd]
    while container is not None and inputs:
        inputs = layers.follow(_first_done(container, inputs[0], host))
        container = container.nested
    if enforced(host) and not layers.verified:
        raise KernelErrno(errno.EPERM)
    kernel, line = layers.results.get(Target.KERNEL), layers.results.get(Target.CMDLINE)
    if kernel is None:
        raise KernelErrno(errno.EINVAL)
    cmdline = None if line is None else line.read(0, line.size, "command line")
    return Unwrapped(kernel, layers.results.get(Target.INITRD), cmdline)


class _Layers:
    """What the parsers of each layer handed over so far."""

    def __init__(self, host: Host, held: ExitStack) -> None:
        self.results: dict[Target, View] = {}
        self.verified = False
        self._host = host
        self._held = held

    def follow(self, commands: tuple[Command, ...]) -> list[View]:
        """Carry the commands of one layer out; return what goes on to the next."""
        inputs = []
        for command in commands:
            if command.action is Action.VERIFY_SIG:
                # What was taken out of verified bytes is not verified again.
                if not self.verified:
                    check_signature(BytesView(command.payload), self._host)
                self.verified = True
                continue
            result = _v7_result(command, self._host, self._held)
            self.results[command.target] = result
            if command.fill:
                inputs.append(result)
        return inputs


def _first_done(container: ParserContainer, view: View, host: Host) -> tuple[Command, ...]:
    """Return the commands of the first parser that reports DONE, without it."""
    for parser in container.parsers:
        try:
            check_object(parser)
        except ImageError as error:
            raise KernelErrno(errno.EINVAL) from error
        if host.option("FUNCTION_TRACER") is False:
            raise KernelErrno(errno.EINVAL)
        commands = _run(parser, view, Dialect.V7).commands
        if commands and commands[-1].action is Action.DONE:
            return commands[:-1]
    raise KernelErrno(errno.EINVAL)


def _v7_result(command: Command, host: Host, held: ExitStack) -> View:
    if command.action is Action.COPY:
        return BytesView(command.payload)
    method = _method(command.payload, host)
    if method is None:
        raise KernelErrno(errno.EINVAL)
    try:
        return _decompress(command.payload, method, held)
    except ImageError as error:
        raise KernelErrno(errno.EINVAL) from error


#: kexec_file_load() of each dialect.
UNWRAP = {Dialect.V6: unwrap_v6, Dialect.V7: unwrap_v7}
