"""Which loader takes a kernel on this machine, and why not the others. Pure."""

from __future__ import annotations

from warmboot.core.architecture import Architecture, kernel_version
from warmboot.core.host import Host
from warmboot.core.plan.request import Call
from warmboot.core.text import printable
from warmboot.core.values import NamedTuple


class OtherLoader(NamedTuple):
    """A loader that was not taken, and why."""

    loader: Call
    why_not: str


class LoaderChoice(NamedTuple):
    """The loader taken, None where none can be, why, and the others."""

    call: Call | None
    why: str
    others: tuple[OtherLoader, ...]


class _Asked(NamedTuple):
    """What a loader is asked to do; see choose_loader."""

    host: Host
    architecture: Architecture | None
    panic: bool = False
    devicetree: bool = False
    elf: bool = False


def choose_loader(
    host: Host,
    architecture: Architecture | None,
    *,
    panic: bool = False,
    devicetree: bool = False,
    elf: bool = False,
    wanted: Call | None = None,
) -> LoaderChoice:
    """Return the loader for a kernel, an ELF one or not; `wanted` is what the operator asked for.

    In order: kexec_file_load(2), where the kernel checks the image itself; kexec_load(2), where
    warmboot knows the architecture; kexec-tools.
    """
    asked = _Asked(host, architecture, panic, devicetree, elf)
    obstacles = {
        Call.FILE: _file(asked),
        Call.LOAD: _load(asked),
        Call.TOOLS: _tools(asked),
    }
    if wanted is not None:
        obstacle = obstacles[wanted]
        others = [
            OtherLoader(call, why_not or f"{wanted} was asked for")
            for call, why_not in obstacles.items()
            if call is not wanted
        ]
        if obstacle is None:
            return LoaderChoice(wanted, "asked for", tuple(others))
        return LoaderChoice(None, f"{wanted} was asked for, but {obstacle}", tuple(others))
    taken = next((call for call, obstacle in obstacles.items() if obstacle is None), None)
    others = [
        OtherLoader(call, why_not or f"not needed: {taken} serves")
        for call, why_not in obstacles.items()
        if call is not taken
    ]
    if taken is None:
        missing = "; ".join(f"{call}: {why_not}" for call, why_not in obstacles.items())
        return LoaderChoice(None, f"no loader can load it ({missing})", tuple(others))
    has_it = "the kernel has it"
    if host.option("KEXEC_FILE") is None:
        has_it = "its build options are not readable; where it lacks the call, the next is tried"
    before = obstacles[Call.FILE] if taken is not Call.FILE else has_it
    return LoaderChoice(taken, before or "", tuple(others))


def next_loader(
    host: Host,
    architecture: Architecture | None,
    *,
    panic: bool,
    devicetree: bool,
    elf: bool = False,
) -> Call | None:
    """Return what to try where kexec_file_load(2) proves to be missing, which nothing told before.

    None where nothing else can serve, or where the kernel's build options say that it is there.
    """
    if host.option("KEXEC_FILE") is not None:
        return None
    asked = _Asked(host, architecture, panic, devicetree, elf)
    if _load(asked) is None:
        return Call.LOAD
    return Call.TOOLS if _tools(asked) is None else None


def by_file(
    host: Host,
    call: Call | None,
    architecture: Architecture | None,
    *,
    devicetree: bool,
    elf: bool = False,
) -> bool:
    """Whether a loader's call is kexec_file_load(2): kexec-tools uses it where it can serve."""
    if call is not Call.TOOLS:
        return call is Call.FILE
    return _file(_Asked(host, architecture, devicetree=devicetree, elf=elf)) is None


def _file(asked: _Asked) -> str | None:
    host, architecture = asked.host, asked.architecture
    if host.option("KEXEC_FILE") is False:
        return f"the running kernel {printable(host.release)} was built without CONFIG_KEXEC_FILE"
    since = architecture.facts.image_by_file if architecture is not None else None
    if since is not None and not asked.elf and (kernel_version(host.release) or since) < since:
        return f"on {architecture} it takes ELF kernels only before Linux {since[0]}.{since[1]}"
    return "it takes no device tree" if asked.devicetree else None


def _segments(host: Host) -> str | None:
    """Why the kernel would refuse kexec_load(2), whoever calls it."""
    if host.option("KEXEC") is False:
        return "the running kernel was built without CONFIG_KEXEC"
    if host.lockdown not in (None, "none"):
        return "the kernel is locked down and refuses kexec_load(2)"
    return None


def _load(asked: _Asked) -> str | None:
    architecture = asked.architecture
    if architecture is None or not architecture.facts.placed_here:
        places = ", ".join(a for a in Architecture if a.facts.placed_here)
        return f"warmboot places kernels in memory by itself on {places} only"
    if asked.elf:
        return "warmboot places an Image in memory by itself, but no ELF kernel"
    if asked.panic:
        return "a crash kernel needs ELF notes of this kernel, which warmboot cannot write"
    if asked.devicetree and not architecture.facts.tree_goes_along:
        return f"a kernel for {architecture} gets no device tree by it"
    return _segments(asked.host)


def _tools(asked: _Asked) -> str | None:
    if asked.host.kexec_tools is None:
        return "kexec-tools is not installed"
    return None if _file(asked) is None else _segments(asked.host)
