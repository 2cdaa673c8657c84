"""Boot loader entries: Boot Loader Specification type 1 files and boot counting.

Source: the UAPI group's Boot Loader Specification; systemd-boot(7) for the keys uki, uki-url,
profile and extra.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from warmboot.core.architecture import Architecture, of_efi, of_machine
from warmboot.core.boot.entry import Entry, Kind
from warmboot.core.expression import expression
from warmboot.core.text import plural, printable

_COUNTER = expression(r"\+(\d{1,9})(?:-(\d{1,9}))?(?=\.(?:conf|efi)$)", re.IGNORECASE)
#: A variable of GRUB in an entry.
VARIABLE = expression(r"\$\{?(\w+)\}?")
_TEXT_LIMIT = 65536
_BLANKS = " \t"
_KERNELS = ("linux", "uki", "uki-url", "efi")
_KEYS = frozenset((
    *_KERNELS, "title", "version", "machine-id", "sort-key", "initrd", "options", "devicetree",
    "devicetree-overlay", "architecture", "profile", "extra",
    # GRUB's, of Fedora's patches, and ostree's for Android's boot loader; nothing for kexec.
    "id", "blscfg", "grub_users", "grub_class", "grub_arg", "grub_hotkey", "aboot", "abootcfg",
))  # fmt: skip

Fields = Mapping[str, list[str]]
#: Initrds, or overlays, of one entry; where each of them is, is looked for on disk.
MOST_FILES = 64


def parse_fields(text: str) -> dict[str, list[str]]:
    """Return the values of each key in file order; comments and keys without value are left out.

    Quotes round a whole value are not part of it, as systemd-boot reads it.
    """
    fields: dict[str, list[str]] = {}
    for raw in text.replace("\r", "\n").split("\n"):
        line = raw.strip(_BLANKS)  # no other blank ends a key, or belongs to none
        key, _, value = line.partition(" ")
        if "\t" in key:
            key, _, value = line.partition("\t")
        value = value.lstrip(_BLANKS)
        if not value or key.startswith("#"):
            continue
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        if value:
            fields.setdefault(key, []).append(value)
    return fields


def parse_counter(name: str) -> tuple[str, int | None, int | None]:
    """Return a file name without its boot counter, the tries left and the tries done.

    ``fedora+3-1.conf`` is ``fedora.conf`` with 3 tries left and 1 done; both are None where the
    entry is not counted. Source: Automatic Boot Assessment, Boot Loader Specification.
    """
    found = _COUNTER.search(name) if "+" in name else None
    if found is None:
        return name, None, None
    return name[: found.start()] + name[found.end() :], int(found[1]), int(found[2] or 0)


def parse_entry(
    name: str,
    fields: Fields,
    *,
    source: str,
    locate: Callable[[str], str],
    variables: Mapping[str, str] | None,
    machine: Architecture | None = None,
) -> Entry:
    """Return the entry of one .conf file; `problem` says where it boots no Linux kernel here.

    `name` is the file's name, `fields` what parse_fields made of it, `source` its path. `locate`
    turns a path of the entry, which is relative to the file system that holds it, into a path of
    the boot root. `variables` are GRUB's: Fedora writes ``$kernelopts`` and ``$tuned_params``
    into its entries; an unknown one is empty, as in GRUB. None: the boot loader has no variables.
    `machine` is the architecture that entries have to be for, None where it is not known.
    """

    def said(key: str) -> str | None:
        """Return the last value of a key: one line of printable text."""
        values = fields.get(key)
        return printable(_filled(values[-1], variables), _TEXT_LIMIT).strip() if values else None

    kernel = said("linux") or said("uki") or said("efi")
    plain, left, done = parse_counter(name)
    name = printable(plain)
    problem, left_out = _problem(fields, said, machine)
    tree = said("devicetree")
    lines = [_filled(line, variables).strip() for line in fields.get("options", ())]
    named, overlays = (
        [path for line in fields.get(key, ()) for path in _paths(line, variables)]
        for key in ("initrd", "devicetree-overlay")
    )
    most = max(len(named), len(overlays))
    if most > MOST_FILES:
        problem = problem or f"it names {most} files, more than {MOST_FILES}"
        named, overlays = [], []
    initrds = tuple(map(locate, named))
    return Entry(
        id=name,
        title=said("title") or name,
        kind=Kind.BLS,
        kernel=locate(kernel) if kernel else said("uki-url") or "",
        version=said("version"),
        initrds=initrds,
        cmdline=printable(" ".join(lines), _TEXT_LIMIT) if lines or "linux" in fields else None,
        devicetree=None if tree is None or tree.endswith("/") else locate(tree),
        machine_id=said("machine-id"),
        sort_key=said("sort-key"),
        sources=(source,),
        problem=problem,
        overlays=tuple(locate(path) for path in overlays),
        architecture=said("architecture"),
        tries_left=left,
        tries_done=done,
        profile=_number(said("profile")),
        initrd_reason="named by the boot loader entry" if initrds else None,
        notes=_notes(fields),
        left_out=left_out,
    )


def _problem(
    fields: Fields, said: Callable[[str], str | None], machine: Architecture | None
) -> tuple[str | None, bool]:
    """Return why an entry cannot be used, and whether its boot loader leaves it out."""
    named = [key for key in _KERNELS if key in fields]
    architecture = said("architecture")
    if not named:
        return "it names no kernel", True
    if len(named) > 1:
        return f"it names {' and '.join(named)}, where only one may stand", True
    wanted = (of_efi(architecture) or of_machine(architecture)) if architecture else machine
    if machine is not None and wanted is not machine:
        return f"it is for {architecture}; this machine is {machine}", True
    if named == ["uki-url"]:
        return f"its kernel is to be fetched from {said('uki-url')}", False
    return None, False


def _notes(fields: Fields) -> tuple[str, ...]:
    notes = []
    extra = [path for line in fields.get("extra", ()) for path in line.split()]
    if extra:
        what = plural(len(extra), "extra file")
        notes.append(f"{what} will not reach the new system: {_some(extra)}")
    unknown = [key for key in fields if key not in _KEYS]
    if unknown:
        notes.append(f"lines that warmboot does not know are left out: {_some(unknown)}")
    if any(line.endswith("/") for line in fields.get("devicetree", ())):
        notes.append("its devicetree line names a folder, so it is left out")
    return tuple(notes)


def _some(names: list[str]) -> str:
    shown = [printable(name, 80) for name in names[:4]]
    return ", ".join([*shown, *(["…"] if len(names) > 4 else [])])


def _filled(text: str, variables: Mapping[str, str] | None) -> str:
    if variables is None or "$" not in text:
        return text
    return VARIABLE.sub(lambda found: variables.get(found[1], ""), text)


def _paths(line: str, variables: Mapping[str, str] | None) -> list[str]:
    return [printable(path, _TEXT_LIMIT) for path in _filled(line, variables).split()]


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < 4 else 0
