"""Which volumes an initrd sets up, by words: dracut's LVM and RAID, and LUKS wherever it is."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmboot.core.boot.cmdline import parse
from warmboot.core.fit.initrd_contents import InitrdContents
from warmboot.core.fit.volume_words import Untold, untold
from warmboot.core.host.root_layers import Layer, Volume

DRACUT, SYSTEMD = "lib/dracut-lib.sh", "lib/systemd/systemd-cryptsetup"
NAMES = st.text("ab-_.", min_size=1, max_size=6)
OFF = st.sampled_from(["0", "no", "off"])
UUIDS = st.uuids()


def told(volume: Volume, paths: tuple[str, ...], words: str, **kept: str) -> Untold | None:
    """Judge by words of the command line; `kept` are files of the initrd below its etc."""
    files = {f"etc/{name.replace('__', '/')}": text.encode() for name, text in kept.items()}
    initrd = InitrdContents(frozenset((*paths, *files)), files)
    return untold(volume, initrd, parse(words))


def logical(group: str, name: str) -> Volume:
    """A logical volume as device-mapper calls it (build_dm_name() of LVM2)."""
    mapped = "-".join(part.replace("-", "--") for part in (group, name))
    return Volume(mapped, Layer.LVM, "LVM-1", ())


def encrypted(uuid: UUID, name: str = "x") -> Volume:
    return Volume(name, Layer.CRYPT, f"CRYPT-LUKS2-{uuid.hex}-{name}", ())


@given(NAMES, NAMES, NAMES, NAMES, st.booleans())
def test_dracut_activates_the_logical_volumes_that_words_name(
    group: str, name: str, other: str, another: str, inside: bool
) -> None:
    def by(words: str) -> Untold | None:
        volume = logical(group, name)
        if inside:
            return told(volume, (DRACUT,), "ro", cmdline__d="", **{"cmdline.d__90lvm.conf": words})
        return told(volume, (DRACUT,), words)

    if (group + name).count("-") == 0:  # else device-mapper's name may be read in two ways
        assert by(f"rd.lvm.lv={group}/{name}") is None
        assert by(f"rd.lvm.lv={other}/{another} rd.lvm.vg={group}") is None
        if (other, another) != (group, name):
            found = by(f"rd.lvm.lv={other}/{another}")
            assert found is not None
            assert f"{other}/{another}" in found.text
            assert f"rd.lvm.lv={group}/{name}" in found.hint
        for words in ("", "rd.auto=0", "rd.lvm=n", f"rd.lvm=no rd.lvm rd.lvm.vg={group}"):
            assert by(words) is None, "without names, all is activated"
        for words in ("rd.lvm=0 rd.auto", f"rd.lvm=no rd.lvm.vg={group}"):
            assert by(words) is not None, words
    assert told(logical(group, name), ("conf/initramfs.conf",), "") is None


def test_hyphens_stand_twice_in_a_name_of_device_mapper() -> None:
    volume = logical("my-vg", "a-root")
    assert told(volume, (DRACUT,), "rd.lvm.lv=my-vg/a-root") is None
    assert told(volume, (DRACUT,), "rd.lvm.vg=my-vg") is None
    assert told(volume, (DRACUT,), "rd.lvm.vg=my") is not None


@given(UUIDS, UUIDS, st.sampled_from(["-", ":", ""]), OFF)
def test_dracut_assembles_the_arrays_that_words_name(
    uuid: UUID, other: UUID, mark: str, off: str
) -> None:
    array, nameless = (Volume("md0", Layer.RAID, one, ()) for one in (str(uuid), ""))
    digits = mark.join(uuid.hex[at : at + 8] for at in range(0, 32, 8))
    assert told(array, (DRACUT,), f"rd.md.uuid={digits}") is None
    for one in (array, nameless):
        assert told(one, (DRACUT,), "rd.auto") is None
        for words in ("", "rd.auto=no", f"rd.md={off} rd.md.uuid={digits}"):
            found = told(one, (DRACUT,), words)
            assert found is not None
            assert found.certain
        assert told(one, ("init_functions",), "") is None
    if other != uuid:
        found = told(array, (DRACUT,), f"rd.md.uuid={other}")
        assert found is not None
        assert not found.certain, "it may be a member of a container"
        assert told(nameless, (DRACUT,), f"rd.md.uuid={other}") is None


@given(UUIDS, UUIDS, st.sampled_from([(DRACUT,), (DRACUT, SYSTEMD), (SYSTEMD,)]), OFF)
def test_luks_is_opened_where_a_word_names_it(
    uuid: UUID, other: UUID, made: tuple[str, ...], off: str
) -> None:
    volume = encrypted(uuid)
    by_name = f"rd.luks.name={uuid}=root"
    assert (told(volume, made, by_name) is None) == (SYSTEMD in made), "only systemd takes it"
    for words in (f"rd.luks.uuid={uuid}", f"{by_name} rd.luks.uuid=luks-{uuid}"):
        assert told(volume, made, words) is None, words
        found = told(volume, made, f"{words} rd.luks={off}")
        assert found is not None
        assert f"Leave rd.luks={off}" in found.hint or "rd.luks=0" in found.text
    assert told(volume, made, f"rd.luks.uuid={other} rd.luks.uuid=luks-{uuid}") is None
    assert (told(volume, made, f"rd.luks.uuid=luks-{str(uuid)[:13]}") is None) == (DRACUT in made)
    assert told(volume, made, "rd.luks.options=discard") is not None
    if other != uuid:
        listed = f"x UUID={uuid} none luks\n"
        found = told(volume, made, f"rd.luks.uuid={other}", crypttab=listed)
        assert found is not None, "systemd leaves alone what is in crypttab only"
        assert found.certain
        assert str(uuid) in found.hint


@pytest.mark.parametrize(
    ("made", "words", "opened"),
    [
        ((DRACUT, SYSTEMD), "", True),
        ((DRACUT,), "", False),
        ((DRACUT,), "rd.auto", True),
        ((SYSTEMD,), "", True),
        (("conf/initramfs.conf",), "rd.luks=0", True),
        (("init_functions",), "", True),
    ],
)
def test_crypttab_opens_it_but_in_dracut_without_systemd(
    made: tuple[str, ...], words: str, opened: bool
) -> None:
    uuid = UUID(int=7)
    found = told(encrypted(uuid), made, words, crypttab=f"x UUID={uuid} none\n")
    assert (found is None) == opened


@given(st.text('rd.lvmuksid=0/- \n"', max_size=60), st.text("ab-/", max_size=12))
def test_any_words_and_names_are_judged(words: str, name: str) -> None:
    for kind in Layer:
        told(Volume(name, kind, words, ()), (DRACUT, SYSTEMD), words, cmdline=words)
