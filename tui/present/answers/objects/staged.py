"""What is staged, in JSON, as the journal keeps it too."""

from __future__ import annotations

from warmboot.core.hints import Annotated, TypedDict
from warmboot.core.plan.staged import Staged


class StagedFields(TypedDict):
    """A kernel that was staged."""

    entry: Annotated[str | None, "id of its entry; null for a kernel given by its path"]
    kernel: Annotated[str, "path of the kernel"]
    initrds: Annotated[list[str], "paths of the initrds; none where they are inside the image"]
    release: Annotated[str | None, "the kernel's release; null where it is not known"]
    cmdline: Annotated[str, "its command line"]
    strategy: Annotated[str, "how the kernel got the image"]
    loader: Annotated[str, "what handed it over"]
    sha256: Annotated[
        str | None, "SHA-256 of the kernel's bytes; null where the file changed meanwhile"
    ]
    at: Annotated[float, "when it was staged"]
    boot_id: Annotated[str | None, "the boot during which that was; null where not known"]
    panic: Annotated[bool, "whether it runs after a crash"]
    plan: Annotated[str | None, "digest of the plan it was staged by; null where not known"]
    trial: Annotated[str | None, "the restart on trial that it is for; null for none"]


def staged_fields(staged: Staged) -> StagedFields:
    """Return what is staged as answers hold it."""
    return {
        "entry": staged.entry,
        "kernel": staged.kernel,
        "initrds": list(staged.initrds),
        "release": staged.release,
        "cmdline": staged.cmdline,
        "strategy": staged.strategy,
        "loader": staged.loader,
        "sha256": staged.sha256,
        "at": staged.at,
        "boot_id": staged.boot_id,
        "panic": staged.panic,
        "plan": staged.plan,
        "trial": staged.trial,
    }
