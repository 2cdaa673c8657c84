"""Regular expressions that are compiled when they are first used, not when a module is imported.

Compiling one takes 0.1 to 3 ms, and a command uses few of those in the modules that it imports.
"""

from __future__ import annotations

from warmboot.core.hints import TYPE_CHECKING

if TYPE_CHECKING:
    from re import compile as expression
else:

    class expression:  # noqa: N801 - stands for re.compile
        """The compiled expression: its methods are those of ``re.Pattern``."""

        def __init__(self, pattern: str | bytes, flags: int = 0) -> None:
            self._given = (pattern, flags)

        def __getattr__(self, name: str) -> object:
            """Compile it; what was asked for stands here from then on, and is found by itself."""
            import re

            found = getattr(re.compile(*self._given), name)  # it is compiled only once
            setattr(self, name, found)
            return found


__all__ = ("expression",)
