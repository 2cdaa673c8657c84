"""A UKI's profiles and add-ons, put together as systemd-stub(7) would."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.machines import make_sandbox

from warmboot.core.boot.find import find_entries
from warmboot.core.boot.root import BootRoot
from warmboot.core.errors import Blocked, ImageError, NotFound
from warmboot.core.plan.request import PlanRequest
from warmboot.core.sandbox.builders.devicetree import Node, build_tree
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.uki import Profile, build_addon, build_uki
from warmboot.core.session import open_session

KERNEL = build_arm64_image("6.12.1-arm64", body_size=60_000)
UKI = build_uki(
    arch="arm64",
    linux=KERNEL,
    initrd=b"base-initrd",
    ucode=b"microcode-8B"[:12],
    cmdline="root=/dev/a quiet",
    profiles=[
        Profile("ID=main\nTITLE=Normal"),
        Profile("ID=rescue", [(".cmdline", b"single"), (".initrd", b"rescue-initrd")]),
    ],
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_sandbox(tmp_path)
    place = tmp_path / "boot/efi/EFI/Linux"
    (place / "u.efi.extra.d").mkdir(parents=True)
    (place / "u.efi").write_bytes(UKI)
    return place


def addon(folder: Path, name: str, **content: object) -> None:
    blob = build_addon(**{"arch": "arm64", **content})  # type: ignore[arg-type]
    (folder / "u.efi.extra.d" / name).write_bytes(blob)


def staged(folder: Path, **named: object) -> tuple[str, bytes]:
    """Return the command line and the initrd that a UKI comes to."""
    root = folder.parents[3]
    session = open_session(root)
    file, forced = str(folder / "u.efi"), ("remote-login",)  # a profile is for a single user
    request = PlanRequest(kernel=file, forced=forced, **named)  # type: ignore[arg-type]
    with session.plan(request) as opened:
        plan = opened.plan
        assert not plan.failures
        assert any("PCRs" in step for step in plan.steps)
        with session.prepare(opened) as ready:
            fd = ready.request.initrd_fd
            assert fd is not None
            size = Path(f"/proc/self/fd/{fd}").stat().st_size
            return plan.cmdline.text, Path(f"/proc/self/fd/{fd}").read_bytes()[:size]


def test_the_first_profile_is_the_one_that_is_not_asked_for(folder: Path) -> None:
    assert staged(folder) == ("root=/dev/a quiet", b"microcode-8B\0\0\0\0base-initrd\0\0\0\0\0")
    assert staged(folder, profile="main") == staged(folder, profile="0") == staged(folder)


@pytest.mark.parametrize("name", ["1", "rescue"])
def test_a_profile_replaces_what_it_has_of_its_own(folder: Path, name: str) -> None:
    initrd = b"microcode-8B\0\0\0\0rescue-initrd\0\0\0\0\0\0\0"
    assert staged(folder, profile=name) == ("single", initrd)


def test_add_ons_beside_the_uki_are_found_and_join_in_the_order_of_names(folder: Path) -> None:
    addon(folder, "20-b.addon.efi", cmdline="two")
    addon(folder, "10-a.addon.efi", cmdline="one", more=[(".initrd", b"extra")])
    addon(folder, "30-c.addon.efi", more=[(".ucode", b"newer microcode!")])
    addon(folder, "ignored.efi", cmdline="never")
    line, initrd = staged(folder)
    assert line == "root=/dev/a quiet one two"
    early = b"newer microcode!\0\0\0\0microcode-8B\0\0\0\0"
    assert initrd == early + b"base-initrd\0\0\0\0\0extra\0\0\0\0\0\0\0"
    assert staged(folder, addons=())[0] == "root=/dev/a quiet"
    only = str(folder / "u.efi.extra.d/20-b.addon.efi")
    assert staged(folder, addons=(only,))[0] == "root=/dev/a quiet two"


def test_an_entry_finds_them_too(folder: Path) -> None:
    addon(folder, "a.addon.efi", cmdline="added")
    root = BootRoot(folder.parents[3])
    entries = [e for e in find_entries(root).entries if e.kernel.endswith("u.efi")]
    (entry,) = [e for e in entries if e.profile == 0]
    with open_session(root.path).plan(PlanRequest(entry=entry.id)) as opened:
        line = opened.plan.cmdline
    assert line.text == "root=/dev/a quiet added"


def test_what_does_not_fit_is_named(folder: Path) -> None:
    with pytest.raises(NotFound, match="no profile x") as caught:
        staged(folder, profile="x")
    assert caught.value.hint == "It has 0 (main), 1 (rescue)."
    addon(folder, "x.addon.efi", arch="x86-64", cmdline="a")
    with pytest.raises(Blocked, match="is for x86-64"):
        staged(folder)
    (folder / "plain").write_bytes(KERNEL)
    with pytest.raises(ImageError, match="not an add-on"):
        staged(folder, addons=(str(folder / "plain"),))


def test_the_device_tree_inside_goes_along_or_stands_against_it(folder: Path) -> None:
    addon(folder, "t.addon.efi", more=[(".dtb", b"not a tree")])
    with pytest.raises(ImageError, match=r"t\.addon\.efi \.dtb is not a device tree"):
        staged(folder)


BOARD = "sys/firmware/devicetree/base/compatible"


@pytest.mark.parametrize(
    ("board", "taken"),
    [(b"a,two\0a,chip\0", "two"), (b"a,chip\0", "plain"), (None, "plain")],
    ids=["known", "only the chip", "no board"],
)
def test_the_device_tree_for_the_board_that_runs_is_taken(
    folder: Path, board: bytes | None, taken: str
) -> None:
    trees = {
        "one": build_tree({"compatible": b"a,one\0a,chip\0"}),
        "two": build_tree({"compatible": b"a,two\0a,chip\0"}),
        "plain": build_tree({"compatible": b"a,three\0a,chip\0"}),
    }
    uki = build_uki(
        arch="arm64",
        linux=KERNEL,
        initrd=b"initrd",
        cmdline="quiet",
        dtb=trees["plain"],
        dtbauto=[b"damaged", trees["one"], trees["two"]],
    )
    (folder / "u.efi").write_bytes(uki)
    root = folder.parents[3]
    if board is not None:
        (root / BOARD).parent.mkdir(parents=True)
        (root / BOARD).write_bytes(board)
    session = open_session(root)
    with session.plan(PlanRequest(kernel=str(folder / "u.efi"))) as opened:
        assert not opened.plan.failures
        left_out = any(".dtbauto" in s and "none is for" in s for s in opened.plan.steps)
        assert left_out is (taken == "plain")
        with session.prepare(opened) as ready:
            fd = ready.request.devicetree_fd
            assert fd is not None
            assert os.pread(fd, 4096, 0) == trees[taken]


def test_an_entry_s_overlays_are_applied_in_order(tmp_path: Path) -> None:
    make_sandbox(tmp_path)
    change: Node = {"fragment@0": {"target-path": b"/\0", "__overlay__": {"order": b"1"}}}
    again: Node = {"fragment@0": {"target-path": b"/\0", "__overlay__": {"order": b"2"}}}
    loader = tmp_path / "boot/loader/entries"
    loader.mkdir(parents=True)
    for name, content in (
        ("k", KERNEL),
        ("x.dtb", build_tree({"compatible": b"a\0", "order": b"0"})),
        ("a.dtbo", build_tree(change)),
        ("b.dtbo", build_tree(again)),
        ("c.dtbo", build_tree({"fragment@0": {"__overlay__": {}}})),
    ):
        (tmp_path / "boot" / name).write_bytes(content)
    head = "linux /k\noptions quiet\ndevicetree /x.dtb\ndevicetree-overlay"
    (loader / "good.conf").write_text(f"title good\n{head} /a.dtbo /b.dtbo\n")
    (loader / "bad.conf").write_text(f"title bad\n{head} /a.dtbo /c.dtbo\n")
    session = open_session(tmp_path)
    with (
        session.plan(PlanRequest(entry="good.conf", forced=("command-line-root",))) as opened,
        session.prepare(opened) as ready,
    ):
        fd = ready.request.devicetree_fd
        assert fd is not None
        assert os.pread(fd, 4096, 0) == build_tree({"compatible": b"a\0", "order": b"2"})
    with (
        session.plan(PlanRequest(entry="bad.conf")) as opened,
        pytest.raises(ImageError, match=r"overlay .*c\.dtbo cannot be applied .*does not say what"),
    ):
        session.prepare(opened)


def test_a_list_reads_little_of_each_image(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uki = build_uki(
        arch="arm64", linux=KERNEL, cmdline="quiet", osrel='PRETTY_NAME="Some OS"', uname="6.12.1"
    )
    (folder / "u.efi").write_bytes(uki)
    sizes: list[int] = []
    pread = os.pread

    def count(fd: int, size: int, offset: int) -> bytes:
        sizes.append(size)
        return pread(fd, size, offset)

    monkeypatch.setattr(os, "pread", count)
    root = BootRoot(folder.parents[3])
    (entry,) = [e for e in find_entries(root).entries if e.kernel.endswith("u.efi")]
    assert (entry.title, entry.release, entry.cmdline) == ("Some OS", "6.12.1", "quiet")
    # its start, and the place where its texts lie; the others are configuration files
    assert [size for size in sizes if size >= 4096] == [4096, 8192]
