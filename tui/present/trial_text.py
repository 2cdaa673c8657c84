"""A restart on trial in words: what brings the machine back, what does not, what became of it."""

from __future__ import annotations

from warmboot.core.images import Fact
from warmboot.core.plan.trial.trial import LayerName, TrialPlan
from warmboot.core.record.trial_outcome import TrialOutcome, TrialState
from warmboot.core.session.status import Status
from warmboot.core.text import clock, duration, printable


def trial_lines(trial: TrialPlan) -> list[str]:
    """Return the whole plan: time, layers, way back, and what is not covered at the end."""
    lines = [f"On trial for {duration(trial.asked.seconds)}: {_confirmed_by(trial)}."]
    lines.append("What brings this machine back:")
    for layer in trial.layers:
        if layer.how is None:
            lines.append(f"  no {layer.name}: {layer.why_not}")
            continue
        lines.append(f"  {layer.name}: {printable(layer.how, 400)}")
        lines.append(f"    covers {layer.covers}; not {layer.lacks}")
    lines.append(f"A reset leads {trial.way_back.text}.")
    lines += [f"  {step}" for step in trial.way_back.steps]
    lines.append(f"Command line: {trial.length} of {trial.limit} bytes with the trial's words.")
    return [*lines, *not_covered_lines(trial)]


def not_covered_lines(trial: TrialPlan) -> list[str]:
    """Return what does not bring the machine back, for the moment before it is confirmed."""
    if not trial.not_covered:
        return ["Not covered: power and firmware that fail."]
    return ["Not covered:", *(f"  {sentence}" for sentence in trial.not_covered)]


def short_line(trial: TrialPlan) -> str:
    """Return the trial in one line: its layers and its time."""
    names = [layer.name.value for layer in trial.layers if layer.how is not None]
    names = [name for name in names if name != LayerName.INITRD]
    return f"on trial for {duration(trial.asked.seconds)}: {', '.join(names)}"


def outcome_facts(status: Status) -> list[Fact]:
    """Return what `warmboot status` says of the last trial."""
    facts = []
    if status.left_over:
        names = ", ".join(status.left_over)
        facts.append(
            Fact("Left over", f"{names}, of a trial that did not begin: warmboot exec --cancel")
        )
    trial = status.trial
    if trial is None:
        return facts
    facts.append(Fact("Trial", outcome_text(trial)))
    if trial.state is TrialState.PENDING:
        facts.append(Fact("", _deadline(status)))
    if trial.last_words is not None:
        facts.append(Fact("Last words", f"({trial.last_words.place})"))
        facts += [Fact("", line) for line in trial.last_words.lines]
    return facts


def outcome_text(trial: TrialOutcome) -> str:
    """Return what became of a trial, in a sentence."""
    release = printable(trial.release or "the new kernel")
    if trial.state is TrialState.CONFIRMED:
        return f"{release} is {trial.text}"
    if trial.state is TrialState.PENDING:
        return f"{release} is on trial, {trial.text}"
    away = "" if trial.away is None else f", away {trial.away:.0f} s"
    when = "" if trial.at is None else f"{clock(trial.at)}: "
    return f"{when}came back from {release}: {trial.text}{away}"


def pending_texts(status: Status) -> tuple[str, str]:
    """Return that a system is on trial, and a sentence on when it goes back."""
    name = printable((status.trial.release if status.trial else None) or "This system", 60)
    deadline = _deadline(status)
    return f"{name} is on trial", f"{deadline[:1].upper()}{deadline[1:]}."


def _confirmed_by(trial: TrialPlan) -> str:
    checks = ", ".join(printable(check, 100) for check in trial.asked.checks)
    by_hand = "warmboot confirm keeps the new system"
    return f"{by_hand}, or this check does: {checks}" if checks else by_hand


def _deadline(status: Status) -> str:
    timer, at = status.timer, status.goes_back_at
    if timer is None or not timer.active:
        stopped = "its dead-man timer does not run"
        if timer is not None and timer.active is None:
            stopped = "systemd did not say whether its dead-man timer runs"
        return stopped if at is None else f"{stopped}; its watchdog resets it at {clock(at)}"
    if at is None:
        return "its dead-man timer runs"
    by = "by its watchdog" if at == status.watchdog_at else "by itself"
    return f"it goes back {by} at {clock(at)}"
