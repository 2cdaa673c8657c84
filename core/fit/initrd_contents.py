"""What an initrd has: its files by name, the modules among them, and a few small files whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property

from warmboot.core.boot.cmdline import Word, parse
from warmboot.core.errors import ImageError
from warmboot.core.expression import expression
from warmboot.core.fit.initramfs import Initramfs, made_by
from warmboot.core.fit.module_index import FILES, ModuleIndex, module_name
from warmboot.core.images import BytesView, View
from warmboot.core.images.uboot import unwrapped
from warmboot.core.payload.file_tree import Tree, read_tree
from warmboot.core.payload.initrd import read_initrd
from warmboot.core.progress import Cancel
from warmboot.core.values import dataclass, field, replace

#: More content than this is not unpacked to look for files: it takes some seconds.
LIMIT = 2 << 30
_PATHS = 400_000
_KEPT = 64 << 20
_FILE = 32 << 20
_MODULE = expression(r"lib/modules/([^/]+)/(.+\.ko(?:\.(?:gz|xz|zst))?)")
#: Files that say how the root is opened: initramfs-tools, dracut and mkinitcpio with systemd.
_CRYPTTABS = ("cryptroot/crypttab", "etc/crypttab")


def _squashfs(view: View) -> Tree:
    from warmboot.core.payload.squashfs import SquashFs  # few initrds hold one

    return SquashFs(view)


def _erofs(view: View) -> Tree:
    from warmboot.core.payload.erofs import ErofS

    return ErofS(view)


#: Files of dracut that hold the rest in a file system image, and what reads it.
_IMAGES: dict[str, Callable[[View], Tree]] = {
    "squash-root.img": _squashfs,
    "squashfs-root.img": _squashfs,
    "erofs-root.img": _erofs,
}
_IMAGE = 256 << 20  # bytes of one
_MICROCODE = "kernel/x86/microcode/"
#: Words for the command line that dracut keeps in the initrd.
_CMDLINES, _CMDLINE = "etc/cmdline.d/", "etc/cmdline"
_WHOLE = frozenset(name.encode() for name in (*_CRYPTTABS, _CMDLINE))
#: Where initramfs-tools puts key files, by the name of their volume.
_KEYFILES = "cryptroot/keyfiles/"
_TOKENS = ("libtss2-esys", "systemd-tpm2", "clevis")


@dataclass
class _Catalogue:
    """Collects what is told of every file, within bounds."""

    paths: set[str] = field(default_factory=set)
    kept: dict[str, bytes] = field(default_factory=dict)
    room: int = _KEPT
    image: tuple[str, bytes] | None = None  #: the file system image in it, by its name

    def wants(self, path: bytes, size: int) -> bool:
        if len(self.paths) < _PATHS:
            self.paths.add(path.decode("utf-8", "replace").removeprefix("usr/"))
        folder, _, name = path.decode("utf-8", "replace").rpartition("/")
        if path.decode("utf-8", "replace") in _IMAGES:
            return size <= _IMAGE
        whole = path in _WHOLE or (name in FILES and "lib/modules/" in folder)
        whole = whole or f"{folder}/" == _CMDLINES
        return whole and size <= min(_FILE, self.room)

    def keep(self, path: bytes, content: bytes) -> None:
        if path.decode("utf-8", "replace") in _IMAGES:
            self.image = path.decode(), content
            return
        self.room -= len(content)
        self.kept[path.decode("utf-8", "replace").removeprefix("usr/")] = content


@dataclass(frozen=True)
class InitrdContents:
    """The files of all initrds of a kernel together, by paths without ``usr/`` in front.

    `problem` says why not all of them are known, None where they are.
    """

    paths: frozenset[str]
    kept: dict[str, bytes] = field(default_factory=dict)
    problem: str | None = None

    @cached_property
    def _modules(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for path in self.paths:
            if path.startswith("lib/modules/") and (match := _MODULE.fullmatch(path)):
                found.setdefault(match[1], set()).add(module_name(match[2]))
        return found

    @property
    def releases(self) -> tuple[str, ...]:
        """The kernels it has modules for."""
        return tuple(sorted(self._modules))

    def modules(self, release: str | None) -> frozenset[str]:
        """Return the names of the modules for a kernel release."""
        return frozenset(self._modules.get(release or "", ()))

    def index(self, release: str) -> ModuleIndex:
        """Return the index of a release's modules that the initrd has itself."""

        def texts(name: str, limit: int) -> str | None:
            raw = self.kept.get(f"lib/modules/{release}/{name}")
            return None if raw is None else raw[:limit].decode("utf-8", "replace")

        return ModuleIndex(release, texts)

    @property
    def microcode(self) -> bool:
        """Whether it has early microcode for x86 processors."""
        return any(path.startswith(_MICROCODE) for path in self.paths)

    @property
    def crypttab(self) -> str | None:
        """The lines that say how encrypted volumes are opened, None without such a file."""
        raw = [self.kept[name] for name in _CRYPTTABS if name in self.kept]
        return b"\n".join(raw).decode("utf-8", "replace") if raw else None

    def behind(self, other: str) -> InitrdContents:
        """Return it as one of two, the other of which is not known: `other` says why."""
        return replace(self, problem=self.problem or other)

    def has(self, *names: str) -> bool:
        """Whether one of the files is there; paths without ``usr/``."""
        return any(name in self.paths for name in names)

    @cached_property
    def _names(self) -> frozenset[str]:
        # Folders of modules are called as programs are (drivers/nvme).
        own = (path for path in self.paths if not path.startswith("lib/modules/"))
        return frozenset(path.rpartition("/")[2] for path in own)

    def programs(self, *names: str) -> bool:
        """Whether one of the programs is there, wherever it is."""
        return any(name in self._names for name in names)

    def has_key(self, volume: str, path: str) -> bool:
        """Whether the key file of an encrypted volume is there, `path` being that of crypttab."""
        path = path.lstrip("/").removeprefix("usr/")
        return self.has(path, f"{_KEYFILES}{volume}.key")

    @property
    def unlocks_by_token(self) -> bool:
        """Whether it has what opens LUKS by a TPM or by Tang."""
        return any(token in name for name in self._names for token in _TOKENS)

    @cached_property
    def made_by(self) -> Initramfs:
        """Which program made it."""
        return made_by(self.paths)

    @cached_property
    def own_words(self) -> tuple[Word, ...]:
        """The words that it adds to the command line for itself, in front of it (dracut)."""
        folder = sorted(path for path in self.kept if path.startswith(_CMDLINES))
        found = (self.kept.get(path, b"") for path in (*folder, _CMDLINE))
        return parse(b"\n".join(found).decode("utf-8", "replace"))


