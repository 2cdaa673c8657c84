"""All that is known about an entry, in groups: what matters first, digests last."""

from __future__ import annotations

from warmboot.core.boot.cmdline import Change, compare
from warmboot.core.boot.entry import Listing
from warmboot.core.boot.listed_entry import ListedEntry
from warmboot.core.host import Host
from warmboot.core.images import Fact
from warmboot.core.images.uki import Uki
from warmboot.core.payload.archives import Initrd
from warmboot.core.text import printable, size
from warmboot.tui.present.compare_text import PURPOSES, falls_short
from warmboot.tui.present.entry_row import marks_text
from warmboot.tui.present.facts import payload_facts
from warmboot.tui.present.layout import Group, Item
from warmboot.tui.present.verdict import Known, verdict

_MARKS = {Change.ADDED: "+ ", Change.REMOVED: "- ", Change.CHANGED: "~ "}
#: Which group the lines of a header belong to; all others tell of the file.
_KERNEL = {
    "Banner", "Compression", "Kernel inside", "Operating system", "Page size", "Byte order",
    "Boot protocol", "Abilities", "Relocatable", "BPF parser", "Text offset", "Device trees",
}  # fmt: skip
_SIGNATURE = {"Signed", "NX compatible", "SBAT"}
_SAID = {"Format", "Architecture", "Kernel release", "File size", "Command line inside", "Signed"}


def against_items(row: ListedEntry, known: Known) -> list[Item]:
    """Return why the entry cannot be started here."""
    standing = known.standing
    style = "$error"
    items = [Item("Cannot start", row.obstacle, style)] if row.obstacle else []
    if known.damage:
        items.append(Item("Damaged", known.damage, style))
    if known.no_plan and not items:
        items.append(Item("No plan", known.no_plan, style))
    if standing is not None and not row.obstacle:
        items += [Item("Cannot start", fail.text, style) for fail in standing.fails]
    return items


def note_items(row: ListedEntry, known: Known) -> list[Item]:
    """Return what there is to know of an entry that nothing is known against by its files."""
    if known.standing is None or row.obstacle:
        return []
    return [Item("To know", note.text, "$warning") for note in known.standing.notes]


def summary(row: ListedEntry, known: Known, host: Host | None) -> Group:
    """Return what fits below the list: a line for each question that an operator asks."""
    items, notes = against_items(row, known), note_items(row, known)
    if not items:
        items, notes = notes, []
    items += [_kernel_line(row, known), *_initrd_lines(row, known)]
    items.append(Item("Line", _line_change(row, host)))
    if known.reading is not None:
        items.append(_signature_line(known))
    return Group("", (*items, *_fits(known), *_last(known), *notes))


def groups(
    row: ListedEntry, known: Known, host: Host | None, *, staged: bool = False
) -> list[Group]:
    """Return everything known about an entry."""
    state = [Item("State", verdict(row, known).text), *against_items(row, known)]
    state += [*note_items(row, known), *_fits(known), *_last(known)]
    return [
        Group(printable(row.entry.title, 200), tuple(state)),
        Group("Kernel", tuple(_kernel_items(row, known))),
        Group("Initrd", tuple(_initrd_items(row, known))),
        Group("Command line", tuple(_line_items(row, host))),
        Group("Signature", tuple(_signature_items(row, known))),
        Group("Boot entry", tuple(_entry_items(row, staged))),
        Group("File", tuple(_file_items(row, known))),
    ]


def searched_text(listing: Listing, key: str) -> str:
    """Return what to say when nothing was found: every place, what came of it, what to do.

    `key` plans a kernel that is not listed.
    """
    width = max((len(one.place) for one in listing.searched), default=0)
    return "\n".join(
        (
            "No boot images found. Looked in:",
            "",
            *(f"  {one.place:<{width}}  {one.result}" for one in listing.searched),
            "",
            "Is /boot mounted? warmboot --root DIR looks below DIR;",
            f"{key} plans any kernel by its path.",
        )
    )


