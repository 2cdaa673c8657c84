"""What a check is: a small named object that looks at facts and says pass, warn or fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

Subject = TypeVar("Subject")


class Verdict(StrEnum):
    """What a check says: fine, think about it, or no."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: `check` is its name, `text` the evidence, `hint` the remedy.

    `forceable` is whether an operator may go on against it, by naming the check.
    """

    check: str
    verdict: Verdict
    text: str
    hint: str | None = None
    forceable: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What a check's function returns: a finding that does not know its name yet."""

    verdict: Verdict
    text: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Check(Generic[Subject]):
    """One check. `id` is its name, `title` what it asks, `looks_at` where the answer stands.

    `forceable`: staging may go on against its fail, when the operator names it. Never where the
    kernel would refuse for certain, or where going on is not safe. `judge` returns None where the
    check has nothing to say about this machine or image.
    """

    id: str
    title: str
    looks_at: str
    forceable: bool
    judge: Callable[[Subject], Result | None]

    def run(self, subject: Subject) -> Finding | None:
        """Return the finding, None where the check does not apply."""
        result = self.judge(subject)
        if result is None:
            return None
        forceable = self.forceable and result.verdict is Verdict.FAIL
        return Finding(self.id, result.verdict, result.text, result.hint, forceable)


def check(
    name: str, title: str, looks_at: str, *, forceable: bool = False
) -> Callable[[Callable[[Subject], Result | None]], Check[Subject]]:
    """Make a check out of the function below it."""

    def make(judge: Callable[[Subject], Result | None]) -> Check[Subject]:
        return Check(name, title, looks_at, forceable, judge)

    return make


def passed(text: str) -> Result:
    """Nothing stands against it; `text` is the evidence."""
    return Result(Verdict.PASS, text)


def warn(text: str, hint: str) -> Result:
    """Something to think about before going on."""
    return Result(Verdict.WARN, text, hint)


def fail(text: str, hint: str) -> Result:
    """Staging must not go on."""
    return Result(Verdict.FAIL, text, hint)
