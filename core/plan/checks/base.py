"""What a check is: a small named object that looks at facts and says pass, warn or fail."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from warmboot.core.enumeration import StrEnum
from warmboot.core.hints import Generic, TypeVar
from warmboot.core.values import NamedTuple

Subject = TypeVar("Subject")


class Verdict(StrEnum):
    """What a check says: fine, think about it, or no."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"


class Finding(NamedTuple):
    """The result of one check: `check` is its name, `text` the evidence, `hint` the remedy.

    `forceable` is whether an operator may go on against it, by naming the check.
    """

    check: str
    verdict: Verdict
    text: str
    hint: str | None = None
    forceable: bool = False


class Result(NamedTuple):
    """What a check's function returns: a finding that does not know its name yet."""

    verdict: Verdict
    text: str
    hint: str | None = None


#: None where a check has nothing to say about this machine or image.
Judgement = Result | Iterable[Result] | None


class Check(Generic[Subject]):
    """One check. `id` is its name, `title` what it asks, `looks_at` where the answer stands.

    `forceable`: staging may go on against its fail, when the operator names it. Never where the
    kernel would refuse for certain, or where going on is not safe. `for_crash`: it says something
    about a crash kernel too, which replaces nothing and starts when all else is over. `rule` is
    what the kernel does, with its source; None where the verdict is a judgement of ours.
    """

    __slots__ = ("_judge", "for_crash", "forceable", "id", "looks_at", "rule", "title")

    def __init__(
        self,
        name: str,
        title: str,
        looks_at: str,
        judge: Callable[[Subject], Judgement],
        *,
        forceable: bool,
        for_crash: bool,
        rule: str | None,
    ) -> None:
        self.id, self.title, self.looks_at, self.rule = name, title, looks_at, rule
        self.forceable, self.for_crash = forceable, for_crash
        self._judge = judge

    def run(self, subject: Subject) -> Iterator[Finding]:
        """Yield the findings; none where the check does not apply."""
        judged = self._judge(subject)
        results = (judged,) if isinstance(judged, Result) else judged or ()
        for verdict, text, hint in results:
            yield Finding(self.id, verdict, text, hint, self.forceable and verdict is Verdict.FAIL)


class Group(Generic[Subject]):
    """Checks that look at the same thing; each registers itself, in the order it is written."""

    def __init__(self) -> None:
        self.checks: list[Check[Subject]] = []

    def check(
        self,
        name: str,
        title: str,
        looks_at: str,
        *,
        forceable: bool = False,
        for_crash: bool = True,
        rule: str | None = None,
    ) -> Callable[[Callable[[Subject], Judgement]], Check[Subject]]:
        """Make a check out of the function below it."""

        def register(judge: Callable[[Subject], Judgement]) -> Check[Subject]:
            made = Check(
                name, title, looks_at, judge, forceable=forceable, for_crash=for_crash, rule=rule
            )
            self.checks.append(made)
            return made

        return register

    def run(self, subject: Subject, *, crash: bool = False) -> Iterator[Finding]:
        """Yield what every check has to say of `subject`; `crash`: a crash kernel is planned."""
        for one in self.checks:
            if one.for_crash or not crash:
                yield from one.run(subject)


def passed(text: str) -> Result:
    """Nothing stands against it; `text` is the evidence."""
    return Result(Verdict.PASS, text)


def warn(text: str, hint: str | None = None) -> Result:
    """Something to think about before going on."""
    return Result(Verdict.WARN, text, hint)


def fail(text: str, hint: str | None = None) -> Result:
    """Staging must not go on."""
    return Result(Verdict.FAIL, text, hint)
