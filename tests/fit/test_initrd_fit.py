"""An encrypted root, LVM, RAID: what the initrd must have, and who types the passphrase."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.answers import worst_findings
from support.command import Call
from support.files import put
from support.hardware_trees import DISKS, Tree
from support.machines import RELEASE, make_sandbox
from support.tools import needs_tool

from warmboot.core.fit.crypttab import CrypttabEntry, entry_of
from warmboot.core.fit.initrd_contents import read_contents
from warmboot.core.images import BytesView
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.builders.initrd import build_initrd

UUID = "0123456789abcdef" * 2
CRYPT = f"CRYPT-LUKS2-{UUID}-luksroot"
LUKS2 = b"LUKS\xba\xbe\0\2" + bytes(4088)
TAB = "cryptroot/crypttab"
BY_NAME = {TAB: b"luksroot UUID=1 none luks\n"}
CRYPTSETUP = {"usr/sbin/cryptsetup": b"x"}
DRACUT = {"usr/lib/dracut-lib.sh": b"x"}
KEY = {TAB: b"luksroot UUID=1 /etc/keys/root.key luks\n"}
SESSION = "run/systemd/sessions/3"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine whose root is ext4 on LVM on LUKS on an NVMe disk."""
    root = make_sandbox(tmp_path / "machine", "x86_64")
    tree = Tree(root)
    crypt = tree.above([tree.disk(DISKS["nvme"])], CRYPT, "luksroot")
    tree.root_on(tree.above([crypt], "LVM-xyz", "vg-root"), "ext4")
    put(root, "boot/vmlinuz", build_bzimage("6.12.0"))
    return root


def judge(root: Path, call: Call, files: dict[str, bytes], words: str = "") -> dict[str, Any]:
    """Return the findings for a kernel with these files in its initrd."""
    there = {"usr/sbin/lvm": b"x", **files, "usr/lib/modules/6.12.0/kernel/a.ko": b"x"}
    put(root, "boot/initrd", build_initrd(there, method="gzip"))
    entry = (
        f"title New\nversion 6.12.0\nlinux /boot/vmlinuz\ninitrd /boot/initrd\noptions {words}\n"
    )
    put(root, "boot/loader/entries/new.conf", entry)
    _, answer = call("doctor", "new.conf")
    return worst_findings(answer)


VOLUMES = [
    pytest.param({**CRYPTSETUP, **BY_NAME}, "", "pass", "can set up", id="initramfs-tools"),
    pytest.param(
        {**CRYPTSETUP, TAB: f"x UUID={UUID[:8]}-{UUID[8:]} none\n".encode()}, "", "pass", "",
        id="by UUID",
    ),
    pytest.param(
        {**CRYPTSETUP, "scripts/local-top/cryptroot": b"x", TAB: b"# none\n"}, "", "fail",
        "(luksroot), which the initrd leaves alone: nothing", id="crypttab without it",
    ),
    pytest.param(CRYPTSETUP, "", "warn", "as far as can be seen", id="nothing names it"),
    pytest.param(
        {"usr/lib/systemd/systemd-cryptsetup": b"x"}, f"rd.luks.uuid={UUID}", "pass", "",
        id="systemd by a word",
    ),
    pytest.param(
        {**CRYPTSETUP, **DRACUT, "etc/cmdline.d/90crypt.conf": f"rd.luks.uuid={UUID}\n".encode()},
        "rd.lvm.lv=vg/root", "pass", "", id="dracut's own words",
    ),
    pytest.param(
        {**CRYPTSETUP, **DRACUT}, f"rd.luks.uuid={UUID} rd.lvm.lv=vg/swap", "fail", "vg/swap",
        id="dracut is told of another logical volume",
    ),
    pytest.param(BY_NAME, "", "fail", "no program that sets it up", id="no cryptsetup"),
    pytest.param({"etc/booster.init.yaml": b"x"}, "", None, "", id="booster"),
    pytest.param({"squash-root.img": b"x"}, "", None, "", id="an image that cannot be read"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "words", "verdict", "says"), VOLUMES)
def test_the_initrd_must_set_up_what_the_root_stands_on(
    root: Path, call: Call, files: dict[str, bytes], words: str, verdict: str | None, says: str
) -> None:
    found = judge(root, call, files, words).get("initrd-volumes")
    assert (found["verdict"] if found else None) == verdict
    assert found is None or says in found["text"]


