"""Words that keep a driver from being loaded.

Sources: Documentation/admin-guide/kernel-parameters.txt (module_blacklist=, which the kernel itself
refuses); modprobe(8) and modprobe.d(5) (modprobe.blacklist=: only what is asked for by an alias, as
for a device); dracut.cmdline(7) and initramfs-tools(7) (the same, within the initrd).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from warmboot.core.boot.cmdline import Word
from warmboot.core.fit.initramfs import Initramfs
from warmboot.core.fit.initrd_contents import InitrdContents
from warmboot.core.fit.kernel_fit import NeedFit, Place
from warmboot.core.host.essentials import Purpose

_BY_KERNEL = "module_blacklist"
_BY_MODPROBE = "modprobe.blacklist"
_IN_INITRD = {Initramfs.DRACUT: "rd.driver.blacklist", Initramfs.INITRAMFS_TOOLS: "blacklist"}


def kept_out_by(
    fit: NeedFit, words: Sequence[Word], initrd: InitrdContents | None, running: Sequence[Word]
) -> Word | None:
    """Return the word that keeps the driver of a need out; None without.

    `words` are those of the new command line, `running` those of the running kernel, which has the
    driver at work in spite of them.
    """
    if fit.module is None or fit.place not in (Place.INITRD, Place.INSTALLED, Place.UNKNOWN):
        return None
    by_alias = [_BY_MODPROBE] if fit.need.modalias else []
    if initrd is not None and by_alias and fit.need.purpose is Purpose.ROOT:
        by_alias += [_IN_INITRD[initrd.made_by]] if initrd.made_by in _IN_INITRD else []
    own = initrd.own_words if initrd is not None else ()
    known = {word.text for word in running}
    for word in (*own, *words):
        if word.text in known:
            continue
        names = frozenset((word.value or "").replace("-", "_").split(","))
        if word.key == _BY_KERNEL and not names.isdisjoint((fit.module, *fit.below)):
            return word
        if word.key in by_alias and fit.module in names:
            return word
    return None


def all_kept_out(
    fits: Iterable[NeedFit],
    words: Sequence[Word],
    initrd: InitrdContents | None,
    running: Sequence[Word],
) -> list[tuple[NeedFit, Word]]:
    """Return the needs whose drivers are kept out, and the word that does it."""
    found = ((fit, kept_out_by(fit, words, initrd, running)) for fit in fits)
    return [(fit, word) for fit, word in found if word is not None]
