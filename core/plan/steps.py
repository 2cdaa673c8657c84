"""What staging will do, as sentences in order."""

from __future__ import annotations

from warmboot.core.bpf.dialects import facts_of
from warmboot.core.hints import TYPE_CHECKING
from warmboot.core.images import BootImage, Format
from warmboot.core.images.uki import Uki
from warmboot.core.plan.boot_files import FileNames
from warmboot.core.plan.route import Strategy

if TYPE_CHECKING:
    from warmboot.core.bpf.abi import Dialect


def describe_steps(
    files: FileNames,
    image: BootImage,
    strategy: Strategy,
    dialect: Dialect | None,
    devicetree: str | None,
    loader: str,
    *,
    panic: bool,
) -> tuple[str, ...]:
    """Return the steps; none where it cannot be loaded. `devicetree` is the one handed over."""
    if strategy is Strategy.NONE:
        return ()
    steps = [f"Open {files.kernel} and hold it open", *_kernel_steps(image, strategy, dialect)]
    if isinstance(image, Uki):
        steps += _uki_steps(files, image)
    if files.initrds:
        many = len(files.initrds) > 1
        steps.append(f"{'Join the initrds' if many else 'Open'} {' + '.join(files.initrds)}")
    elif files.initrds is not None or not isinstance(image, Uki):
        steps.append("Use no initrd")
    if devicetree is not None:
        if files.overlays:
            steps.append(f"Apply the overlays {' + '.join(files.overlays)} to the device tree")
        steps.append(f"Hand over the device tree {devicetree}, with a new /chosen")
    if panic:
        steps.append(f"Stage with {loader} as the crash kernel; the running system goes on")
    else:
        steps.append(f"Stage with {loader}; the running system goes on")
    return tuple(steps)


def _kernel_steps(image: BootImage, strategy: Strategy, dialect: Dialect | None) -> list[str]:
    steps = []
    kernel = image
    whole = dialect is not None and facts_of(dialect).whole
    if isinstance(image, Uki):
        if not whole:
            steps.append("Take the kernel out of the UKI's .linux section")
        kernel = image.linux or image
    if strategy is Strategy.COPY:
        if kernel.stream is not None:
            steps.append(f"Unpack its {kernel.stream.method} payload into memory and check it")
        steps.append("Add a parser that copies it to an in-memory copy, after trying the parser")
    elif strategy is Strategy.PARSER:
        steps += _parser_steps(kernel, whole=whole)
    elif strategy is not Strategy.AS_IS and kernel.stream and kernel.format is not Format.BZIMAGE:
        steps.append(f"Unpack its {kernel.stream.method} payload into memory and check it")
    return steps


def _parser_steps(kernel: BootImage, *, whole: bool) -> list[str]:
    from warmboot.core.bpf.carried import runs_carried

    steps = []
    if kernel.stream is not None:
        steps.append(f"Unpack its {kernel.stream.method} payload here first and check all of it")
    if whole:
        steps.append("Put image, initrd and command line together with parsers, after trying those")
    elif runs_carried(kernel):
        steps.append("Try the parser it carries: load it, attach it, take it out again")
    else:
        steps.append("Add a parser to an in-memory copy, after trying the parser")
    return steps


def _uki_steps(files: FileNames, image: Uki) -> list[str]:
    steps = []
    if files.profile is not None:
        steps.append(f"Use its profile {files.profile}")
    if files.addons:
        steps.append(f"Add {' + '.join(files.addons)}")
    if files.initrds is None:
        section = "Take the initrd out of the UKI's .initrd section"
        steps.append(section if image.initrd_section else "Use the initrds that its parts hold")
    automatic = any(section.name == ".dtbauto" for section in image.headers.sections)
    if automatic and not (files.devicetree or "").endswith(" .dtbauto"):
        steps.append("Leave out its .dtbauto device trees: none is for the board that runs")
    steps.append(
        "Measure nothing: what is sealed to the PCRs that systemd-stub extends stays locked"
    )
    return steps
