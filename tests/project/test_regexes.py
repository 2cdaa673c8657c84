"""No regular expression of the project can be made slow by the text it is held against."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from support.backtracking import trouble
from support.cost import seconds

ROOT = Path(__file__).parent.parent.parent
#: Expressions that are put together: fixed in length, or with work that is counted before.
MADE = ("core/expression.py", "core/boot/glob_match.py", "core/boot/grub/regexp.py")
#: Loops that end after so many characters: each start of a match costs no more than that.
BOUNDED = {
    r"\\(.)|\$(?:\{([^}]{0,64})\}|([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[?#]))",
    r'([A-Z_]{1,40})="([^"]{0,300})"',
    r"\$\{([^}\n]{1,64})\}",
}
METHODS = ("match", "fullmatch", "search", "findall", "finditer", "sub", "subn", "split")


class Use(NamedTuple):
    """One expression in one use."""

    place: str
    pattern: str | bytes
    flags: int
    method: str


def uses() -> Iterator[Use]:
    """Yield every expression of the package with each method that it is used by."""
    for folder in ("core", "tui", "themes"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.relative_to(ROOT).as_posix() not in MADE:
                yield from _uses(path, ast.parse(path.read_text()))


def _uses(path: Path, tree: ast.Module) -> Iterator[Use]:
    named: dict[str, ast.Call] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and _is_re(node.value) == "compile":
            assert isinstance(node.value, ast.Call)
            named |= {t.id: node.value for t in node.targets if isinstance(t, ast.Name)}
    for node in ast.walk(tree):
        place = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
        if (method := _is_re(node)) in METHODS:
            assert isinstance(node, ast.Call)
            yield Use(place, *_pattern(place, node), method or "")
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in named and node.attr in METHODS:
                yield Use(place, *_pattern(place, named[node.value.id]), node.attr)
        elif method == "compile" and node not in named.values():
            raise AssertionError(f"{place}: give the expression a name, to be looked at here")


def _is_re(node: ast.AST) -> str | None:
    """Return the function of re that is called, or stood for; None for anything else."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        module = node.func.value
        if isinstance(module, ast.Name) and module.id == "re":
            return node.func.attr
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return "compile" if node.func.id == "expression" else None
    return None


def _pattern(place: str, call: ast.Call) -> tuple[str | bytes, int]:
    pattern = call.args[0]
    assert isinstance(pattern, ast.Constant), f"{place}: an expression that is put together"
    assert isinstance(pattern.value, str | bytes), place
    flags = 0
    for node in (*call.args[1:], *(word.value for word in call.keywords)):
        for part in ast.walk(node):
            if isinstance(part, ast.Attribute):
                flags |= int(getattr(re, part.attr, 0))
    return pattern.value, flags


ALL = [use for use in uses() if use.pattern not in BOUNDED]


@pytest.mark.parametrize("use", ALL, ids=[use.place for use in ALL])
def test_no_expression_can_backtrack_over_a_text(use: Use) -> None:
    anywhere = use.method not in ("match", "fullmatch")
    why = trouble(use.pattern, use.flags, anywhere=anywhere, whole=use.method == "fullmatch")
    assert why is None, f"{use.place}: {use.pattern!r} by {use.method}: {why}"


def test_they_are_all_found() -> None:
    assert len(ALL) > 30
    assert {use.pattern for use in uses()} >= BOUNDED


@pytest.mark.parametrize(
    ("pattern", "method", "slow"),
    [
        (r"(a+)+b", "match", True),
        (r"(?:a|aa)+b", "match", True),
        (r"(?:\\.|\\a)*z", "match", True),
        (r"\d+[^ ]*x", "match", True),
        (r"\d+\.\d+[^ %(]* \(", "match", True),
        (r"a.*b.*c", "match", True),
        (r"a+b", "search", True),
        (r"a+", "fullmatch", False),
        (r"a*a*", "fullmatch", True),
        (r"a*a*", "match", False),
        (r"a++b", "match", False),
        (r"\d++\.\d++[^ %(]*+ \(", "match", False),
        (r"[^:]+:[^:]+", "match", False),
        (r"x(?: \w+)*!", "match", False),
        (r"#[^\n]*", "finditer", False),
        (r"<[^<>]*>", "search", False),
        (r"[0-9]{1,9}[0-9]*x", "match", True),
    ],
)
def test_the_test_tells_slow_from_quick(pattern: str, method: str, slow: bool) -> None:
    anywhere = method not in ("match", "fullmatch")
    found = trouble(pattern, 0, anywhere=anywhere, whole=method == "fullmatch")
    assert (found is not None) is slow


def test_what_is_called_slow_is_slow() -> None:
    """The theory meets the engine: twice the text takes four times as long, or more."""
    slow = re.compile(r"\d+\.\d+[^ %(]* \(")
    short, long = ("1." + "1" * length for length in (2000, 8000))
    assert seconds(lambda: slow.match(long), 0) > 6 * seconds(lambda: slow.match(short), 0)
