"""Two kernels side by side, as text: what differs, and where each has what the machine needs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from warmboot.core.boot.cmdline import Change
from warmboot.core.fit.kernel_fit import NeedFit, Place
from warmboot.core.hints import TYPE_CHECKING
from warmboot.core.host.essentials import Purpose
from warmboot.core.text import plural, printable, size
from warmboot.tui.present.forecast_text import forecast_items

if TYPE_CHECKING:
    from warmboot.core.session.comparison import Comparison, Side

_WIDTH = 100
_MARKS = {Change.ADDED: "+", Change.REMOVED: "-", Change.CHANGED: "~"}
#: What each purpose is called as a heading.
PURPOSES = {
    Purpose.ROOT: "root",
    Purpose.SUPPLY: "for the root",
    Purpose.NETWORK: "network",
    Purpose.CONSOLE: "console",
    Purpose.KEYBOARD: "USB keyboard",
}


def compare_lines(found: Comparison) -> list[str]:
    """Return what differs, a line for each difference; what is the same is counted."""
    old, new = found.old, found.new
    lines = [f"Compared: {side_name(old)}", f"    with: {side_name(new)}", ""]
    lines += ["Initrd", *(f"  {_release(one)}: {initrd_text(one)}" for one in (old, new)), ""]
    lines += ["Command line", *_word_lines(found), ""]
    lines += ["Drivers that this machine needs to come back", *_need_lines(found), ""]
    lines += ["Build options that matter", *_option_lines(found), ""]
    away = (f"  {item.name}: {item.value}" for item in forecast_items(found.forecast))
    lines += ["How long the machine is away", *away]
    return lines


def side_name(side: Side) -> str:
    """Return what a person calls a kernel."""
    release = _release(side)
    entry = f" ({printable(side.entry, 128)})" if side.entry else ""
    return f"{release}{entry}{', runs now' if side.running else ''}"


def _release(side: Side) -> str:
    return printable(side.release or "a kernel of unknown release", 128)


def place_text(fit: NeedFit | None) -> str:
    """Return where a kernel has a driver."""
    if fit is None:
        return "-"
    text = fit.place.value
    if fit.lacks:
        text += f", but without {', '.join(printable(name, 64) for name in fit.lacks[:4])}"
    return f"{text}, out of tree" if fit.out_of_tree else text


def falls_short(fit: NeedFit) -> bool:
    """Whether a kernel has a driver not at all, or too late for what it is needed for."""
    if fit.place is Place.MISSING or fit.lacks:
        return True
    return fit.need.purpose in (Purpose.ROOT, Purpose.SUPPLY) and fit.early is False


def initrd_text(side: Side) -> str:
    """Return what a kernel's initrd is."""
    initrd = side.initrd
    if initrd is None:
        return "none, or not known" if side.running else "none"
    releases = ", ".join(printable(name, 64) for name in initrd.releases[:4])
    text = f"{size(side.initrd_bytes)}, {f'modules for {releases}' if releases else 'no modules'}"
    text += ", early microcode" if initrd.microcode else ""
    return f"{text}; {printable(initrd.problem, 200)}" if initrd.problem else text


def _word_lines(found: Comparison) -> Iterator[str]:
    same = sum(one.change is Change.SAME for one in found.words)
    for one in found.words:
        if one.change is Change.SAME:
            continue
        was = f"  (was {one.old})" if one.change is Change.CHANGED else ""
        text = one.new if one.new is not None else one.old or ""
        yield printable(f"  {_MARKS[one.change]} {text}{was}", 4096)
    yield f"  {plural(same, 'word')} the same"


def _need_lines(found: Comparison) -> Iterator[str]:
    before = {fit.need: fit for fit in found.old.fit.needs}
    after = {fit.need: fit for fit in found.new.fit.needs}
    # A kernel that mounts another root does not need what the other one's root does.
    same = found.old.fit.essentials.root == found.new.fit.essentials.root
    lines: dict[str, None] = {}
    for need in dict.fromkeys((*before, *after)):
        old, new = before.get(need), after.get(need)
        name = (new.module if new else None) or (old.module if old else None)
        name = name or need.module or need.driver or need.modalias or need.what
        mark = "!" if (same and new is None) or (new is not None and falls_short(new)) else " "
        head = f"{mark} {PURPOSES[need.purpose]:<12}  {printable(name, 40):<18}"
        shown, before_it = (
            "not needed" if not same and fit is None else place_text(fit) for fit in (new, old)
        )
        was = "" if shown == before_it else f"  (was {before_it})"
        lines[f"{head}  {shown}{was}"] = None
    yield from lines
    if not before and not after:
        yield "  none are known"
    for one in found.new.fit.firmware:
        files = ", ".join(printable(name, 64) for name in one.files[:4])
        place = "the initrd" if one.in_initrd else "/usr/lib/firmware"
        yield f"! firmware      {printable(one.module, 40)}: none of {files} in {place}"
    if not found.new.fit.known:
        yield f"  There is no index of the modules of {side_name(found.new)}."


def _option_lines(found: Comparison) -> Iterator[str]:
    if found.options_differing is None:
        yield "  They are not known for both kernels."
        return
    for one in found.options:
        text = f"{one.name}={one.new or 'not set'} (was {one.old or 'not set'}): {one.meaning}"
        yield from textwrap.wrap(
            text, _WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False
        )
    others = max(0, found.options_differing - len(found.options))
    if not found.options:
        yield f"  none differ; of the others, {others} do" if others else "  none differ"
        return
    yield f"  {plural(others, 'other option')} differ"
