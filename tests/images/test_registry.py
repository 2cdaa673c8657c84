"""Every format and every architecture has its row, and no two claim the same name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import warmboot.core.images
from warmboot.core.architecture import Architecture, of_elf, of_machine, of_pe, of_uboot
from warmboot.core.images import BootImage, Format, formats
from warmboot.core.images.kernels import KERNEL_FORMATS
from warmboot.core.load.kexec_load import PLACERS, placer_for


def subclasses(parent: type[object]) -> Iterator[type[object]]:
    for child in parent.__subclasses__():
        yield child
        yield from subclasses(child)


def test_every_format_is_in_the_registry() -> None:
    for module in pkgutil.iter_modules([str(Path(warmboot.core.images.__file__).parent)]):
        importlib.import_module(f"warmboot.core.images.{module.name}")
    # A class with slots is made twice: the one without them stays behind, of the same name.
    known = {child.__qualname__ for child in subclasses(BootImage)}
    assert known == {row.__qualname__ for row in formats()}
    assert sorted(row.format for row in formats()) == sorted(Format)
    assert set(KERNEL_FORMATS) <= set(formats())
    assert all(row.about and row.recognised_by for row in formats())


def once(values: Iterable[object]) -> bool:
    found = list(values)
    return len(found) == len(set(found))


def test_every_architecture_has_its_facts() -> None:
    formats = {row.value for row in Format}
    for architecture in Architecture:
        facts = architecture.facts
        assert facts.machines
        assert facts.command_line_size > 0
        assert set(facts.accepts) <= formats
        big_endian = architecture is Architecture.S390X
        assert of_elf(*facts.elf, big_endian=big_endian) is architecture
        assert of_elf(*facts.elf, big_endian=not big_endian) is None
        assert {of_machine(name) for name in facts.machines} == {architecture}
        assert facts.pe is None or of_pe(facts.pe) is architecture
        assert facts.uboot is None or of_uboot(facts.uboot) is architecture


def test_no_two_architectures_share_a_name() -> None:
    rows = [architecture.facts for architecture in Architecture]
    assert once(name for row in rows for name in row.machines)
    assert once(row.debian for row in rows)
    assert once(row.elf for row in rows)
    assert once(row.pe for row in rows if row.pe is not None)
    assert once(row.uboot for row in rows if row.uboot is not None)


def test_kernels_are_placed_here_where_a_placer_is() -> None:
    assert set(PLACERS) == {a for a in Architecture if a.facts.placed_here}
    for architecture in PLACERS:
        for machine in architecture.facts.machines:
            assert callable(placer_for(machine))
