"""Presets go into a command line and out again, and come from files that may be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.files import put

from warmboot.core.boot.cmdline import split_words
from warmboot.core.boot.presets import (
    Preset,
    active,
    apply,
    built_in,
    find_preset,
    read_presets,
    remove,
)
from warmboot.core.configfile import ConfigFile, config_files
from warmboot.core.errors import NotFound, WarmbootError

BASE = "root=/dev/a ro quiet"
PRESETS = built_in("x86_64")


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_in_and_out_again(preset: Preset) -> None:
    assert not active(BASE, preset)
    line = apply(BASE, preset)
    assert active(line, preset)
    assert apply(line, preset) == line
    assert not active(remove(line, preset, BASE), preset)
    assert sorted(split_words(remove(line, preset, BASE))) == sorted(split_words(BASE))


def test_what_is_in_and_what_goes_out() -> None:
    preset = find_preset(PRESETS, "init-shell")
    assert apply(BASE, preset) == "root=/dev/a quiet init=/bin/sh rw"
    assert apply("root=/dev/a ro -- single", preset) == "root=/dev/a init=/bin/sh rw -- single"


def test_the_serial_port_of_each_architecture() -> None:
    for machine, port in (("x86_64", "ttyS0"), ("aarch64", "ttyAMA0"), ("ppc64le", "hvc0")):
        preset = find_preset(built_in(machine), "serial")
        assert preset.add[-1].startswith(f"console={port}")
    with pytest.raises(NotFound, match="serial") as caught:
        find_preset(built_in("s390x"), "serial")
    assert "rescue" in (caught.value.hint or "")


def test_the_safety_net_leads_back_through_firmware() -> None:
    assert "panic=30" in find_preset(PRESETS, "safety-net").add


def test_configured_presets(tmp_path: Path) -> None:
    put(tmp_path, "etc/warmboot/config.toml", """
        [preset.rescue]
        title = "Ours"
        add = "systemd.unit=rescue.target loglevel=3"
        remove = ["quiet", "splash"]
        [preset.kgdb]
        add = ['kgdboc="ttyS1 x"']
    """)  # fmt: skip
    put(tmp_path, "home/.config/warmboot/config.toml", "[preset.kgdb]\nadd = 'kgdbwait'\n")
    paths = config_files({"HOME": str(tmp_path / "home")}, tmp_path)
    presets = read_presets("x86_64", paths)
    rescue = find_preset(presets, "rescue")
    assert (rescue.title, rescue.remove) == ("Ours", ("quiet", "splash"))
    assert apply(BASE, rescue) == "root=/dev/a ro systemd.unit=rescue.target loglevel=3"
    assert find_preset(presets, "kgdb").add == ("kgdbwait",)
    assert find_preset(presets, "safety-net")


@pytest.mark.parametrize(
    "text",
    [
        "[preset", "preset = 3", "[preset.x]\nadd = 3", "[preset.x]\nadd = [1]", "[preset.x]",
        "[preset.'A b']\nadd = 'x'", "[preset.x]\nadd = 'a'\nmore = 1", "[preset]\nx = 1",
        "[preset.x]\nadd = 'a -- b'", '[preset.x]\nadd = "a\\u0000b"', "[preset.x]\ntitle = ['a']",
        "x = " + "[" * 5000,
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    put(tmp_path, "config.toml", text)
    with pytest.raises(WarmbootError, match=r"config\.toml"):
        read_presets("x86_64", [ConfigFile(tmp_path / "config.toml")])


@given(st.text(max_size=120), st.sampled_from(PRESETS))
def test_any_line_takes_a_preset(line: str, preset: Preset) -> None:
    if line.count('"') % 2 == 0:
        assert active(apply(line, preset), preset)
