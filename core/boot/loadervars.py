"""What the boot loader told the system it started: the variables of the Boot Loader Interface."""

from __future__ import annotations

import codecs
from pathlib import Path

from warmboot.core.rooted import rooted
from warmboot.core.values import dataclass

_VENDOR = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
_FOLDER = "sys/firmware/efi/efivars"
_LIMIT = 8192


@dataclass(frozen=True)
class LoaderVariables:
    """Firmware variables, None where there is no such variable.

    Source: https://systemd.io/BOOT_LOADER_INTERFACE. `info` names the boot loader; `selected` is
    the entry it started, `default`, `preferred` (unless boot counting gave it up) and `oneshot`
    what the operator asked it to start, `last` what it started last; `partition` is the partition
    UUID of its EFI system partition. `image` is the path of the UKI that runs, as its stub has it
    (systemd-stub(7)), with slashes; `profile` is the number of its profile. `started` is when the
    boot loader started the kernel, in microseconds since firmware began, as it is written there.
    """

    info: str | None = None
    selected: str | None = None
    default: str | None = None
    preferred: str | None = None
    oneshot: str | None = None
    last: str | None = None
    partition: str | None = None
    image: str | None = None
    profile: str | None = None
    started: str | None = None


def read_loader_variables(prefix: Path) -> LoaderVariables:
    """Read the variables below `prefix` (``/`` for this machine)."""

    def read(name: str) -> str | None:
        try:
            with (prefix / _FOLDER / f"{name}-{_VENDOR}").open("rb") as file:
                raw = file.read(_LIMIT)
        except (OSError, ValueError):
            return None
        # Four bytes of attributes stand in front of the value, UTF-16 with a NUL behind it.
        text = codecs.utf_16_le_decode(raw[4:], "replace", True)[0].split("\0", 1)[0]
        return text or None

    return LoaderVariables(
        info=read("LoaderInfo"),
        selected=read("LoaderEntrySelected"),
        default=read("LoaderEntryDefault"),
        preferred=read("LoaderEntryPreferred"),
        oneshot=read("LoaderEntryOneShot"),
        last=read("LoaderEntryLastBooted"),
        partition=read("LoaderDevicePartUUID"),
        image=(read("StubImageIdentifier") or "").replace("\\", "/") or None,
        profile=read("StubProfile"),
        started=read("LoaderTimeExecUSec"),
    )


@dataclass(frozen=True)
class Running:
    """What runs now: kernel release, command line, and what the boot loader said of it.

    `prefix` is where the machine's own files are, ``/`` unless it is simulated. `build` is which
    build of the release it is (as ``uname -v`` prints it), None where that is not known. `started`
    is the id of the entry that this boot was started into by a kexec of it, as was recorded; the
    boot loader's variables are then of an earlier boot.
    """

    release: str
    cmdline: str
    variables: LoaderVariables
    prefix: Path
    build: str | None = None
    started: str | None = None

    @classmethod
    def read(cls, prefix: Path, release: str, cmdline: str, started: str | None = None) -> Running:
        """Return it for a machine whose release and command line are known already."""
        prefix = rooted(prefix)
        try:
            with (prefix / "proc/sys/kernel/version").open("rb") as file:
                build = file.read(_LIMIT).decode("utf-8", "replace").strip() or None
        except (OSError, ValueError):
            build = None
        return cls(release, cmdline, read_loader_variables(prefix), prefix, build, started)
