"""All checks in the order a person would ask, run over a machine or over a plan."""

from __future__ import annotations

from collections.abc import Iterable

from warmboot.core.boot.cmdline import parse
from warmboot.core.boot.cmdline_context import CmdlineContext
from warmboot.core.errors import WrongArgument
from warmboot.core.hints import Any
from warmboot.core.host import Host
from warmboot.core.host.hardware import read_memory
from warmboot.core.host.live_state import LiveState
from warmboot.core.plan.checks.base import Check, Finding, Group, Verdict
from warmboot.core.plan.checks.command_line import COMMAND_LINE, CmdlineSubject
from warmboot.core.plan.checks.crash import CRASH
from warmboot.core.plan.checks.drivers import DRIVERS
from warmboot.core.plan.checks.fit_subject import FitSubject
from warmboot.core.plan.checks.image import IMAGE
from warmboot.core.plan.checks.initrd import INITRD
from warmboot.core.plan.checks.initrd_fit import INITRD_FIT
from warmboot.core.plan.checks.kernel_changes import KERNEL_CHANGES
from warmboot.core.plan.checks.live import LIVE, LiveSubject
from warmboot.core.plan.checks.machine import MACHINE
from warmboot.core.plan.checks.network import NETWORK
from warmboot.core.plan.checks.parser import PARSER
from warmboot.core.plan.checks.remote_login import REMOTE_LOGIN
from warmboot.core.plan.checks.sealed import SEALED
from warmboot.core.plan.checks.subject import PlanSubject
from warmboot.core.plan.context import PlanContext
from warmboot.core.plan.plan import Plan
from warmboot.core.text import printable

#: Every group, in the order its checks are run and listed.
GROUPS: tuple[Group[Any], ...] = (
    *(MACHINE, IMAGE, INITRD, SEALED, CRASH, PARSER),
    *(DRIVERS, INITRD_FIT, KERNEL_CHANGES, NETWORK, LIVE),
    *(COMMAND_LINE, REMOTE_LOGIN),
)


def all_checks() -> tuple[Check[Any], ...]:
    """Return every check, in order."""
    return tuple(check for group in GROUPS for check in group.checks)


def about_entry(finding: Finding) -> bool:
    """Whether a finding is about what is chosen, not about the machine whatever is chosen."""
    about_machine = {check.id for check in MACHINE.checks} | {check.id for check in LIVE.checks}
    return finding.check not in about_machine


def judge_plan(plan: Plan, context: PlanContext) -> tuple[Finding, ...]:
    """Run every check that applies to a plan; what `context` lacks is not judged."""
    panic = plan.request.panic
    subject = PlanSubject(plan, context)
    findings = [*MACHINE.run(context.host, crash=panic)]
    for group in (IMAGE, INITRD, SEALED, CRASH, PARSER):
        findings += group.run(subject, crash=panic)
    findings += _judge_fit(plan, context)
    if context.live is not None:
        live = LiveSubject(
            context.host, context.live, plan.cmdline.text, panic, fit=plan.fit is not None
        )
        findings += LIVE.run(live, crash=panic)
    judged = judge_cmdline(plan.cmdline.text, context, plan.files.release, crash=panic)
    return (*findings, *judged)


def _judge_fit(plan: Plan, context: PlanContext) -> list[Finding]:
    """Return what is said of how the kernel fits the machine, nothing where nobody looked."""
    if plan.fit is None or context.demand is None:
        return []
    same = plan.fit.essentials is context.demand.essentials
    subject = FitSubject(
        host=context.host,
        fit=plan.fit,
        words=parse(plan.cmdline.text),
        options=context.kernel_options,
        encryption=context.live.encryption if context.live and same else None,
    )
    groups = (DRIVERS, INITRD_FIT, KERNEL_CHANGES, NETWORK)
    return [finding for group in groups for finding in group.run(subject)]


def judge_machine(host: Host, live: LiveState) -> tuple[Finding, ...]:
    """Run the checks that need no image."""
    return (*MACHINE.run(host), *LIVE.run(LiveSubject(host, live, None)))


def judge_cmdline(
    cmdline: str, context: PlanContext, release: str | None = None, *, crash: bool = False
) -> tuple[Finding, ...]:
    """Run the checks of a command line for the kernel `release`; nothing unknown is guessed at."""
    if context.cmdline is None:
        return ()
    host = context.host
    subject = CmdlineSubject(
        parse(cmdline),
        context.cmdline,
        read_memory(host.prefix),
        parse(host.cmdline),
        host.remote,
        release,
    )
    judged = COMMAND_LINE.run(subject, crash=crash)
    return (*judged, *REMOTE_LOGIN.run(subject, crash=crash))


def judge_login(cmdline: str, host: Host) -> tuple[Finding, ...]:
    """Return what stands against a login over the network after a restart with this line."""
    subject = CmdlineSubject(
        parse(cmdline), CmdlineContext(), running=parse(host.cmdline), remote=host.remote
    )
    return tuple(f for f in REMOTE_LOGIN.run(subject) if f.verdict is not Verdict.PASS)


def forced_checks(names: Iterable[str]) -> tuple[str, ...]:
    """Return the checks an operator names to go on against them, each once.

    Raises WrongArgument where there is no such check, or it is not to be forced.
    """
    names = tuple(names)
    if not names:
        return ()
    import difflib

    checks = {check.id: check for check in all_checks()}
    for name in names:
        if name not in checks:
            near = difflib.get_close_matches(name, checks, n=3, cutoff=0.5)
            may = ", ".join(check.id for check in checks.values() if check.forceable)
            hint = f"Did you mean {' or '.join(near)}?" if near else f"These can be forced: {may}."
            raise WrongArgument(f"There is no check {printable(name, 64)}", hint=hint)
        if not checks[name].forceable:
            raise WrongArgument(
                f"The check {name} cannot be forced: the kernel would refuse, or going on is not "
                "safe",
                hint="warmboot doctor says what to do about it.",
            )
    return tuple(dict.fromkeys(names))