def _fits(known: Known) -> list[Item]:
    """Return which drivers of the kernel serve what this machine needs, and which are missing."""
    fit = known.standing.fit if known.standing else None
    if fit is None or not fit.needs or not fit.known:
        return []
    found: dict[str, dict[str, None]] = {}
    for one in fit.needs:
        need = one.need
        name = one.module or need.module or need.driver or need.modalias or need.what
        text = f"{printable(name, 30)} {one.place.value}" if falls_short(one) else name
        found.setdefault(PURPOSES[need.purpose], {})[printable(text, 60)] = None
    text = "  ".join(f"{purpose} {', '.join(names)}" for purpose, names in found.items())
    return [Item("Fits", text, "$warning" if any(map(falls_short, fit.needs)) else "")]


def _last(known: Known) -> list[Item]:
    return [Item("Last time", known.last)] if known.last else []


def _kernel_line(row: ListedEntry, known: Known) -> Item:
    """Return the kernel's path, its format and its size before and after unpacking."""
    image = row.image
    if image is None:
        return Item("Kernel", printable(row.entry.kernel))
    payload = known.reading.payload if known.reading else None
    method = image.stream.method if image.stream else None
    kind = f"{image.format}, {method}" if method and method not in image.format else image.format
    sizes = size(image.file_size)
    if payload is not None and payload.method:
        sizes += f", {size(payload.size)} unpacked"
    return Item("Kernel", f"{printable(row.entry.kernel)}  {kind}  {sizes}")


def _kernel_items(row: ListedEntry, known: Known) -> list[Item]:
    entry, image = row.entry, row.image
    items = [Item("Path", printable(entry.kernel))]
    payload = known.reading.payload if known.reading else None
    release = (payload.release if payload else None) or (image.release if image else None)
    items.append(Item("Release", release or entry.release or "not known before it is unpacked"))
    if image is None:
        return items
    items.append(Item("Format", f"{image.format}, for {image.architecture or 'any machine'}"))
    if payload is not None:
        said = ("SHA-256", "Kernel release", "Banner")
        facts = (fact for fact in payload_facts(payload, image) if fact.label not in said)
        items += [Item(fact.label, fact.value) for fact in facts]
    banner = payload.banner if payload and payload.banner else image.banner
    items += [Item("Banner", banner)] if banner else []
    return [*items, *_facts(row, _KERNEL - {"Banner"})]


def _initrd_lines(row: ListedEntry, known: Known) -> list[Item]:
    return [Item("Initrd", text, style) for text, style in _initrds(row, known)]


def _initrd_items(row: ListedEntry, known: Known) -> list[Item]:
    items = [Item("Path", text, style) for text, style in _initrds(row, known)]
    if row.entry.initrd_reason:
        items.append(Item("Chosen", row.entry.initrd_reason))
    for one in known.reading.initrds if known.reading else ():
        if one.initrd is not None:
            items.append(Item("Modules for", " ".join(one.initrd.releases) or "no kernel"))
            items += [Item("To know", text, "$warning") for text in one.initrd.warnings]
    return items


def _initrds(row: ListedEntry, known: Known) -> list[tuple[str, str]]:
    """Return a text and its style for each initrd, or for there being none."""
    read = {one.path: one for one in known.reading.initrds} if known.reading else {}
    found = []
    for path in row.entry.initrds:
        one = read.get(path)
        text, style = printable(path), ""
        if one is not None and one.initrd is not None:
            text += f"  {size(one.initrd.size)}{_made_for(one.initrd, one.warning)}"
        if one is not None and one.warning:
            text, style = f"{text}  {one.warning}", "$warning"
        found.append((text, style))
    if found:
        return found
    if isinstance(row.image, Uki) and row.image.initrd_section:
        return [(f"inside the image, {size(row.image.initrd_section.size)}", "")]
    return [("none", "")]


