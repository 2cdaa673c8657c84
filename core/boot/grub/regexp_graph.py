"""POSIX extended regular expressions as graphs: what may follow what."""

from __future__ import annotations

from warmboot.core.boot.grub.regexp_parser import parse_pattern
from warmboot.core.boot.grub.regexp_tree import (
    MOST_NODES,
    Group,
    Holds,
    Leaf,
    Refused,
    Row,
    Star,
    Tree,
)
from warmboot.core.values import NamedTuple


class Step(NamedTuple):
    """A node: `to` are the nodes behind it, the better way first.

    `fits` are the bytes of which it takes one, None where it takes none; `holds` is a condition on
    the place. `opens` and `closes` are numbers of groups, 0 for none; `optional`: of one that may
    be left out or repeated.
    """

    to: tuple[int, ...] = ()
    fits: frozenset[int] | None = None
    holds: Holds | None = None
    opens: int = 0
    closes: int = 0
    optional: bool = False


class Graph(NamedTuple):
    """Nodes, which of them is first and which is last, and for each those that lead to it."""

    steps: list[Step]
    start: int
    end: int
    groups: int
    before: list[list[int]]


def compile_pattern(pattern: bytes) -> Graph:
    """Return the graph of a pattern; raise BadPattern where it is none, Refused beyond bounds."""
    tree, groups = parse_pattern(pattern)
    builder = _Builder()
    end = builder.add(Step())
    start = builder.build(tree, end)
    before: list[list[int]] = [[] for _ in builder.steps]
    for number, step in enumerate(builder.steps):
        for target in step.to:
            before[target].append(number)
    return Graph(builder.steps, start, end, groups, before)


class _Builder:
    def __init__(self) -> None:
        self.steps: list[Step] = []

    def add(self, step: Step) -> int:
        if len(self.steps) >= MOST_NODES:
            raise Refused
        self.steps.append(step)
        return len(self.steps) - 1

    def build(self, tree: Tree, following: int) -> int:
        """Return the first node of a tree that goes on with `following`."""
        if tree is None:
            return following
        if isinstance(tree, Leaf):
            return self.add(Step((following,), tree.fits, tree.holds))
        if isinstance(tree, Row):
            for part in reversed(tree.parts):
                following = self.build(part, following)
            return following
        if isinstance(tree, Group):
            optional = tree.optional
            end = self.add(Step((following,), closes=tree.number, optional=optional))
            return self.add(Step((self.build(tree.inner, end),), opens=tree.number))
        place = self.add(Step())
        if isinstance(tree, Star):
            ways = (self.build(tree.inner, place), following)
        else:
            ways = (self.build(tree.left, following), self.build(tree.right, following))
            if tree.left is None:  # the empty way is the last one
                ways = (ways[1], ways[0])
        self.steps[place] = Step(ways)
        return place
