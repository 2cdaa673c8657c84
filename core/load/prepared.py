"""What is ready for the call: its descriptors, and what becomes known of them."""

from __future__ import annotations

from contextlib import ExitStack

from warmboot.core.closing import Closing
from warmboot.core.errors import WarmbootError
from warmboot.core.load.inputs import KernelInput
from warmboot.core.load.lease import Leases
from warmboot.core.load.loader import LoadRequest
from warmboot.core.payload.follow import Follower, follow_file
from warmboot.core.payload.memfile import is_sealed
from warmboot.core.plan.boot_files import BootFiles
from warmboot.core.plan.plan import Plan
from warmboot.core.progress import Cancel, Phase, Progress, Report, ignore

_WAIT = 0.1  # seconds between two looks at a digest


class Prepared(Closing):
    """Open descriptors ready for the call; closing them gives all memory back.

    `warnings` are what only reading everything told; the plan's findings have them too. `unread` is
    what was in the way of reading what was staged once more.

    Digests are computed when one is asked for, each on a core of its own, and waited for. What is
    sealed, or held by a lease, cannot change, so that may be after the call.
    """

    def __init__(
        self,
        plan: Plan,
        files: BootFiles,
        request: LoadRequest,
        kernel: KernelInput,
        held: ExitStack,
        leases: Leases,
    ) -> None:
        self.plan = plan
        self.request = request
        self.kernel = kernel
        self.warnings: tuple[str, ...] = ()
        self._files = files
        self._leases = leases
        self._waiting: list[Follower] = []
        self.unread: WarmbootError | None = None
        self._held = held

    def ready(self) -> None:
        """Have a thread wait for each digest; raises WarmbootError where none is to be had."""
        if not self._waiting:
            request, follow = self.request, self._held.enter_context
            made = [follow(follow_file(request.kernel_fd, banner=self.kernel.banner, later=True))]
            if request.initrd_fd is not None:
                made.append(follow(follow_file(request.initrd_fd, later=True)))
            self._waiting = made

    def _reading(self) -> list[Follower]:
        """Have the kernel and, where there is one, the initrd read; return who does."""
        self.ready()
        for follower in self._waiting:
            follower.begin()
        return self._waiting

    def is_fixed(self, fd: int) -> bool:
        """Whether nobody can change the kernel or the initrd behind `fd` unnoticed."""
        return is_sealed(fd) or fd in self._leases

    @property
    def fixed(self) -> bool:
        """Whether nobody can change the kernel or the initrd unnoticed any more."""
        initrd = self.request.initrd_fd
        return self.is_fixed(self.request.kernel_fd) and (initrd is None or self.is_fixed(initrd))

    @property
    def sha256(self) -> str:
        """The digest of the kernel's bytes, in hex; waits for it.

        Raises ImageError, and WarmbootError where something else was in the way.
        """
        if self.unread is not None:
            raise self.unread
        return self._reading()[0].finish()

    @property
    def initrd_sha256(self) -> str | None:
        """The digest of all initrds as they are handed over.

        None where there are none, or where somebody could have changed them meanwhile. Raises as
        `sha256` does.
        """
        fd = self.request.initrd_fd
        if fd is None or not self.is_fixed(fd) or self.unread is not None:
            return None
        return self._reading()[1].finish()

    @property
    def digest(self) -> str | None:
        """What tells this plan from every other: SHA-256 of all that the kernel is to be given.

        That is the kernel's and the initrds' bytes, the device tree's path, the command line, the
        call, and whether it is for a crash. None where a part could still be changed by somebody,
        or could not be read once it was staged. Waits for the digests; raises as `sha256` does.
        """
        request = self.request
        if not self.fixed or self.unread is not None:
            return None
        parts = {
            "kernel": self.sha256,
            "initrd": self.initrd_sha256,
            "devicetree": self.plan.devicetree,
            "overlays": self.plan.files.overlays,
            "cmdline": request.cmdline,
            "call": request.call,
            "panic": self.plan.request.panic,
        }
        import hashlib  # slow to load, and not needed for the call
        import json

        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @property
    def release(self) -> str | None:
        """The kernel's release by its banner, else by its header; complete once `sha256` is."""
        found = self._waiting[0].scanner.release if self._waiting else None
        return found or self.kernel.release

    def digests(self, report: Report = ignore, cancel: Cancel | None = None) -> None:
        """Wait until all digests are known, and say how far they are.

        Raises Cancelled, ImageError where a lease was broken, and as `sha256` does.
        """
        followers = self._reading()
        total = sum(follower.size for follower in followers)
        while any(follower.busy(_WAIT) for follower in followers):
            done = sum(follower.done for follower in followers)
            report(Progress(Phase.DIGEST, done, total))
            if cancel is not None:
                cancel.check()
            self._leases.check()
        self._leases.check()
        _ = self.sha256, self.initrd_sha256

    def afterwards(self, report: Report = ignore) -> None:
        """Wait for the digests of what is staged, and keep what was in the way: see `unread`.

        Then whoever waits to write to a file goes on.
        """
        try:
            self.digests(report)
        except WarmbootError as error:
            self.unread = error
        self._leases.close()

    def unchanged(self) -> None:
        """Raise ImageError where a chosen file changed since it was opened, or is about to."""
        self._files.unchanged()
        self._leases.check()

    def close(self) -> None:
        """Close the memory files; the boot files themselves stay open."""
        self._held.close()