@pytest.mark.parametrize("lacks", ["", "cryptsetup", "crypttab", "lvm"])
@pytest.mark.parametrize("image", ["squashfs-root.img", "erofs-root.img"])
def test_the_image_that_dracut_puts_into_an_initrd_is_looked_into(
    root: Path, call: Call, tmp_path: Path, image: str, lacks: str
) -> None:
    inside = {"usr/sbin/cryptsetup": b"x", "usr/sbin/lvm": b"x", "etc/crypttab": BY_NAME[TAB]}
    tree, made = tmp_path / "tree", tmp_path / image
    for path, content in inside.items():
        if path.rpartition("/")[2] != lacks:
            put(tree, path, content)
    squash = ["mksquashfs", str(tree), str(made), "-quiet", "-no-progress"]
    command = squash if image.startswith("squash") else ["mkfs.erofs", str(made), str(tree)]
    subprocess.run([needs_tool(command[0]), *command[1:]], check=True, capture_output=True)
    put(root, "boot/initrd", build_initrd({image: made.read_bytes(), "init": b"x"}))
    entry = "title New\nversion 6.12.0\nlinux /boot/vmlinuz\ninitrd /boot/initrd\n"
    put(root, "boot/loader/entries/new.conf", entry)
    _, answer = call("doctor", "new.conf")
    found = worst_findings(answer)["initrd-volumes"]
    verdict = {"": "pass", "crypttab": "warn"}.get(lacks, "fail")
    assert (found["verdict"], lacks in ("", "crypttab") or lacks in found["text"]) == (
        verdict,
        True,
    )


def test_without_lvm_the_volume_is_not_found(root: Path, call: Call) -> None:
    put(root, "boot/initrd", build_initrd({**CRYPTSETUP, **BY_NAME}))
    entry = "title New\nversion 6.12.0\nlinux /boot/vmlinuz\ninitrd /boot/initrd\n"
    put(root, "boot/loader/entries/new.conf", entry)
    _, answer = call("doctor", "new.conf")
    texts = [f["text"] for f in answer["findings"] if f["check"] == "initrd-volumes"]
    assert any("LVM (vg-root); the initrd has no program" in text for text in texts)


UNLOCKS = [
    pytest.param({}, LUKS2, "fail", "over SSH nobody types it", id="passphrase"),
    pytest.param(
        {"usr/lib/libtss2-esys.so.0": b"x"}, LUKS2 + b'{"type":"systemd-tpm2"}', "warn", "token",
        id="TPM",
    ),
    pytest.param({}, LUKS2 + b'{"type":"systemd-tpm2"}', "fail", "passphrase",
                 id="TPM, and nothing for it in the initrd"),
    pytest.param({"usr/sbin/dropbear": b"x"}, LUKS2, "warn", "over SSH", id="dropbear"),
    pytest.param({**KEY, "cryptroot/keyfiles/luksroot.key": b"k"}, LUKS2, "pass", "key file",
                 id="key file"),
    pytest.param({**KEY, "etc/keys/root.key": b"k"}, LUKS2, "pass", "key file", id="key in place"),
    pytest.param(KEY, LUKS2, "fail", "which the initrd has not", id="key file not in it"),
    pytest.param({TAB: b"luksroot UUID=1 /root.key:LABEL=keys luks\n"}, LUKS2, "warn", "LABEL=keys",
                 id="key file on a device"),
    pytest.param({TAB: b"luksroot UUID=1 /dev/disk/by-id/usb-1 luks\n"}, LUKS2, "warn",
                 "/dev/disk/by-id/usb-1", id="a device is the key"),
    pytest.param({TAB: b"luksroot UUID=1 none luks,keyscript=/bin/k\n"}, LUKS2, "warn", "script",
                 id="script"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "header", "verdict", "says"), UNLOCKS)
def test_who_types_the_passphrase(
    root: Path, call: Call, files: dict[str, bytes], header: bytes, verdict: str, says: str
) -> None:
    put(root, "dev/nvme0n1p1", header)
    found = judge(root, call, {**CRYPTSETUP, **BY_NAME, **files})
    assert found["root-unlock"]["verdict"] == verdict
    assert says in found["root-unlock"]["text"]
    assert "encryption" not in found  # said once


