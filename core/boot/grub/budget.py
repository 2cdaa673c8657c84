"""How much work a GRUB configuration may ask for: so much that no menu comes near it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from warmboot.core.errors import WarmbootError
from warmboot.core.values import dataclass

_STEPS = 70_000
_FOR_ENTRIES = 200_000  # beside those of the script: about a hundred for each that is followed
_SHARE = 20_000
_BYTES = 8 << 20
_DEEPEST = 32  # menus within menus; one may read itself
#: Characters of one word, or of one variable; values made of values would grow without end.
LONGEST = 65536
_READ = 8 << 20  # characters of all files that a menu reads
MANY_VARIABLES = 1 << 20  # characters of all variables together


@dataclass
class Budget:
    """What is spent so far: tokens read, steps taken, characters made of words and
    variables, characters read from files."""

    tokens: int = 0
    steps: int = 0
    made: int = 0
    read: int = 0
    depth: int = 0
    most_tokens: int = 500_000
    most_steps: int = _STEPS

    def step(self, count: int = 1) -> None:
        """Count steps; raise WarmbootError beyond the bound."""
        self.steps += count
        if self.steps > self.most_steps:
            raise WarmbootError("The GRUB configuration does more than a menu needs")

    def entries(self) -> None:
        """Let the entries of a menu take steps beside those that its script may take."""
        self.most_steps = _STEPS + _FOR_ENTRIES

    @contextlib.contextmanager
    def share(self) -> Iterator[None]:
        """Let what follows have a part of the steps, so that one entry does not use up all."""
        most, depth = self.most_steps, self.depth
        self.most_steps = min(most, self.steps + _SHARE)
        try:
            yield
        finally:
            self.most_steps, self.depth = most, depth

    def deeper(self) -> None:
        """Count a menu within another one; raise WarmbootError where they are too many."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise WarmbootError("The GRUB configuration has menus within menus without end")

    def load(self, length: int) -> None:
        """Count a file that is read; raise WarmbootError where all are too long."""
        self.read += length
        if self.read > _READ:
            raise WarmbootError("The GRUB configuration reads more than a menu needs")

    def make(self, length: int) -> None:
        """Count characters of a word; raise WarmbootError where it, or all, are too long."""
        self.made += length
        if length > LONGEST or self.made > _BYTES:
            raise WarmbootError("A word of the GRUB configuration is too long")
