"""The command ``regexp``: POSIX extended regular expressions, in work that grows with both lengths.

The expression becomes a graph, and the text is read once with all ways through it at a time, so
nothing is ever tried again. The leftmost match counts, and of those the longest. What the groups
hold is the first way through that match, as the C library's regcomp(3) takes it, which is GRUB's:
as much as possible, earlier choices first. It reads bytes. References back (``\\1``) are refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from warmboot.core.boot.grub.budget import Budget
from warmboot.core.boot.grub.regexp_graph import Graph, Step, compile_pattern
from warmboot.core.boot.grub.regexp_tree import BadPattern, Refused

_TEXT = 512  # bytes
_PATTERN = 512
_WORTH = 15  # of the nodes that are looked at, so many are worth one step


def search_groups(pattern: str, text: str, budget: Budget) -> list[str | None] | None:
    """Return what the pattern and its groups fit, [] where it does not fit, None where refused.

    A pattern that is none fits nothing.
    """
    raw = text.encode("utf-8", "surrogateescape")
    if len(pattern) > _PATTERN or len(raw) > _TEXT:
        return None
    try:
        graph = compile_pattern(pattern.encode("utf-8", "surrogateescape"))
    except BadPattern:
        return []
    except Refused:
        return None
    budget.step(1 + len(graph.steps) * (len(raw) + 1) // _WORTH)
    spans = _Match(graph, raw).groups()
    return [
        None if span is None else raw[span[0] : span[1]].decode("utf-8", "backslashreplace")
        for span in spans
    ]


Span = tuple[int, int]


class _Match:
    """One search of a text."""

    def __init__(self, graph: Graph, text: bytes) -> None:
        self.graph = graph
        self.text = text

    def groups(self) -> list[Span | None]:
        start = self._leftmost()
        if start is None:
            return []
        reached = self._forward(start)
        end = max(at for at, nodes in enumerate(reached) if self.graph.end in nodes)
        return self._walk(start, end, self._backward(reached, end))

    def _goes(self, step: Step, at: int) -> Sequence[int]:
        """Return where a step leads without a character of the text."""
        if step.holds is not None and not step.holds(self.text, at):
            return ()
        return step.to if step.fits is None else ()

    def _closure(self, nodes: Iterator[int] | list[int], at: int) -> set[int]:
        found: set[int] = set()
        waiting = list(nodes)
        while waiting:
            node = waiting.pop()
            if node not in found:
                found.add(node)
                waiting += self._goes(self.graph.steps[node], at)
        return found

    def _leftmost(self) -> int | None:
        """Return where the first match starts: each node keeps the first start that leads to it."""
        first: dict[int, int] = {}
        best: int | None = None
        for at in range(len(self.text) + 1):
            if best is None:
                first.setdefault(self.graph.start, at)
            known: dict[int, int] = {}
            for node, start in sorted(first.items(), key=lambda one: one[1]):
                waiting = [node]
                while waiting:
                    one = waiting.pop()
                    if one not in known:
                        known[one] = start
                        waiting += self._goes(self.graph.steps[one], at)
            found = known.get(self.graph.end)
            if found is not None and (best is None or found < best):
                best = found
            first = {}
            for node, start in known.items():
                if best is None or start < best:
                    for target in self._after(node, at):
                        first[target] = min(start, first.get(target, start))
        return best

    def _after(self, node: int, at: int) -> Sequence[int]:
        """Return where a node leads with the character at hand."""
        step = self.graph.steps[node]
        fits = step.fits is not None and at < len(self.text) and self.text[at] in step.fits
        return step.to if fits else ()

    def _forward(self, start: int) -> list[set[int]]:
        """Return the nodes that can be reached at each place, from `start` on."""
        reached: list[set[int]] = [set() for _ in range(len(self.text) + 1)]
        nodes: list[int] = [self.graph.start]
        for at in range(start, len(self.text) + 1):
            reached[at] = self._closure(nodes, at)
            nodes = [target for node in reached[at] for target in self._after(node, at)]
            if not nodes:
                break
        return reached

    def _backward(self, reached: list[set[int]], end: int) -> list[set[int]]:
        """Return those of the nodes reached from which the match can still end at `end`."""
        kept: list[set[int]] = [set() for _ in reached]
        for at in range(end, -1, -1):
            waiting = [self.graph.end] if at == end else []
            if at < end:
                waiting += [n for n in reached[at] if kept[at + 1] & set(self._after(n, at))]
            while waiting:
                node = waiting.pop()
                if node in kept[at] or node not in reached[at]:
                    continue
                kept[at].add(node)
                waiting += [n for n in self.graph.before[node]
                            if node in self._goes(self.graph.steps[n], at)]  # fmt: skip
        return kept

    def _walk(self, start: int, end: int, kept: list[set[int]]) -> list[Span | None]:
        """Go the first way from the start to the end, and note where groups begin and end."""
        spans: list[tuple[int, int]] = [(-1, -1)] * (self.graph.groups + 1)
        before = list(spans)
        node, at = self.graph.start, start
        passed: set[int] = set()  # since the last character
        while node != self.graph.end or at != end:
            step = self.graph.steps[node]
            if step.opens:
                spans[step.opens] = (at, -1)
            elif step.closes:
                began = spans[step.closes][0]
                if began < at:
                    spans[step.closes] = (began, at)
                    before = list(spans)
                elif step.optional and before[step.closes][0] != -1:
                    spans = list(before)  # an empty round more is none
                else:
                    spans[step.closes] = (began, at)
            if step.fits is not None:
                at += 1
                node = step.to[0]
                passed = set()
                continue
            passed.add(node)
            ways = [target for target in step.to if target in kept[at]]
            node = ways[1] if len(ways) > 1 and ways[0] in passed else ways[0]
        whole: list[Span | None] = [(start, end)]
        return whole + [span if span[1] >= 0 else None for span in spans[1:]]