@pytest.mark.parametrize(
    ("word", "verdict", "says"),
    [
        ("rd.luks.key=/etc/keys/root.key", "pass", "key file in the initrd"),
        (f"rd.luks.key={UUID}=/etc/keys/root.key", "pass", "key file in the initrd"),
        ("rd.luks.key=/etc/keys/other.key", "fail", "/etc/keys/other.key, which the initrd has"),
        ("rd.luks.key=/root.key:UUID=ab-cd:UUID=12", "warn", "on UUID=ab-cd"),
        (f"luks.key={UUID}=/root.key:LABEL=keys", "warn", "on LABEL=keys"),
        ("cryptkey=rootfs:/etc/keys/root.key", "pass", "key file in the initrd"),
        ("cryptkey=/dev/sdb1:vfat:/root.key", "warn", "on /dev/sdb1"),
        ("cryptkey=/dev/sdb1:512:64", "fail", "passphrase"),
        ("rd.luks.key=", "fail", "passphrase"),
    ],
)
@pytest.mark.parametrize("own", [False, True])
def test_a_word_names_the_key_file(
    root: Path, call: Call, word: str, verdict: str, says: str, own: bool
) -> None:
    put(root, "dev/nvme0n1p1", LUKS2)
    files = {**CRYPTSETUP, "etc/keys/root.key": b"k", "etc/cmdline.d/90.conf": word.encode()}
    if not own:
        files["etc/cmdline.d/90.conf"] = b""
    found = judge(root, call, files, "" if own else word)["root-unlock"]
    assert (found["verdict"], says in found["text"]) == (verdict, True), found


def test_at_the_console_somebody_can_type_it(root: Path, call: Call) -> None:
    put(root, "dev/nvme0n1p1", LUKS2)
    put(root, SESSION, "USER=root\nCLASS=user\nSTATE=active\nTTY=tty1\n")
    found = judge(root, call, {**CRYPTSETUP, **BY_NAME})
    assert found["root-unlock"]["verdict"] == "warn"


def test_a_network_root_needs_the_network_early(root: Path, call: Call) -> None:
    put(root, "proc/self/mountinfo", "29 1 0:43 / / rw - nfs4 server:/srv/root rw\n")
    found = judge(root, call, {})
    assert found["initrd-volumes"]["verdict"] == "warn"
    assert "bring the network up" in found["initrd-volumes"]["text"]
    for words in ("ip=dhcp", "boot=nfs", "netroot=nfs:10.0.0.1:/srv", "root=/dev/nfs"):
        assert "initrd-volumes" not in judge(root, call, {}, words)
    assert "initrd-volumes" not in judge(root, call, {"etc/iscsi.initramfs": b""})


@pytest.mark.parametrize(
    ("words", "own", "without", "says"),
    [
        ("ip=dhcp", "", "", None),
        ("root=nfs:server:/srv/root", "", "", None),
        ("netroot=nfs:server:/srv/root", "", "", None),
        ("root=/dev/sda1", "rd.neednet=1", "", None),
        ("root=/dev/sda1", "", "", "bring the network up"),
        ("ip=dhcp", "", "NetworkManager", "no program that brings the network up"),
        ("ip=dhcp", "", "mount.nfs", "no program that mounts it"),
    ],
)
def test_dracut_has_a_network_only_with_its_module(
    root: Path, call: Call, words: str, own: str, without: str, says: str | None
) -> None:
    put(root, "proc/self/mountinfo", "29 1 0:43 / / rw - nfs4 server:/srv/root rw\n")
    programs = {"NetworkManager", "mount.nfs"} - {without}
    files = {**DRACUT, **{f"usr/sbin/{name}": b"x" for name in programs}}
    found = judge(root, call, {**files, "etc/cmdline.d/20-net.conf": own.encode()}, words)
    assert (says is None) == ("initrd-volumes" not in found)
    assert says is None or says in found["initrd-volumes"]["text"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a UUID=x none", CrypttabEntry("a", None, None)),
        ("b UUID=x /k luks", None),
        ("a /dev/x /k:UUID=y", CrypttabEntry("a", "/k:UUID=y", None)),
        ("a x /dev/urandom swap", CrypttabEntry("a", None, None)),
        (f"z UUID={UUID} - luks,discard", CrypttabEntry("z", None, None)),
        ("#a UUID=x none", None),
        ("a", None),
        ("", None),
    ],
)
def test_crypttab_is_read_by_name_and_by_uuid(line: str, expected: CrypttabEntry | None) -> None:
    assert entry_of(line + "\n", "a", CRYPT) == expected


def test_what_an_initrd_holds_is_read_within_bounds() -> None:
    inner = build_initrd({f"f{n}": b"" for n in range(50)}, method="zstd")
    found = read_contents([("a", BytesView(inner)), ("b", BytesView(b"\1\2\3\4" * 9))])
    assert len(found.paths) == 50
    assert found.problem is not None
    assert RELEASE not in found.releases
    assert found.crypttab is None
