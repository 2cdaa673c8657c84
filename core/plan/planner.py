"""From a request and open files to a plan, judged by every check that applies."""

from __future__ import annotations

from warmboot.core.architecture import of_machine
from warmboot.core.boot.board import running_board
from warmboot.core.boot.presets import Preset, active, apply, remove
from warmboot.core.closing import Closing
from warmboot.core.debug import debug, step
from warmboot.core.errors import ImageError
from warmboot.core.fit.initrd_contents import InitrdContents
from warmboot.core.fit.kernel_fit import Demand, Kernel, KernelFit, judge_fit
from warmboot.core.host import Host
from warmboot.core.host.essentials import read_essentials
from warmboot.core.images import BootImage
from warmboot.core.images.devicetree import Board, read_board
from warmboot.core.images.uki import Uki
from warmboot.core.plan.boot_files import BootFiles, FileNames
from warmboot.core.plan.checks.base import Finding, Verdict
from warmboot.core.plan.checks.registry import judge_cmdline, judge_plan
from warmboot.core.plan.checks.subject import PlanSubject
from warmboot.core.plan.command_line import CommandLine, choose_cmdline, running_line
from warmboot.core.plan.context import PlanContext
from warmboot.core.plan.new_root import other_block, read_new_root
from warmboot.core.plan.plan import Plan
from warmboot.core.plan.request import Call, PlanRequest
from warmboot.core.plan.route import alternatives
from warmboot.core.plan.steps import describe_steps
from warmboot.core.plan.unpackable import read_room
from warmboot.core.plan.way import Wanted, choose_way
from warmboot.core.values import replace

#: Why not all of an initrd is known: the kernel unpacks its own in front of it (usr/Kconfig).
_INSIDE = "the kernel has one inside of itself (CONFIG_INITRAMFS_SOURCE), which is not looked into"


class OpenPlan(Closing):
    """A plan with its files held open, and the machine as it was when it was made."""

    def __init__(self, request: PlanRequest, files: BootFiles, context: PlanContext) -> None:
        self.files = files
        self.context = context
        self.plan = plan_files(request, files, context)

    def change(self, request: PlanRequest) -> Plan:
        """Plan anew with the same files, for another command line or another forced check."""
        self.plan = plan_files(request, self.files, self.context)
        return self.plan

    @property
    def running_line(self) -> CommandLine:
        """The running kernel's command line, without what the boot loader had put into it."""
        return running_line(self.context)

    def toggle(self, preset: Preset, cmdline: str, base: str) -> str:
        """Return `cmdline` with a preset's words, or without them where they are all in it.

        `base` is the command line that the preset was applied to.
        """
        if active(cmdline, preset):
            return remove(cmdline, preset, base)
        return apply(cmdline, preset)

    def review(self, cmdline: str) -> tuple[Finding, ...]:
        """Return what there would be to say of another command line; changes nothing."""
        return judge_cmdline(
            cmdline, self.context, self.plan.files.release, crash=self.plan.request.panic
        )

    def close(self) -> None:
        """Close the files."""
        self.files.close()


def plan_files(request: PlanRequest, files: BootFiles, context: PlanContext) -> Plan:
    """Return the plan for open files; raises what choose_cmdline raises."""
    entry = files.entry
    cmdline = choose_cmdline(request, context, entry, files.image, files.parts)
    _look_into_its_root(files, cmdline.text, context)
    name = entry.id if entry else None
    if files.options is None and files.release == context.host.release:
        files.options = context.host.config
    context = context._replace(
        initrds=files.heads(),
        kernel_options=files.options,
        inner_signed=files.inner_signed,
        boards=_boards(files, context.host),
    )
    if context.dialect is not None:
        refused = files.payload_refused(context.host)
        context = context._replace(decompressor=files.decompressor, payload_refused=refused)
    demand = None if request.panic else context.demand
    fit = None if demand is None else fit_of(files, cmdline.text, context, demand)
    return make_plan(request, name, files.names(), cmdline, files.image, context, fit)


