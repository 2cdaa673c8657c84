"""Steps that go together: what was done is taken back, the last first, where a later one fails."""

from __future__ import annotations

from collections.abc import Callable

from warmboot.core.debug import debug
from warmboot.core.errors import WarmbootError
from warmboot.core.values import NamedTuple


class Undone(NamedTuple):
    """What was taken back, and what could not be, by name."""

    done: tuple[str, ...]
    left: tuple[str, ...]


class Undo:
    """What is to be taken back, unless it is kept."""

    def __init__(self) -> None:
        self._steps: list[tuple[str, Callable[[], object]]] = []

    def then(self, what: str, step: Callable[[], object]) -> None:
        """Have `step` take `what` back; it returns False where there was nothing."""
        self._steps.append((what, step))

    def keep(self) -> None:
        """Take nothing back."""
        self._steps.clear()

    def undo(self) -> Undone:
        """Take all of it back, the last first, whatever fails meanwhile."""
        done, left = [], []
        for what, step in reversed(self._steps):
            try:
                if step() is not False:
                    done.append(what)
            except (WarmbootError, OSError) as error:
                debug("taking back %s failed: %s", what, error)
                left.append(what)
        return Undone(tuple(done), tuple(left))
