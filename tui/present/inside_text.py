"""What is inside an entry's files, as lines: comparison, files of initrds, PE headers, checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from warmboot.core.images.pe_headers import PeView
from warmboot.core.payload.inspection import InitrdInspection
from warmboot.core.plan.checks.base import Finding, Verdict
from warmboot.core.session.comparison import Comparison
from warmboot.core.text import plural
from warmboot.tui.present.compare_text import compare_lines
from warmboot.tui.present.layout import Group, Item, Line, lines, wrap

_STYLES = {Verdict.FAIL: "$error", Verdict.WARN: "$warning", Verdict.PASS: ""}
_ORDER = (Verdict.FAIL, Verdict.WARN, Verdict.PASS)
_COUNTS = {Verdict.FAIL: "in the way", Verdict.WARN: "to know", Verdict.PASS: "passed"}


def comparison_lines(found: Comparison, width: int) -> Iterator[Line]:
    """Yield what a kernel has other than the running one; what falls short stands out."""
    for text in compare_lines(found):
        heading = bool(text) and text[0] not in " !" and ":" not in text
        style = "bold $secondary" if heading else "$warning" if text.startswith("!") else ""
        indent = len(text) - len(text.lstrip(" "))
        first, *others = wrap(text[indent:], max(8, width - indent - 4))
        yield ((" " * indent + first, style),)
        yield from (((" " * (indent + 4) + other, style),) for other in others)


def initrd_lines(found: Iterable[InitrdInspection], width: int) -> Iterator[Line]:
    """Yield what initrds are made of, then the names of their files."""
    for one in found:
        facts = [Item(fact.label, fact.value) for fact in one.initrd.describe()]
        facts += [Item("Warning", one.warning, "$warning")] if one.warning else []
        yield from lines([Group(one.path, tuple(facts))], width)
        for number, part in enumerate(one.initrd.segments, 1):
            shown = len(part.names)
            more = f", the first {shown}" if shown < part.members else ""
            yield ()
            yield ((f"Archive {number}: {plural(part.members, 'file')}{more}", "bold $secondary"),)
            yield from (((f" {name}", ""),) for name in part.names)
        yield ()


def header_lines(found: PeView, width: int) -> Iterator[Line]:
    """Yield the headers and sections of a PE file; what pefile finds odd comes first."""
    odd = tuple(Item("Warning", text, "$warning") for text in found.warnings)
    none = (Item("Warnings", "none from pefile"),)
    parts = [Group("", odd or none)]
    for header in found.headers:
        fields = tuple(Item(fact.label, fact.value) for fact in header.fields)
        parts.append(Group(header.name, fields))
    yield from lines(parts, width, longest=26)


def finding_groups(findings: Sequence[Finding]) -> list[Group]:
    """Return findings in groups, the worst first."""
    ordered = sorted(findings, key=lambda finding: _ORDER.index(finding.verdict))
    found = []
    for verdict, part in groupby(ordered, key=lambda finding: finding.verdict):
        items = []
        for finding in part:
            style = _STYLES[verdict]
            items.append(Item(f"{verdict.upper()} {finding.check}", finding.text, style))
            if finding.hint and verdict is not Verdict.PASS:
                items.append(Item("", finding.hint))
        count = sum(finding.verdict is verdict for finding in findings)
        found.append(Group(f"{count} {_COUNTS[verdict]}", tuple(items)))
    return found


def finding_lines(findings: Sequence[Finding], width: int) -> Iterator[Line]:
    """Yield the lines of findings, the worst first."""
    yield from lines(finding_groups(findings), width, longest=30)