def _boards(files: BootFiles, host: Host) -> tuple[Board, Board] | None:
    """Return the board that the device tree is for, and the one that runs."""
    view, running = files.devicetree_view, running_board(host.prefix)
    if view is None or running is None:
        return None
    try:
        named = read_board(view)
    except ImageError:  # what is no tree is refused when it is read
        return None
    return (named, running) if named.compatible else None


def fit_of(files: BootFiles, cmdline: str, context: PlanContext, demand: Demand) -> KernelFit:
    """Return how the kernel serves what the machine needs; its initrds are read."""
    known = _look_into_its_root(files, cmdline, context)
    same_root = known and not context.foreign_root
    block = other_block(cmdline, context, demand.essentials.root)
    if block is not None:
        host = context.host
        demand = demand._replace(essentials=read_essentials(host.prefix, host.remote, block))
    with step("fit"):
        contents = files.contents
        if (files.options or {}).get("INITRAMFS_SOURCE"):
            contents = (contents or InitrdContents(frozenset())).behind(_INSIDE)
        kernel = Kernel(files.release, files.modules, contents, same_root, files.tree)
        return judge_fit(demand, kernel)


def _look_into_its_root(files: BootFiles, cmdline: str, context: PlanContext) -> bool:
    """Have what is installed for the kernel read where its system will have it.

    Returns whether that is known; modules are looked for beside the entries otherwise.
    """
    if files.root is None:
        return False
    new = read_new_root(cmdline, context, files.root)
    files.look_into(new.root or files.root)
    return new.root is not None


def make_plan(
    request: PlanRequest,
    entry: str | None,
    files: FileNames,
    cmdline: CommandLine,
    image: BootImage,
    context: PlanContext,
    fit: KernelFit | None = None,
) -> Plan:
    """Return the plan for an image and a command line on the machine of `context`, judged."""
    host = context.host
    architecture = of_machine(host.machine)
    wanted = Wanted(files.devicetree, request.panic, request.loader)
    chosen, devicetree, dialect, route = choose_way(
        *(image, wanted, host, architecture, context.dialect),
        refused=context.payload_refused is not None,
    )
    loader = context.loader
    if chosen.call is not None:
        loader = loader.replace(Call.FILE, chosen.call)  # "simulated" in front of it stays
    initrd_bytes = files.initrd_bytes
    if isinstance(image, Uki) and files.initrds is None and image.initrd_section:
        initrd_bytes = max(initrd_bytes, image.initrd_section.size)
    strategy = route.strategy
    steps = describe_steps(files, image, strategy, dialect, devicetree, loader, panic=request.panic)
    plan = Plan(
        request=request,
        entry=entry,
        files=files,
        cmdline=cmdline,
        image=image,
        architecture=architecture,
        loader=loader,
        call=chosen.call,
        why_loader=chosen.why,
        other_loaders=chosen.others,
        devicetree=devicetree,
        strategy=strategy,
        why=route.why,
        dialect=dialect if strategy.by_parser else None,
        alternatives=alternatives(strategy, image, architecture),
        steps=steps,
        initrd_bytes=initrd_bytes,
        fit=fit,
    )
    debug("image: %s for %s", image.format, image.architecture or "any architecture")
    debug("route: %s, because %s", strategy, route.why)
    debug("loader: %s, because %s", chosen.call or "none", chosen.why)
    kernel = PlanSubject(plan, context).kernel_bytes
    options = context.kernel_options
    plan = replace(plan, room=read_room(host, cmdline.text, options, kernel, panic=request.panic))
    with step("checks"):
        findings = judge_plan(plan, context)
    for finding in findings:
        if finding.verdict is not Verdict.PASS:
            debug("check %s: %s: %s", finding.check, finding.verdict, finding.text)
    return replace(plan, findings=findings)
