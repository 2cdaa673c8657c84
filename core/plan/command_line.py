"""The command line of a plan: typed, the entry's, the image's own, or the running kernel's."""

from __future__ import annotations

from warmboot.core.architecture import Architecture
from warmboot.core.boot.cmdline import append, reusable
from warmboot.core.boot.presets import apply, find_preset
from warmboot.core.errors import NotFound
from warmboot.core.hints import TYPE_CHECKING
from warmboot.core.images import BootImage
from warmboot.core.images.bzimage import BzImage
from warmboot.core.images.uki import Uki
from warmboot.core.plan.context import PlanContext
from warmboot.core.plan.request import Origin, PlanRequest
from warmboot.core.text import printable
from warmboot.core.values import NamedTuple

if TYPE_CHECKING:
    from warmboot.core.boot.entry import Entry
    from warmboot.core.plan.uki_parts import UkiParts

#: Characters; no kernel takes more.
LONGEST = 65536


class CommandLine(NamedTuple):
    """The final command line and where it comes from."""

    text: str
    origin: Origin


def choose_cmdline(
    request: PlanRequest,
    context: PlanContext,
    entry: Entry | None = None,
    image: BootImage | None = None,
    parts: UkiParts | None = None,
) -> CommandLine:
    """Return the command line that `request` comes to.

    In order: what was typed; what was asked for; the entry's; the image's own; for an entry of
    another system that states none, that system's /etc/kernel/cmdline; the running kernel's.
    `parts` are those of a UKI: its profile's command line counts before the base's, and the words
    of its add-ons follow any that is not typed. Raises NotFound where /etc/kernel/cmdline or a
    preset is asked for and not there, WarmbootError where the file of presets is broken.
    """
    text, origin = _base(request, context, entry, image, parts)
    if origin is not Origin.TYPED:  # what comes from files is shown as it will be staged
        text = printable(text, LONGEST)
    if request.presets and context.presets_problem is not None:
        raise context.presets_problem
    for name in request.presets:
        text = apply(text, find_preset(context.presets, name))
    return CommandLine(append(text, request.append) if request.append else text, origin)


def command_line_limits(
    kernel: BootImage, architecture: Architecture | None, release: str | None
) -> tuple[int, int]:
    """Return how many bytes of command line a kernel takes, the NUL counted, the larger second.

    They differ where the release is not known and older kernels take less.
    """
    if isinstance(kernel, BzImage) and kernel.cmdline_size:
        limit = kernel.cmdline_size - Architecture.X86_64.facts.command_line_reserve
        return limit, limit
    facts = architecture.facts if architecture else None
    if facts is None:
        return 2048, 2048
    least, most = facts.command_line_limits(release)
    return least - facts.command_line_reserve, most - facts.command_line_reserve


def running_line(context: PlanContext) -> CommandLine:
    """Return the running kernel's command line, without what the boot loader had put into it."""
    return CommandLine(printable(reusable(context.host.cmdline), LONGEST), Origin.RUNNING)


def _base(
    request: PlanRequest,
    context: PlanContext,
    entry: Entry | None,
    image: BootImage | None,
    parts: UkiParts | None,
) -> tuple[str, Origin]:
    if request.cmdline is not None:
        return request.cmdline, Origin.TYPED
    if request.cmdline_from is Origin.INSTALLED:
        if context.installed is None:
            hint = "kernel-install(8) keeps it there; not every system has it."
            raise NotFound("There is no /etc/kernel/cmdline", hint=hint)
        return context.installed, Origin.INSTALLED
    own = _own(entry, image, parts)
    if request.cmdline_from is not Origin.RUNNING:
        if own is not None:
            return own, Origin.ENTRY
        if context.foreign_root and entry is not None and context.installed is not None:
            return context.installed, Origin.INSTALLED
    return reusable(context.host.cmdline), Origin.RUNNING


def _own(entry: Entry | None, image: BootImage | None, parts: UkiParts | None) -> str | None:
    """Return what the entry or the image itself states."""
    own = entry.cmdline if entry is not None else None
    if not isinstance(image, Uki):
        return own
    if parts is None:
        return image.cmdline if own is None else own
    from warmboot.core.boot.entry import Kind

    inside = entry is None or entry.kind is Kind.UKI or own in (None, image.cmdline)
    base = parts.cmdline if inside else own
    return append(base or "", " ".join(parts.added)) if parts.added else base
