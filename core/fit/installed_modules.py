"""What is installed for a kernel release: the index of its modules, and its build options."""

from __future__ import annotations

from warmboot.core.boot.root import BootRoot
from warmboot.core.fit.module_index import ModuleIndex
from warmboot.core.host.config import BuildOptions

#: Where the modules of a release are, and where links lead to them in NixOS.
USUAL = ("/usr/lib/modules", "/lib/modules")
_STORED = tuple(f"/run/{one}-system/kernel-modules/lib/modules" for one in ("current", "booted"))
_CONFIG = 4 << 20  # bytes of a kernel's options


def installed_index(root: BootRoot, release: str | None) -> ModuleIndex | None:
    """Return the index of the modules installed for a release; None where it has no such name."""
    if not release or "/" in release or release in (".", ".."):
        return None

    def texts(name: str, limit: int) -> str | None:
        for folder in (*USUAL, *_STORED):
            text = root.read_text(f"{folder}/{release}/{name}", limit)
            if text is not None:
                return None if text.cut else text
        return None

    return ModuleIndex(release, texts)


def installed_options(root: BootRoot, release: str | None) -> BuildOptions | None:
    """Return the build options that are installed for a release, None where no file says."""
    if release is None or "/" in release:
        return None
    for name in (f"/boot/config-{release}", f"/usr/lib/modules/{release}/config"):
        text = root.read_text(name, _CONFIG)
        if text is not None and not text.cut:
            return BuildOptions(text)
    return None
