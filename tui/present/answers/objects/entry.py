"""An entry in JSON."""

from __future__ import annotations

from warmboot.core.boot.entry import Entry, Kind
from warmboot.core.hints import Annotated, TypedDict


class EntryFields(TypedDict):
    """A kernel with what belongs to it. Paths are those below the boot root."""

    id: Annotated[str, "its name on the command line"]
    title: Annotated[str, "its title"]
    kind: Annotated[Kind, "where it comes from"]
    kernel: Annotated[str, "path of the kernel"]
    version: Annotated[str | None, "the version that the entry states; null where it does not"]
    release: Annotated[str | None, "the kernel's release; null where nothing tells it"]
    initrds: Annotated[list[str], "paths of the initrds, in the order they are joined"]
    initrd_reason: Annotated[str | None, "why these initrds; null where there are none"]
    cmdline: Annotated[str | None, "the command line; null where the entry states none"]
    devicetree: Annotated[str | None, "path of the device tree; null without"]
    overlays: Annotated[list[str], "paths of overlays for the device tree"]
    addons: Annotated[list[str], "paths of a UKI's add-ons, in the order they are taken"]
    profile: Annotated[int, "number of a UKI's profile"]
    architecture: Annotated[str | None, "what the entry says it is for; null where it does not"]
    machine_id: Annotated[str | None, "the machine ID it states; null without"]
    sort_key: Annotated[str | None, "the sort key it states; null without"]
    tries_left: Annotated[int | None, "starts that boot counting still allows; null without"]
    tries_done: Annotated[int | None, "starts that boot counting has seen; null without"]
    left_out: Annotated[bool, "whether its own boot loader does not offer it"]
    also: Annotated[list[str], "names that other menus have for the same choice"]
    sources: Annotated[list[str], "every file or folder that led to it"]
    running: Annotated[bool, "whether it runs now"]
    default: Annotated[bool, "whether the boot loader starts it by itself"]
    next: Annotated[bool, "whether the boot loader starts it the next time only"]
    notes: Annotated[list[str], "what else is worth knowing of it"]
    problem: Annotated[str | None, "why it cannot be used as it stands; null where it can"]


def entry_fields(entry: Entry) -> EntryFields:
    """Return an entry as answers hold it."""
    return {
        "id": entry.id,
        "title": entry.title,
        "kind": entry.kind,
        "kernel": entry.kernel,
        "version": entry.version,
        "release": entry.release,
        "initrds": list(entry.initrds),
        "initrd_reason": entry.initrd_reason,
        "cmdline": entry.cmdline,
        "devicetree": entry.devicetree,
        "overlays": list(entry.overlays),
        "addons": list(entry.addons),
        "profile": entry.profile,
        "architecture": entry.architecture,
        "machine_id": entry.machine_id,
        "sort_key": entry.sort_key,
        "tries_left": entry.tries_left,
        "tries_done": entry.tries_done,
        "left_out": entry.left_out,
        "also": list(entry.also),
        "sources": list(entry.sources),
        "running": entry.running,
        "default": entry.default,
        "next": entry.next,
        "notes": list(entry.notes),
        "problem": entry.problem,
    }
