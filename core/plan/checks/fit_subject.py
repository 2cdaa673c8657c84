"""What the checks of a kernel's fit look at: what the machine needs, and what the kernel has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from warmboot.core.boot.cmdline import Word, WordGroup
from warmboot.core.fit.kernel_fit import KernelFit, NeedFit
from warmboot.core.host import Host
from warmboot.core.host.essentials import Essentials
from warmboot.core.host.storage import Encryption
from warmboot.core.text import printable
from warmboot.core.values import NamedTuple

_SHOWN = 6


class FitSubject(NamedTuple):
    """A kernel and the machine that it is to run on.

    `words` are those of its command line, `options` its build options, None where they are not
    known. `encryption` is what is known of an encrypted root.
    """

    host: Host
    fit: KernelFit
    words: tuple[Word, ...]
    options: Mapping[str, str] | None = None
    encryption: Encryption | None = None

    @property
    def essentials(self) -> Essentials:
        """What the machine needs, with the root that the kernel will have."""
        return self.fit.essentials

    @property
    def release(self) -> str:
        """What to call the kernel."""
        return printable(self.fit.release or "the new kernel", 100)

    @property
    def kernel_words(self) -> tuple[Word, ...]:
        """The words that are the kernel's, without those of init."""
        return tuple(word for word in self.words if word.group is not WordGroup.INIT)


def modules(fits: Iterable[NeedFit]) -> str:
    """Return the names of drivers, each once, with what each is for."""
    names = dict.fromkeys(_name(fit) for fit in fits)
    # A module that a device needs may be known by its name alone as well.
    return listed(one for one in names if not any(n.startswith(f"{one} (") for n in names))


def listed(names: Iterable[str]) -> str:
    """Return the first names as printable text, and how many there are more."""
    shown = [printable(name, 64) for name in names]
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return ", ".join(shown[:_SHOWN]) + more


def _name(fit: NeedFit) -> str:
    need = fit.need
    name = fit.module or need.module or need.driver or need.modalias or need.what
    return name if name == need.what else f"{name} (for {need.what})"
