"""Version order, by the examples of the Version Format Specification."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmboot.core.boot.entry import Entry, Kind, Listing
from warmboot.core.boot.resolve import Selector, resolve_entry
from warmboot.core.boot.version_order import compare, flavour, newer, release_key

# Each is older than the next.
ASCENDING = ["~~", "~", "", "ab", "abb", "abc", "0001", "002", "12", "122", "122.9", "123~rc1-1",
             "123", "123-a", "123-a.1", "123-1", "123-1.1", "123^post1", "123.a-1", "123.1-1",
             "123a-1", "124-1"]  # fmt: skip


@pytest.mark.parametrize(("older", "newer"), list(itertools.combinations(ASCENDING, 2)))
def test_the_specification_s_order(older: str, newer: str) -> None:
    assert compare(older, newer) < 0
    assert compare(newer, older) > 0


def test_kernel_releases() -> None:
    assert compare("6.1.0-9-amd64", "6.1.0-10-amd64") < 0
    assert compare("6.12~rc3", "6.12") < 0
    assert compare("6.12.95", "6.9") > 0


@given(st.text("ab12.~^-_+ "), st.text("ab12.~^-_+ "))
def test_order_is_antisymmetric(left: str, right: str) -> None:
    assert compare(left, right) == -compare(right, left) or (
        (compare(left, right) > 0) == (compare(right, left) < 0)
    )


@pytest.mark.parametrize(
    ("running", "updates", "others"),
    [
        ("6.6.51-v7", ["6.6.62-v7"], ["6.6.51-v8", "6.6.51-v7l+", "6.6.62-v8", "6.6.51-rt"]),
        ("6.6.51+rpt-rpi-v8", ["6.6.62+rpt-rpi-v8"], ["6.6.51+rpt-rpi-2712", "6.6.62+rpt-rpi-v7"]),
        (
            "6.1.0-18-amd64",
            ["6.1.0-22-amd64", "6.12.57+deb13-amd64", "6.12.9+bpo-amd64"],
            ["6.1.0-18-cloud-amd64", "6.1.0-18-rt-amd64", "6.1.0-17-amd64"],
        ),
        (
            "6.8.0-45-generic",
            ["6.8.0-47-generic", "6.11.0-8-generic"],
            ["6.8.0-1014-aws", "6.8.0-45-lowlatency", "6.8.0-1016-oem"],
        ),
        (
            "6.5.6-300.fc39.x86_64",
            ["6.8.5-301.fc40.x86_64"],
            ["6.5.6-300.fc39.x86_64+debug", "6.5.6-300.fc39.x86_64+rt", "6.8.5-301.fc40.aarch64"],
        ),
        ("5.14.0-427.el9.x86_64", ["5.14.0-503.el9_5.x86_64"], ["5.14.0-503.el9.x86_64+rt"]),
        (
            "6.4.0-150600.23.17-default",
            ["6.4.0-150600.23.22-default"],
            ["6.4.0-150600.23.17-rt", "6.4.0-150600.23.22-preempt"],
        ),
        ("6.10.3-arch1-1", ["6.10.3-arch1-2", "6.10.4-arch2-1"], ["6.10.3-zen1-1-zen"]),
        ("6.6.44-1-lts", ["6.6.45-1-lts"], ["6.10.3-arch1-1", "6.6.44-1-rt"]),
        ("6.6.41-0-virt", ["6.6.42-0-virt"], ["6.6.42-0-lts"]),
        ("6.11.0-rc3", ["6.11.0-rc4"], ["6.11.0-rc3-rt"]),
        ("6.6.30-gentoo-r1", ["6.6.31-gentoo", "6.6.30-gentoo-r2"], ["6.6.31-gentoo-dist"]),
        ("6.1.0-rpi7-rpi-v8", ["6.1.0-rpi8-rpi-v8"], ["6.1.0-rpi8-rpi-2712"]),
        ("6.9.1-x64v3-xanmod1", ["6.9.1-x64v3-xanmod2", "6.9.2-x64v3-xanmod1"], []),
        (
            "6.11.0-0.rc3.20240814git6b0f8db921ab.30.fc42.x86_64",
            ["6.11.0-0.rc4.20240822git872cf28b8df9.39.fc42.x86_64", "6.11.0-63.fc42.x86_64"],
            ["6.11.0-63.fc42.x86_64+debug"],
        ),
    ],
)
def test_another_flavour_is_no_update(running: str, updates: list[str], others: list[str]) -> None:
    assert [name for name in updates if not newer(name, running)] == []
    assert [name for name in others if newer(name, running)] == []
    assert not newer(running, running)


def test_flavours() -> None:
    assert flavour("6.1.0-18-rt-amd64") == ("rt", "amd64")
    assert flavour("6.10.3-zen1-1-zen") == ("zen",)
    assert flavour("6.12.9") == ()
    assert flavour("6.12.0-13512-g1f719a2f3fa6-dirty") == ()


#: Releases that stand beside each other in one /boot, newest first.
TOGETHER = [
    ["6.12.57+deb13-amd64", "6.12.57+deb13-cloud-amd64", "6.1.0-22-amd64", "6.1.0-22-rt-amd64",
     "6.1.0-18-amd64", "6.1.0-18-cloud-amd64"],
    ["6.8.5-301.fc40.x86_64", "6.8.5-301.fc40.x86_64+debug", "6.5.6-300.fc39.x86_64"],
    ["6.6.62+rpt-rpi-2712", "6.6.62+rpt-rpi-v8", "6.6.51+rpt-rpi-v8"],
    ["6.6.62-v8+", "6.6.51-v8+", "6.6.51-v7l+", "6.6.51-v7+"],
    ["6.4.0-150600.23.22-default", "6.4.0-150600.23.17-rt", "6.4.0-150600.21-default"],
    ["6.11.0-8-generic", "6.8.0-1016-oem", "6.8.0-1014-aws", "6.8.0-47-generic",
     "6.8.0-45-lowlatency"],
    ["6.10.4-arch2-1", "6.10.4-zen1-1-zen", "6.10.3-arch1-2", "6.10.3-arch1-1", "6.6.45-1-lts"],
    ["6.12.9", "6.12.9-rt", "6.12.8"],
]  # fmt: skip


@pytest.mark.parametrize("names", TOGETHER, ids=lambda names: names[0])
def test_flavours_that_are_installed_beside_each_other(names: list[str]) -> None:
    for seed in range(20):
        shuffled = random.Random(seed).sample(names, len(names))
        assert sorted(shuffled, key=release_key, reverse=True) == names


@pytest.mark.parametrize("names", TOGETHER, ids=lambda names: names[0])
def test_the_newest_is_of_the_flavour_that_runs(names: list[str]) -> None:
    for running in names:
        for mark in ("running", "default"):
            marked = Entry(
                *(running, running, Kind.BOOT, "/boot/own"),
                release=running,
                running=mark == "running",
                default=mark == "default",
            )
            others = [Entry(n, n, Kind.BOOT, n, release=n) for n in sorted(names) if n != running]
            entries = [*others, marked]
            found = resolve_entry(Listing(tuple(entries), ()), Selector.NEWEST)
            alike = [name for name in names if flavour(name) == flavour(running)]
            assert found.release == alike[0]
    entries = [Entry(n, n, Kind.BOOT, n, release=n) for n in sorted(names)]
    assert resolve_entry(Listing(tuple(entries), ()), Selector.NEWEST).release == names[0]


@given(st.text("0129.-+~rtvz_abc"), st.text("0129.-+~rtvz_abc"))
def test_any_two_releases_have_an_order(left: str, right: str) -> None:
    assert (release_key(left) == release_key(right)) <= (compare(left, right) == 0)
