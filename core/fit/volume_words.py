"""Which volumes an initrd is told to set up: words of the command line, its own, its crypttab.

Sources: dracut.cmdline(7), and what dracut does without words (parse-lvm.sh, lvm_scan.sh,
parse-md.sh and parse-crypt.sh of its modules lvm, mdraid and crypt: no array is assembled and
nothing opened that no word names, unless rd.auto is on; of LVM all is activated then);
systemd-cryptsetup-generator(8) (where a word names a volume, crypttab's others are left alone);
mkinitcpio's encrypt (cryptdevice=); cryptsetup-initramfs (cryptopts=).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from warmboot.core.boot.cmdline import Word, last_value
from warmboot.core.fit.crypttab import entry_of
from warmboot.core.fit.initramfs import Initramfs
from warmboot.core.fit.initrd_contents import InitrdContents
from warmboot.core.host.root_layers import Layer, Volume
from warmboot.core.text import printable
from warmboot.core.values import NamedTuple

#: What dracut takes for no, and what systemd does, in capitals too (parse_boolean()).
_OFF = ("0", "no", "off")
_OFF_SYSTEMD = ("0", "no", "n", "false", "f", "off")
_HEX = frozenset("0123456789abcdef")
_UUID = 32  # hexadecimal digits
_GENERATOR_KEYS = ("rd.luks.name", "luks.uuid", "luks.name")
#: Words that open a volume in another way than by its UUID; which one, they alone know.
_OTHER_WAYS = ("cryptdevice", "cryptroot", "cryptopts", "rd.luks.partuuid", "rd.luks.serial")


class Untold(NamedTuple):
    """Why an initrd will not set a volume up. `text` is a clause; `hint` is the remedy.

    `certain`: what made the initrd is known to work so.
    """

    text: str
    hint: str
    certain: bool = True


def untold(volume: Volume, initrd: InitrdContents, words: Sequence[Word]) -> Untold | None:
    """Return why `initrd` leaves a volume alone that it has the programs for; None where it will
    set it up, as far as can be told. `words` are those of the command line."""
    judge = _JUDGES.get(volume.kind)
    return None if judge is None else judge(volume, initrd, (*initrd.own_words, *words))


def _lvm(volume: Volume, initrd: InitrdContents, words: Sequence[Word]) -> Untold | None:
    # device-mapper's name of a logical volume: a hyphen of its own stands there twice.
    parts = volume.name.replace("--", "\0").split("-")
    if initrd.made_by is not Initramfs.DRACUT or len(parts) != 2 or not all(parts):
        return None
    group, own = (part.replace("\0", "-") for part in parts)
    hint = f"Add rd.lvm.lv={printable(group, 128)}/{printable(own, 128)}."
    if last_value(words, "rd.lvm") in _OFF:
        return Untold("rd.lvm=0 keeps it from setting up LVM", "Leave rd.lvm=0 out.")
    groups, volumes = list(_values(words, "rd.lvm.vg")), list(_values(words, "rd.lvm.lv"))
    named = [*groups, *volumes]
    if not named or group in groups or f"{group}/{own}" in volumes:
        return None
    return Untold(f"it sets up others only: {_listed(named)}", hint)


def _raid(volume: Volume, initrd: InitrdContents, words: Sequence[Word]) -> Untold | None:
    if initrd.made_by is not Initramfs.DRACUT:
        return None
    if last_value(words, "rd.md") in _OFF:
        return Untold("rd.md=0 keeps it from setting up RAID", "Leave rd.md=0 out.")
    named, own = list(_values(words, "rd.md.uuid")), _digits(volume.uuid)
    # mdadm writes the UUIDs of old arrays by other rules than the kernel, and a member of a
    # container has the container's.
    if named and (len(own) != _UUID or any(_digits(one) == own for one in named)):
        return None
    hint = "Add rd.md.uuid= (mdadm --detail --export), or rd.auto."
    if named:
        return Untold(f"it sets up others only: {_listed(named)}", hint, certain=False)
    if _auto(words):
        return None
    return Untold("dracut sets up what rd.md.uuid= names, which is not there", hint)


def _crypt(volume: Volume, initrd: InitrdContents, words: Sequence[Word]) -> Untold | None:
    dracut = initrd.made_by is Initramfs.DRACUT
    generator = initrd.programs("systemd-cryptsetup")
    uuid = next((part for part in volume.uuid.split("-") if len(part) == _UUID), "").lower()
    # dracut without systemd takes from crypttab only how a volume is called.
    listed = entry_of(initrd.crypttab, volume.name, volume.uuid) is not None
    listed = listed and (generator or not dracut)
    listed = listed and not (generator and _off_for_systemd(words, "luks.crypttab"))
    if dracut or generator:
        if (dracut and last_value(words, "rd.luks") in _OFF) or (
            generator and _off_for_systemd(words, "luks")
        ):
            return Untold("rd.luks=0 keeps it from opening any", "Leave rd.luks=0 out.")
        keys = ("rd.luks.uuid", *(_GENERATOR_KEYS if generator else ()))
        named = [value for key in keys for value in _values(words, key)]
        if named and uuid:
            if any(_names_luks(value, uuid, part=dracut) for value in named):
                return None
            text = f"it opens other volumes only: {_listed(named)}"
            return Untold(text, f"Add rd.luks.uuid={_dashed(uuid)}.")
        listed = listed or bool(named) or (dracut and _auto(words))
    if listed or any(word.key in _OTHER_WAYS for word in words):
        return None
    text = "nothing tells it to open this one"
    if initrd.has("scripts/local-top/cryptroot"):
        return Untold(text, "Put it into /etc/crypttab, and make the initrd again.")
    return Untold(text, "Add rd.luks.uuid= or cryptdevice=.", certain=dracut)


_JUDGES: dict[Layer, Callable[[Volume, InitrdContents, Sequence[Word]], Untold | None]] = {
    Layer.CRYPT: _crypt,
    Layer.LVM: _lvm,
    Layer.RAID: _raid,
}


def _names_luks(value: str, uuid: str, *, part: bool) -> bool:
    """Whether a word's value names a LUKS volume; dracut takes a part of the UUID as well."""
    start = value.partition("=")[0].removeprefix("keysource:").removeprefix("luks-")
    digits = _digits(start)
    return digits == uuid or (part and bool(digits) and digits in uuid)


def _values(words: Sequence[Word], key: str) -> Iterator[str]:
    return (word.value for word in words if word.name == key and word.value)


def _off_for_systemd(words: Sequence[Word], key: str) -> bool:
    """Whether a switch is off; within an initrd systemd takes it with and without ``rd.``."""
    values = [word.value for word in words if word.name in (key, f"rd.{key}")]
    return bool(values) and (values[-1] or "").lower() in _OFF_SYSTEMD


def _auto(words: Sequence[Word]) -> bool:
    given = any(word.name == "rd.auto" for word in words)
    return given and last_value(words, "rd.auto") not in _OFF


def _digits(text: str) -> str:
    """Return the hexadecimal digits of a UUID, however they are set apart; "" for anything else.

    Capitals are something else: they are compared with what udev has found, letter by letter.
    """
    plain = text.replace("-", "").replace(":", "")
    return plain if _HEX.issuperset(plain) else ""


def _dashed(uuid: str) -> str:
    return "-".join((uuid[:8], uuid[8:12], uuid[12:16], uuid[16:20], uuid[20:]))


def _listed(values: Sequence[str]) -> str:
    more = f" and {len(values) - 3} more" if len(values) > 3 else ""
    return ", ".join(printable(value, 80) for value in values[:3]) + more
