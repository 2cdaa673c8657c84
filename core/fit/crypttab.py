"""The crypttab of an initrd: which volumes it opens, and how. Source: crypttab(5)."""

from __future__ import annotations

from collections.abc import Sequence

from warmboot.core.boot.cmdline import Word
from warmboot.core.values import NamedTuple

_LINES = 1000
_NO_KEY = ("", "none", "-")
_DEVICES = ("/dev/urandom", "/dev/random")
_UUID = 32  # hexadecimal digits


class CrypttabEntry(NamedTuple):
    """How a volume is opened. `key` is the path of its key file, `script` what prints the key;
    None without."""

    name: str
    key: str | None
    script: str | None


class KeyFile(NamedTuple):
    """The key file of a volume. `device` is what it lies on, None for the initrd itself."""

    path: str
    device: str | None


def key_file(text: str) -> KeyFile:
    """Return where ``PATH``, ``PATH:DEVICE`` (or dracut's ``PATH:DEVICE:VOLUME``) says it is."""
    path, _, rest = text.partition(":")
    if path.startswith("/dev/"):
        return KeyFile(path, path)
    return KeyFile(path, rest.partition(":")[0] or None)


def key_word(words: Sequence[Word]) -> KeyFile | None:
    """Return the key file that rd.luks.key= or mkinitcpio's cryptkey= names, None without."""
    for word in words:
        value = word.value or ""
        if word.key == "cryptkey":
            device, _, rest = value.partition(":")
            path = rest.rpartition(":")[2]
            if path.startswith("/"):
                return KeyFile(path, None if device == "rootfs" else device)
        if word.key in ("rd.luks.key", "luks.key"):
            text = value if value.startswith("/") else value.partition("=")[2]  # UUID=PATH
            if text.startswith("/"):
                return key_file(text)
    return None


def entry_of(text: str | None, name: str, uuid: str) -> CrypttabEntry | None:
    """Return the line of crypttab for a volume, by its name or its LUKS UUID; None without.

    `uuid` is that of device-mapper: ``CRYPT-LUKS2-UUID-NAME``.
    """
    digits = next((part for part in uuid.split("-") if len(part) == _UUID), None)
    for line in (text or "").splitlines()[:_LINES]:
        words = line.split()
        if len(words) < 2 or words[0].startswith("#"):
            continue
        source = words[1].replace("-", "").lower()
        if words[0] != name and not (digits and digits.lower() in source):
            continue
        key = words[2] if len(words) > 2 else "none"
        options = words[3].split(",") if len(words) > 3 else []
        script = next((one.partition("=")[2] for one in options if one.startswith("keyscript")), "")
        if script or key in _NO_KEY or key.startswith(_DEVICES):
            return CrypttabEntry(words[0], None, script or None)
        return CrypttabEntry(words[0], key, None)
    return None
