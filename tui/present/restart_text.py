"""A restart as text: into what, how, what ends with it, and how long it takes."""

from __future__ import annotations

from warmboot.core.host import Host
from warmboot.core.plan.trial.trial import TrialPlan
from warmboot.core.session.status import Status
from warmboot.core.text import duration, printable
from warmboot.tui.present.facts import ending_lines
from warmboot.tui.present.layout import Group, Item
from warmboot.tui.present.plan_text import back_text

_LINE = 65536  # characters: all of a command line


def restart_groups(
    host: Host, status: Status, into: str, method: str, away: str
) -> tuple[Group, ...]:
    """Return everything there is to say before a restart; `into` names what is staged."""
    what = status.what
    items = [Item("Into", into)]
    ends = ending_lines(host)
    logins = [line for line in ends if line.startswith("  ")]
    items.append(Item("Ends", ", ".join(line for line in ends if line not in logins)))
    items += [Item("", line.strip()) for line in logins]
    items += [Item("How", method), Item("Away", away)]
    if what is not None:
        armed = [dog.identity or dog.name for dog in status.watchdogs if dog.armed]
        said = f"Watchdog armed: {printable(', '.join(armed))}; doctor says what becomes of it"
        back = back_text(what.cmdline, said if armed else "No watchdog is armed")
        initrds = " + ".join(what.initrds) or "none, or inside the image"
        items.append(Item("Back", back))
        items.append(Item("Initrd", printable(initrds)))
        items.append(Item("Line", printable(what.cmdline, _LINE) or "(empty command line)"))
    return (Group("", tuple(items)),)


def trial_groups(trial: TrialPlan) -> tuple[Group, ...]:
    """Return a trial: what confirms it, what brings the machine back, and what does not."""
    confirmed = f"warmboot confirm, typed within {duration(trial.asked.seconds)}, keeps it"
    items = [Item("Deadline", confirmed)]
    bare = trial.not_covered or ("power and firmware that fail",)
    items += [Item("" if number else "Not covered", text) for number, text in enumerate(bare)]
    items.append(Item("A reset", f"leads {trial.way_back.text}"))
    for layer in trial.layers:
        said = f"no: {layer.why_not}"
        if layer.how is not None:
            said = f"{layer.how}; covers {layer.covers}; not {layer.lacks}"
        items.append(Item(layer.name.value.capitalize(), said))
    return (Group("It goes back by itself", tuple(items)),)