def _made_for(initrd: Initrd, warning: str | None) -> str:
    if initrd.problem:
        return f"  {initrd.problem}"
    return "  made for this kernel" if initrd.releases and not warning else ""


def _line_items(row: ListedEntry, host: Host | None) -> list[Item]:
    line = row.entry.cmdline
    if line is None and isinstance(row.image, Uki) and row.image.cmdline is not None:
        return [Item("Inside", printable(row.image.cmdline, 8192))]
    if line is None:
        return [Item("Text", "none of its own: that of the running kernel is used")]
    items = [Item("Text", printable(line, 8192) or "empty")]
    return [*items, Item("Changes", _line_change(row, host))]


def _line_change(row: ListedEntry, host: Host | None) -> str:
    """Return how the entry's command line differs from the running one."""
    line = row.entry.cmdline
    if line is None and isinstance(row.image, Uki):
        line = row.image.cmdline
    if line is None:
        return "that of the running kernel"
    if host is None:
        return printable(line, 4096)
    changes = [
        f"{_MARKS[one.change]}{one.new if one.new is not None else one.old}"
        for one in compare(host.cmdline, line)
        if one.change is not Change.SAME
    ]
    if not changes:
        return "same as running"
    return printable(f"as running, {'  '.join(changes)}", 4096)


def _signature_line(known: Known) -> Item:
    reading = known.reading
    if reading is None or not (reading.signatures or reading.signature_problem):
        return Item("Signed", "no")
    if reading.signature_problem:
        return Item("Signed", reading.signature_problem, "$error")
    first = reading.signatures[0]
    verdicts = {True: "digest matches", False: "DIGEST DOES NOT MATCH", None: "not checked here"}
    text = f"{first.signer}; {verdicts[first.matches]}"
    return Item("Signed", text, "$error" if first.matches is False else "")


def _signature_items(row: ListedEntry, known: Known) -> list[Item]:
    items = [_signature_line(known)] if known.reading else _facts(row, {"Signed"})
    for one in known.reading.signatures if known.reading else ():
        items.append(Item("Issuer", one.issuer or "not stated"))
        items.append(Item("Digest", f"{one.algorithm} {one.digest}"))
    return [*items, *_facts(row, _SIGNATURE - {"Signed"})]


def _entry_items(row: ListedEntry, staged: bool) -> list[Item]:
    entry = row.entry
    marks = marks_text(row, staged=staged)
    items = [Item("Marks", marks)] if marks else []
    items.append(Item("Id", entry.id))
    items.append(Item("Kind", entry.kind.value))
    items += [Item("Version", entry.version)] if entry.version else []
    items += [Item("Device tree", entry.devicetree)] if entry.devicetree else []
    items += [Item("Overlay", path) for path in entry.overlays]
    items += [Item("Add-on", path) for path in entry.addons]
    items += [Item("Also called", name) for name in entry.also]
    items += [Item("To know", note, "$warning") for note in entry.notes]
    return [*items, *(Item("Found in", place) for place in entry.sources)]


def _file_items(row: ListedEntry, known: Known) -> list[Item]:
    image = row.image
    if image is None:
        return []
    items = [Item("Size", f"{size(image.file_size)} ({image.file_size} bytes)")]
    items += _facts(row, None)
    if known.sha256:
        inside = " (of the kernel inside)" if image.stream else ""
        items.append(Item("SHA-256", f"{known.sha256}{inside}"))
    return items


def _facts(row: ListedEntry, labels: set[str] | None) -> list[Item]:
    """Return the header's lines with these labels; for None, those that belong nowhere else."""
    facts: tuple[Fact, ...] = row.image.describe() if row.image else ()
    if labels is None:
        return [
            Item(fact.label, fact.value)
            for fact in facts
            if fact.label not in _KERNEL | _SIGNATURE | _SAID
        ]
    return [Item(fact.label, fact.value) for fact in facts if fact.label in labels]
