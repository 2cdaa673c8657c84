"""What the checks of a plan look at: the plan, and the machine it is for."""

from __future__ import annotations

from warmboot.core.bpf.dialects import facts_of
from warmboot.core.host import Host
from warmboot.core.host.live_state import LiveState
from warmboot.core.images import BootImage, Format
from warmboot.core.images.rawimage import RawImage
from warmboot.core.images.uki import Uki
from warmboot.core.images.zboot import Zboot
from warmboot.core.plan.context import PlanContext
from warmboot.core.plan.loader_choice import by_file
from warmboot.core.plan.plan import Plan
from warmboot.core.plan.request import Origin
from warmboot.core.plan.route import Strategy, accepted_formats
from warmboot.core.values import NamedTuple


class PlanSubject(NamedTuple):
    """A plan that is yet to be judged, and the machine as the plan sees it."""

    plan: Plan
    context: PlanContext

    @property
    def host(self) -> Host:
        """The running machine."""
        return self.context.host

    @property
    def live(self) -> LiveState | None:
        """What goes on around the kernel, None where it was not read."""
        return self.context.live

    @property
    def kernel(self) -> BootImage:
        """The kernel itself: what a UKI holds, else the image."""
        image = self.plan.image
        inner = image.linux if isinstance(image, Uki) else None
        return inner or image

    @property
    def kernel_bytes(self) -> int:
        """What the kernel takes in memory, as far as the headers say."""
        kernel = self.kernel
        declared = kernel.stream.declared if kernel.stream else None
        return max(kernel.memory_size or 0, declared or 0, kernel.file_size)

    @property
    def file_load(self) -> bool:
        """Whether the call is kexec_file_load(2), else kexec_load(2)."""
        plan = self.plan
        return by_file(
            *(self.host, plan.call, plan.architecture),
            devicetree=plan.devicetree is not None,
            elf=self.kernel.format is Format.ELF,
        )

    @property
    def signed_bytes(self) -> bool | None:
        """Whether what the kernel gets carries a signature; None where nobody looked.

        What is unpacked carries none; the kernel inside a UKI may have its own.
        """
        plan = self.plan
        if plan.signature_kept:
            return self.signed
        inner = plan.image.linux if isinstance(plan.image, Uki) else None
        as_it_is = inner is not None and inner.format in accepted_formats(plan.architecture)
        if plan.strategy is Strategy.SPLIT and as_it_is:
            return bool(self.context.inner_signed)
        return False

    @property
    def copied(self) -> bool:
        """Whether a parser copies the image, which is unpacked before if it is packed."""
        return self.plan.strategy is Strategy.COPY

    @property
    def signed(self) -> bool | None:
        """Whether what the kernel verifies is signed; None where nobody looked."""
        dialect, kernel = self.plan.dialect, self.kernel
        if dialect is not None and not facts_of(dialect).whole:
            from warmboot.core.bpf.carried import runs_carried

            if runs_carried(kernel) and isinstance(kernel, Zboot | RawImage):
                return kernel.signed
        return self.plan.files.signed

    @property
    def borrowed_cmdline(self) -> bool:
        """Whether the command line is that of another system than the image's."""
        return self.context.foreign_root and self.plan.cmdline.origin is Origin.RUNNING

    @property
    def devicetree_not_passed(self) -> str | None:
        """What the entry wants of the device tree and the kernel would not get, None for nothing.

        Overlays are applied to a tree that is named: the one in use may hold them already.
        """
        files = self.plan.files
        if self.plan.devicetree is not None:
            return None
        if files.overlays:
            base = files.devicetree or "in use now"
            return f"{base} with the overlays {', '.join(files.overlays)}"
        return files.devicetree
