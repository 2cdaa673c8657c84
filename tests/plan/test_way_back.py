"""Which kernel a reset leads to, and what is chosen for the next start."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from support.files import put

from warmboot.core.boot.entry import Entry, Kind
from warmboot.core.boot.loadervars import LoaderVariables
from warmboot.core.host.firmware import Firmware, read_firmware
from warmboot.core.plan.trial.trial import OneShot
from warmboot.core.plan.trial.way_back import BootFacts, predict


def entry(name: str, kind: Kind = Kind.BLS, **marks: object) -> Entry:
    return Entry(name, name, kind, f"/{name}", release="1", **marks)  # type: ignore[arg-type]


SD_BOOT = LoaderVariables(info="systemd-boot 257")
UEFI = Firmware(True, current=1, order=(1, 2))


@pytest.mark.parametrize(
    ("current", "following", "order"),
    list(itertools.product([None, 1, 2], [None, 1, 2], [(), (1, 2), (2, 1), (3,)])),
)
def test_firmware_leads_to_the_boot_entry_that_it_came_by(
    current: int | None, following: int | None, order: tuple[int, ...]
) -> None:
    firmware = Firmware(True, current, following, order)
    found = predict(BootFacts((entry("a", running=True, default=True),), firmware, SD_BOOT))
    sure = current is not None and following in (None, current)
    assert found.certain is sure
    wanted = sure and firmware.first != current
    assert [c.kind for c in found.choices] == ([OneShot.BOOT_NEXT] if wanted else [])
    if wanted:
        assert int(found.choices[0].value, 16) == current


@pytest.mark.parametrize("kind", [Kind.BLS, Kind.UKI, Kind.GRUB, Kind.BOOT])
@pytest.mark.parametrize("loader", ["systemd-boot 257", "GRUB 2.12", None])
@pytest.mark.parametrize("grubenv", ["/boot/grub/grubenv", None])
@pytest.mark.parametrize("chosen", ["running", "default", "next", "none"])
def test_the_boot_loader_leads_to_what_runs_or_is_told_so_for_once(
    kind: Kind, loader: str | None, grubenv: str | None, chosen: str
) -> None:
    now = entry(
        "now",
        kind,
        running=True,
        default=chosen == "running",
        sources=("/boot/grub/grub.cfg#1>0",) if kind is Kind.GRUB else ("/boot/e.conf",),
    )
    other = entry("other", default=chosen == "default", next=chosen == "next")
    found = predict(BootFacts((other, now), UEFI, LoaderVariables(info=loader), grubenv))
    choices = [choice.kind for choice in found.choices]
    if kind is Kind.BOOT or chosen == "next":
        assert not found.certain
    elif chosen == "running":
        assert (found.certain, choices) == (True, [])
    elif loader == "systemd-boot 257" and kind in (Kind.BLS, Kind.UKI):
        assert choices == [OneShot.LOADER_ENTRY]
        assert found.choices[0].value == "now"
    elif grubenv is not None and kind in (Kind.GRUB, Kind.BLS):
        assert choices == [OneShot.GRUB]
        assert found.choices[0].value == ("1>0" if kind is Kind.GRUB else "now")
    else:
        assert not found.certain
    assert found.certain is bool(choices or chosen == "running") or kind is Kind.BOOT


def test_without_a_known_entry_there_is_no_way_back() -> None:
    found = predict(BootFacts((entry("a", default=True),), UEFI, SD_BOOT))
    assert (found.certain, found.choices) == (False, ())
    assert "not known which entry" in found.text
    bad = entry("a", running=True, default=True, tries_left=0)
    assert "given it up" in predict(BootFacts((bad,), UEFI, SD_BOOT)).text


def test_firmware_is_read_from_its_variables(tmp_path: Path) -> None:
    assert read_firmware(tmp_path) == Firmware(False)
    vendor = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
    folder = "sys/firmware/efi/efivars"
    put(tmp_path, f"{folder}/BootCurrent-{vendor}", bytes((6, 0, 0, 0, 3, 0)))
    put(tmp_path, f"{folder}/BootOrder-{vendor}", bytes((7, 0, 0, 0, 3, 0, 1, 0, 9)))
    put(tmp_path, "proc/sys/kernel/bootloader_type", "208\n")
    assert read_firmware(tmp_path) == Firmware(True, 3, None, (3, 1), kexec=True)
