"""What holds something open: a `with` statement closes it, also after an error."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType

from warmboot.core.hints import Self


class Closing(ABC):
    """Base of what is to be closed; `close` may be called again."""

    __slots__ = ()

    @abstractmethod
    def close(self) -> None:
        """Give back what is held."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