def read_contents(
    initrds: Iterable[tuple[str, View]], *, cancel: Cancel | None = None
) -> InitrdContents:
    """Return what initrds hold that the kernel unpacks one behind the other; raises Cancelled."""
    catalogue, problem = _Catalogue(), None
    room = LIMIT
    for name, view in initrds:
        try:
            initrd = read_initrd(
                unwrapped(view, name), head=0, limit=room, cancel=cancel, keeper=catalogue
            )
        except ImageError as error:
            problem = problem or error.message
            continue
        room = max(1, room - sum(part.unpacked for part in initrd.segments))
        whole = all(part.complete for part in initrd.segments)
        unread = None if whole else "it was not read to its end"
        problem = problem or initrd.problem or unread
    problem = problem or _read_image(catalogue, cancel)
    if len(catalogue.paths) >= _PATHS:
        problem = problem or f"it has more than {_PATHS} files"
    return InitrdContents(frozenset(catalogue.paths), catalogue.kept, problem)


def _read_image(catalogue: _Catalogue, cancel: Cancel | None) -> str | None:
    """Add the files of the image that the initrd itself mounts; return what is not known of it."""
    name = next((one for one in _IMAGES if one in catalogue.paths), None)
    if name is None:
        return None
    if catalogue.image is None:
        return f"its files are in {name}, which is too large to be looked into"
    name, content = catalogue.image
    catalogue.image = None
    try:
        unread = read_tree(_IMAGES[name](BytesView(content)), catalogue, cancel)
    except ImageError as error:
        return f"its files are in {name}, which cannot be read: {error.message}"
    words = [path.decode("utf-8", "replace") for path in unread]
    deciding = (_CMDLINES, _CMDLINE)
    decisive = [path for path in words if path in _CRYPTTABS or path.startswith(deciding)]
    return f"{decisive[0]} in its {name} is compressed, and not read" if decisive else None
