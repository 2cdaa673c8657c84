"""Findings as text: verdict, name and evidence in columns, and what they come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from warmboot.core.plan.checks.base import Finding, Verdict
from warmboot.core.plan.checks.registry import all_checks
from warmboot.core.text import plural
from warmboot.tui.present.layout import Group, Item, Line, wrap

_WIDTH = 100
_INDENT = 5
#: Options in hints, and the keys of the plan that do the same; what is part of another comes later.
KEYS_FOR = {
    "--append noresume": "e",
    "--no-initrd": "i with an empty line",
    "--initrd": "i",
    "--reuse-cmdline": "r",
    "--cmdline": "e",
}
STYLES = {Verdict.PASS: "$success", Verdict.WARN: "$warning", Verdict.FAIL: "$error"}


def finding_lines(findings: Sequence[Finding]) -> list[str]:
    """Return verdict, name and evidence in columns, remedies below what is not fine."""
    import textwrap

    lines = []
    column = max((len(finding.check) for finding in findings), default=0) + 8
    for finding in findings:
        head = f"{finding.verdict.upper()}  {finding.check}".ljust(column)
        lines += textwrap.wrap(
            finding.text, _WIDTH, initial_indent=head, subsequent_indent=" " * column
        )
        if finding.hint and finding.verdict is not Verdict.PASS:
            indent = " " * column
            lines += textwrap.wrap(
                finding.hint, _WIDTH, initial_indent=indent, subsequent_indent=indent
            )
    return lines


def every_line(findings: Sequence[Finding]) -> list[str]:
    """Return every finding, a line each with the remedy below."""
    lines = []
    for finding in findings:
        lines.append(f"{finding.verdict.upper()} {finding.check}: {finding.text}")
        lines += [f"     {finding.hint}"] if finding.hint else []
    return lines


def short_lines(findings: Sequence[Finding], forced: Sequence[str] = ()) -> list[str]:
    """Return what is not fine, a line each with the remedy below; `forced` are overruled."""
    lines = []
    for finding in findings:
        if finding.verdict is not Verdict.PASS:
            against = "FORCED" if finding.check in forced else finding.verdict.upper()
            lines.append(f"{against} {finding.check}: {finding.text}")
            lines += [f"     {finding.hint}"] if finding.hint else []
    return lines


def summary(findings: Sequence[Finding]) -> str:
    """Return how many checks there were, and whether staging would go on."""
    fails = [finding for finding in findings if finding.verdict is Verdict.FAIL]
    warnings = sum(finding.verdict is Verdict.WARN for finding in findings)
    text = f"{plural(len(findings), 'check')}: {plural(warnings, 'warning')}, "
    if not fails:
        return f"{text}nothing prevents staging."
    text += f"{len(fails)} failed. "
    if all(finding.forceable for finding in fails):
        names = " ".join(f"--force {finding.check}" for finding in fails)
        return f"{text}To stage all the same: {names}."
    return f"{text}Staging is blocked."


def count_text(findings: Sequence[Finding], forced: Sequence[str] = ()) -> str:
    """Return how many checks stand in the way, are overruled, warn and pass."""
    count = Counter(finding.verdict for finding in findings)
    overruled = sum(f.verdict is Verdict.FAIL and f.check in forced for f in findings)
    stop = count[Verdict.FAIL] - overruled
    parts = [f"{stop} {'stands' if stop == 1 else 'stand'} in the way"]
    parts = parts if stop else ["Nothing stands in the way"]
    parts += [f"{overruled} overruled"] if overruled else []
    parts += [f"{count[Verdict.WARN]} to know"] if count[Verdict.WARN] else []
    return ", ".join([*parts, f"{count[Verdict.PASS]} passed"])


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings, fails before warnings before passes, else in their order."""
    order = (Verdict.FAIL, Verdict.WARN, Verdict.PASS)
    return sorted(findings, key=lambda finding: order.index(finding.verdict))


def finding_text(finding: Finding, width: int, *, forced: bool = False) -> Iterator[Line]:
    """Yield a finding's lines: verdict, check, evidence; below them what to do."""
    word = "FORCED" if forced else finding.verdict.upper()
    under = " " * _INDENT
    room = max(8, width - _INDENT)
    first, *others = wrap(f"{' ' * (len(word) - 4)}{finding.check}: {finding.text}", room)
    yield ((f"{word} ", f"bold {STYLES[finding.verdict]}"), (first.lstrip(), ""))
    yield from (((under, ""), (line, "")) for line in others)
    hint = by_keys(finding.hint or "")
    if finding.forceable and not forced:
        hint = f"{hint} f overrules it.".lstrip()
    if hint:
        yield from (((under, ""), (line, "$secondary")) for line in wrap(hint, room))


def by_keys(hint: str) -> str:
    """Return a hint with the keys of the plan in place of the options that do the same."""
    for option, key in KEYS_FOR.items():
        hint = hint.replace(option, key)
    return hint


def explanation(finding: Finding) -> Group:
    """Return what a check asks, where it looked, what it found, what that means, what to do."""
    check = next((check for check in all_checks() if check.id == finding.check), None)
    items = [Item(finding.verdict.upper(), finding.check, STYLES[finding.verdict])]
    if check is not None:
        items.append(Item("Asks", check.title))
    items.append(Item("Found", finding.text))
    if finding.hint:
        items.append(Item("To do", by_keys(finding.hint)))
    if check is not None:
        items.append(Item("Looked at", check.looks_at))
        own = "a judgement of warmboot's own, no rule of the kernel"
        items.append(Item("Rule", f"of the kernel: {check.rule}" if check.rule else own))
    if finding.forceable:
        how = f"f on the plan, or warmboot stage --force {finding.check}; that is recorded"
        items.append(Item("Overrule", how))
    return Group("", tuple(items))


def standing_in_the_way(findings: Sequence[Finding], key: str) -> str:
    """Return what keeps any kernel from being staged on this machine, "" where nothing does.

    `key` shows the findings.
    """
    fails = [finding for finding in findings if finding.verdict is Verdict.FAIL]
    if not fails:
        return ""
    if all(finding.check == "privilege" for finding in fails):
        return "Not root: you can look at everything; staging and restarting need root."
    first = next(finding for finding in fails if finding.check != "privilege")
    more = f" (and {len(fails) - 1} more: {key} shows all)" if len(fails) > 1 else ""
    return f"In the way: {first.text}{more}"
