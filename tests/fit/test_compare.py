"""What a kernel has other than another, for a person and in JSON."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command import Call

from warmboot.core.errors import ExitCode
from warmboot.tui.cli import main


def places(side: dict[str, object]) -> dict[str, str]:
    needs = side["needs"]
    assert isinstance(needs, list)
    return {f"{one['need']['purpose']} {one['module']}": one["place"] for one in needs}


def test_the_running_kernel_is_compared_with_a_newer_one(call: Call) -> None:
    code, answer = call("compare", "warmboot-6.17.8-sandbox")
    assert code == ExitCode.OK
    assert answer["old"]["running"]
    assert answer["old"]["release"] == "6.12.57-sandbox"
    assert answer["new"]["initrd_releases"] == ["6.17.8-sandbox"]
    expected = {
        "root ext4": "in the initrd",
        "root virtio_blk": "in the initrd",
        "root virtio_pci": "in the initrd",
        "network virtio_net": "in /usr/lib/modules",
        "network virtio_pci": "in the initrd",
    }
    assert places(answer["old"]) == places(answer["new"]) == expected
    assert answer["essentials"]["root_type"] == "ext4"
    assert answer["essentials"]["interfaces"] == [
        {
            "name": "eth0",
            "default": True,
            "remote": True,
            "dhcp": False,
            "setups": [
                {
                    "manager": "systemd-networkd",
                    "file": "/etc/systemd/network/10-lan.network",
                    "static": True,
                    "dynamic": False,
                    "names": ["eth0"],
                }
            ],
        }
    ]


def test_two_kernels_are_compared_with_each_other(call: Call) -> None:
    _, answer = call("compare", "warmboot-7.efi", "modules/6.19.0-rc1")
    assert not answer["old"]["running"]
    assert not answer["new"]["running"]
    assert answer["old"]["initrd_releases"] == ["6.18.2-uki"]
    assert places(answer["new"])["root virtio_blk"] == "in /usr/lib/modules"
    assert places(answer["new"])["root ext4"] == "built in"
    removed = [one for one in answer["words"] if one["change"] == "removed"]
    assert [one["old"] for one in removed] == ["systemd.unified=1"]


def test_a_module_that_is_gone_is_missing(call: Call, root: Path) -> None:
    folder = root / "usr/lib/modules/6.17.8-sandbox"
    for name in ("modules.dep", "modules.alias"):
        lines = (folder / name).read_text().splitlines()
        (folder / name).write_text("\n".join(x for x in lines if "virtio_net" not in x) + "\n")
    _, answer = call("compare", "6.17.8-sandbox")
    assert places(answer["new"])["network None"] == "missing"


def test_a_person_reads_what_differs(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--root", str(root), "compare", "modules/6.19.0-rc1"]) == ExitCode.OK
    out = capsys.readouterr().out
    assert "! root          virtio_blk" in out
    assert "(was in the initrd)" in out
    assert main(["--root", str(root), "compare", "no-such"]) == ExitCode.NOT_FOUND
