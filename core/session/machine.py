"""The machine that is worked on: its boot root, its facts, its kernel, its journal."""

from __future__ import annotations

from functools import cached_property

from warmboot.core.boot.root import BootRoot
from warmboot.core.hints import TYPE_CHECKING, Self
from warmboot.core.values import dataclass, replace

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from warmboot.core.host import Host
    from warmboot.core.load.loader import Loader
    from warmboot.core.progress import Cancel
    from warmboot.core.record.journal import Journal
    from warmboot.core.restart.trial.host import TrialHost


@dataclass(frozen=True)
class Machine:
    """Where images are looked for, and which kernel is asked to load them.

    `foreign_root`: the boot root is that of another system, and what runs here says nothing of it.
    `cancel` breaks off what takes long: the reading of initrds for a plan.
    """

    root: BootRoot
    host: Host
    simulated: bool
    foreign_root: bool
    cancel: Cancel | None = None

    def until(self, cancel: Cancel) -> Self:
        """Return the machine, of which `cancel` breaks plans off; those raise Cancelled then."""
        return replace(self, cancel=cancel)

    def refreshed(self) -> Self:
        """Return the machine with its facts read anew."""
        from warmboot.core.host import read_host

        return replace(self, host=read_host(self.host.prefix))

    @cached_property
    def loader(self) -> Loader:
        """The kernel that is asked to load others."""
        if self.simulated:
            from warmboot.core.sandbox.simulator import Simulator

            return Simulator(self.host.prefix)
        from warmboot.core.load.kernel_loader import KernelLoader

        return KernelLoader(self.host)

    @cached_property
    def trial_host(self) -> TrialHost:
        """What is asked to hold a watchdog, and to end a trial."""
        if self.simulated:
            from warmboot.core.sandbox.trial_host import SimulatedTrialHost

            return SimulatedTrialHost(self.host.prefix)
        from warmboot.core.restart.trial.host import RealTrialHost

        return RealTrialHost()

    @cached_property
    def journal(self) -> Journal:
        """What was done on this machine."""
        from warmboot.core.record.journal import Journal

        return Journal(self.host.prefix)

    def answering(self) -> AbstractContextManager[None]:
        """Let signals pass while what was done is said: they stop it no more."""
        from warmboot.core.record.lock import undisturbed

        return undisturbed()

    def tell(self, text: str) -> None:
        """Tell the other sessions of a real machine; never an error."""
        if not self.simulated:
            from warmboot.core.restart.broadcast import tell_everybody

            tell_everybody(text, [session.terminal for session in self.host.sessions])
