r"""POSIX extended regular expressions as trees of what they are made of.

Source: POSIX, "Extended Regular Expressions", and the GNU C library's regex(7) for what POSIX
leaves open (``\w``, ``\<``, empty alternatives), as GRUB has both from there.
"""

from __future__ import annotations

from collections.abc import Callable

from warmboot.core.values import NamedTuple

#: Nodes that a graph may have; what is repeated counts as often.
MOST_NODES = 400


class BadPattern(Exception):
    """A text that is no regular expression."""


class Refused(Exception):
    """A regular expression whose work has no bound, or that is too large."""


Holds = Callable[[bytes, int], bool]


# What an expression is made of, before it becomes a graph: a set of bytes or a condition is a
# leaf, as is None, which is empty; the others hold what they are made of.


class Leaf(NamedTuple):
    """One byte of a set, or a place that a condition holds for."""

    fits: frozenset[int] | None = None
    holds: Holds | None = None


class Row(NamedTuple):
    """One behind the other."""

    parts: tuple[Tree, ...]


class Either(NamedTuple):
    """One of two; the second may be nothing."""

    left: Tree
    right: Tree


class Star(NamedTuple):
    """Any number of times."""

    inner: Tree


class Group(NamedTuple):
    """What is in brackets; `optional` where it may be left out or repeated."""

    inner: Tree
    number: int
    optional: bool = False


Tree = Leaf | Row | Either | Star | Group | None


def size(tree: Tree, most: int) -> int:
    """Return about how many nodes a tree becomes, counted no further than `most`."""
    count = 0
    waiting = [tree]
    while waiting and count <= most:
        one = waiting.pop()
        count += 2
        waiting += _inner(one)
    return count


def _inner(tree: Tree) -> tuple[Tree, ...]:
    """Return what a tree is made of."""
    if isinstance(tree, Row):
        return tree.parts
    if isinstance(tree, Either):
        return tree.left, tree.right
    return (tree.inner,) if isinstance(tree, Group | Star) else ()


def has(tree: Tree, asked: Callable[[Tree], bool]) -> bool:
    """Whether a part of a tree is as asked for."""
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        if asked(one):
            return True
        waiting += _inner(one)
    return False


def is_place(tree: Tree) -> bool:
    return isinstance(tree, Leaf) and tree.holds is not None


def is_group(tree: Tree) -> bool:
    return isinstance(tree, Group)


def may_be_left_out(tree: Tree) -> Tree:
    """Return a tree whose own group counts as one that may be left out."""
    return tree._replace(optional=True) if isinstance(tree, Group) else tree


def copy(tree: Tree) -> Tree:
    """Return a tree once more, as it is repeated: its groups count as if they were always there."""
    if isinstance(tree, Group):
        return Group(copy(tree.inner), tree.number)
    if isinstance(tree, Row):
        return Row(tuple(map(copy, tree.parts)))
    if isinstance(tree, Either):
        return Either(copy(tree.left), copy(tree.right))
    return Star(copy(tree.inner)) if isinstance(tree, Star) else tree
