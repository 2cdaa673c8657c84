"""dracut's own scripts and systemd's generator are the oracles for words about volumes.

The scripts run in a folder of their own with busybox, and stand-ins for udev and LVM.
"""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest
from support.tools import needs_tool

from warmboot.core.boot.cmdline import parse
from warmboot.core.fit.initrd_contents import InitrdContents
from warmboot.core.fit.volume_words import untold
from warmboot.core.host.root_layers import Layer, Volume

from .fetch import Arch, debian_packages, debian_tree, run
from .initramfs import GUEST_FILES, busybox

pytestmark = pytest.mark.timeout(600)
UUID = "01234567-89ab-cdef-0123-456789abcdef"
OTHER = f"f{UUID[1:]}"
DRACUT = InitrdContents(frozenset(["lib/dracut-lib.sh"]))
VOLUMES = {
    "lvm": Volume("vg-root", Layer.LVM, "LVM-x", ()),
    "md": Volume("md0", Layer.RAID, UUID, ()),
    "luks": Volume("luks", Layer.CRYPT, f"CRYPT-LUKS2-{UUID.replace('-', '')}-luks", ()),
}
WORDS = {
    "lvm": ("rd.lvm.lv=vg/root", "rd.lvm.lv=vg/swap", "rd.lvm.vg=vg", "rd.lvm.vg=v", "rd.lvm.lv="),
    "md": (f"rd.md.uuid={UUID}", f"rd.md.uuid={UUID.replace('-', '')}", f"rd.md.uuid={OTHER}"),
    "luks": (
        *(f"rd.luks.uuid={uuid}" for uuid in (UUID, f"luks-{UUID}", "luks-0123", OTHER)),
        f"rd.luks.name={UUID}=root",
        "rd.luks.options=discard",
    ),
}
GENERATOR = "/lib/systemd/system-generators/systemd-cryptsetup-generator"
PACKAGES = {"bookworm": "systemd", "trixie": "systemd-cryptsetup"}  # that have it
#: Words of systemd's, and crypttab of the initrd.
LUKS = (
    *(f"{key}={uuid}" for key in ("rd.luks.uuid", "luks.uuid") for uuid in (UUID, OTHER)),
    *(f"rd.luks.uuid={uuid}" for uuid in (f"luks-{UUID}", UUID.upper(), UUID[:13])),
    *(f"{key}={UUID}=root" for key in ("rd.luks.name", "luks.name")),
    *(f"rd.luks.options={start}discard" for start in ("", f"{UUID}=")),
    *(f"{key}={value}" for key in ("rd.luks", "luks") for value in ("0", "NO", "f", "1", "yes")),
    *("rd.luks", "rd.luks.crypttab=no", "luks.crypttab=0", "rd.luks.crypttab=yes", "quiet"),
)
CRYPTTABS = (None, f"luks UUID={UUID} none luks\n", f"other UUID={OTHER} none luks\n")
SWITCHES = ("", "=", "=0", "=1", "=no", "=yes", "=off", "=on", "=NO", "=false", "=n")


def lines(kind: str) -> list[str]:
    """Command lines of up to three words about a kind of volume."""
    dice = random.Random(kind)
    words = [*WORDS[kind], *WORDS[kind], "quiet"]
    words += [f"{key}{value}" for key in (f"rd.{kind}", "rd.auto") for value in SWITCHES]
    made = {" ".join(dice.choices(words, k=dice.randint(0, 3))) for _ in range(150)}
    return sorted({"", "rd.auto", *WORDS[kind], *made})


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_what_dracut_sets_up_is_what_is_said(tmp_path: Path, suite: str) -> None:
    (package,) = debian_packages(Arch.AMD64, ["dracut-core"], suite).glob("*.deb")
    run("dpkg-deb", "--extract", package, tmp_path)
    modules = tmp_path / "usr/lib/dracut/modules.d"
    for target, source in {
        "bin/busybox": busybox(Arch.AMD64),
        "bin/words": GUEST_FILES / "dracut-words",
        "lib/dracut-dev-lib.sh": modules / "99base/dracut-dev-lib.sh",
        "lib/dracut-crypt-lib.sh": modules / "90crypt/crypt-lib.sh",
    }.items():
        path = tmp_path / target
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(source.read_bytes() if source.exists() else b"")
        path.chmod(0o755)
    cases = [(kind, line) for kind in WORDS for line in lines(kind)]
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/null").touch()
    done = subprocess.run(
        [needs_tool("chroot"), tmp_path, "/bin/words"],
        input="".join(f"{kind}\t{line}\n" for kind, line in cases),
        env={"PATH": "/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = done.stdout.split()
    assert len(found) == len(cases), done.stderr
    wrong = [
        (kind, line, dracut)
        for (kind, line), dracut in zip(cases, found, strict=True)
        if (untold(VOLUMES[kind], DRACUT, parse(line)) is None) != (dracut == "on")
    ]
    assert wrong == [], f"{len(wrong)} of {len(cases)}"
    assert {"on", "off"} == set(found)


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_what_systemd_opens_is_what_is_said(tmp_path: Path, suite: str) -> None:
    run("cp", "-a", "--reflink=auto", debian_tree(Arch.AMD64, [PACKAGES[suite]], suite), tmp_path)
    (tree,) = tmp_path.iterdir()
    for name in ("lib", "lib64"):
        if not (tree / name).exists():
            (tree / name).symlink_to(f"usr/{name}")
    dice, wrong = random.Random(suite), []
    cases = [*LUKS, *(" ".join(dice.choices(LUKS, k=dice.randint(0, 3))) for _ in range(100))]
    for line in cases:
        crypttab = dice.choice(CRYPTTABS)
        opened = _opened(tree, line, crypttab)
        kept = {} if crypttab is None else {"etc/crypttab": crypttab.encode()}
        initrd = InitrdContents(frozenset(["lib/systemd/systemd-cryptsetup", *kept]), kept)
        if (untold(VOLUMES["luks"], initrd, parse(line)) is None) != opened:
            wrong.append((line, crypttab, opened))
    assert wrong == []


def _opened(tree: Path, line: str, crypttab: str | None) -> bool:
    """Whether systemd makes a unit in an initrd that opens the volume."""
    shutil.rmtree(tree / "made", ignore_errors=True)
    folders = [f"/made/{name}" for name in ("normal", "early", "late")]
    for folder in folders:
        (tree / folder[1:]).mkdir(parents=True)
    (tree / "etc/crypttab").unlink(missing_ok=True)
    if crypttab is not None:
        (tree / "etc/crypttab").write_text(crypttab)
    subprocess.run(
        [needs_tool("chroot"), tree, GENERATOR, *folders],
        env={"SYSTEMD_PROC_CMDLINE": line, "SYSTEMD_IN_INITRD": "1"},
        capture_output=True,
        check=True,
    )
    units = (tree / "made/normal").glob("systemd-cryptsetup@*.service")
    return any(UUID in unit.read_text() for unit in units)
