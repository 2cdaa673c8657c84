"""The command line on a simulated machine that holds images of the kernel's own build."""

from __future__ import annotations

import io
import json
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.files import loaded, put

from warmboot.core.errors import ExitCode, Refused
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.builders.initrd import build_initrd
from warmboot.core.sandbox.machine import SimulatedMachine, write_machine
from warmboot.core.sandbox.marker import write_marker
from warmboot.core.sandbox.simulator import Simulator
from warmboot.tui.cli import main

Images = Callable[[str], Path]
KERNEL = "vmlinuz-6.12.95-kexectest2"
RUNNING = "root=/dev/vda2 ro console=ttyAMA0"


@pytest.fixture
def sandbox(tmp_path: Path, image_file: Images) -> Path:
    root = tmp_path / "machine"
    root.mkdir()
    write_marker(root)
    write_machine(root, SimulatedMachine("aarch64", "6.1.0-running", RUNNING))
    shutil.copy(image_file("arm64-6.12-gzip.vmlinuz.efi"), root / "boot" / KERNEL)
    shutil.copy(image_file("arm64-6.12-zstd.vmlinuz.efi"), root / "boot/vmlinuz-6.12.95-kexectest")
    (root / "boot/initrd.img-6.12.95-kexectest2").write_bytes(
        build_initrd({"init": b"#!/bin/sh\n" + bytes(5000)}, method="gzip")
    )
    return root


def test_list(call: Callable[..., Any]) -> None:
    code, answer = call("list")
    assert code == ExitCode.OK
    assert answer["simulated"] is True
    first = answer["entries"][0]
    assert first["entry"]["id"] == KERNEL
    assert first["entry"]["initrds"] == ["/boot/initrd.img-6.12.95-kexectest2"]
    assert first["image"]["format"] == "zboot"
    assert first["image"]["architecture"] == "arm64"


def test_list_says_what_runs_and_what_is_amiss(
    sandbox: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(sandbox, "boot/loader/entries/a.conf", f"title A\nlinux /{KERNEL}\n")
    put(sandbox, "boot/loader/loader.conf", "default a\n")
    put(sandbox, "etc/fstab", "UUID=AB-CD /efi vfat defaults 0 1\n")
    put(sandbox, "proc/sys/kernel/osrelease", "6.12.95-kexectest\n")
    assert main(["--root", str(sandbox), "list"]) == ExitCode.OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:3] == ["d", "a.conf", "6.12.95-kexectest2"]
    assert lines[1].endswith(f" /boot/loader/entries/a.conf /boot/{KERNEL}")
    assert lines[2].split()[:2] == ["*", "vmlinuz-6.12.95-kexectest"]
    assert any(line.startswith("/efi: named in /etc/fstab") for line in lines)
    assert "d default" in lines[-1]


def test_an_entry_that_grub_must_decide_on_cannot_be_staged(
    sandbox: Path, call: Callable[..., Any]
) -> None:
    text = f"menuentry x {{ linux /{KERNEL} ro; probe --set=u x; initrd /initrd-$u }}"
    put(sandbox, "boot/grub/grub.cfg", text)
    code, answer = call("stage", "x", "--dry-run")
    assert code == ExitCode.BLOCKED
    assert "GRUB decides $u" in answer["error"]["message"]


def test_inspect_unpacks_unless_told_not_to(call: Callable[..., Any]) -> None:
    _, answer = call("inspect", KERNEL)
    assert answer["payload"]["release"] == "6.12.95-kexectest2"
    _, answer = call("inspect", KERNEL, "--quick")
    assert answer["payload"] is None


def test_stage_status_exec(sandbox: Path, call: Callable[..., Any]) -> None:
    code, answer = call("stage", KERNEL, "--append", "nonce=42")
    assert code == ExitCode.OK
    assert answer["staged"]["cmdline"] == f"{RUNNING} nonce=42"
    assert answer["staged"]["sha256"] == answer["sha256"]
    assert loaded(sandbox) == "1"
    _, answer = call("status")
    assert answer["staged"] is True
    assert answer["what"]["release"] == "6.12.95-kexectest2"
    code, answer = call("exec", "--yes")
    assert code == ExitCode.OK
    assert answer["release"] == "6.12.95-kexectest2"
    assert loaded(sandbox) == "0"
    assert (sandbox / "proc/cmdline").read_text() == f"{RUNNING} nonce=42\n"
    assert call("status")[1]["what"] is None


def test_unload(sandbox: Path, call: Callable[..., Any]) -> None:
    call("stage", KERNEL)
    assert call("unload")[0] == ExitCode.OK
    assert loaded(sandbox) == "0"
    assert call("unload")[0] == ExitCode.NOTHING_STAGED
    assert call("exec", "--yes")[0] == ExitCode.NOTHING_STAGED


def test_a_dry_run_prints_the_call_and_stages_nothing(
    sandbox: Path, call: Callable[..., Any]
) -> None:
    code, answer = call("stage", KERNEL, "--dry-run", "--cmdline", "root=/dev/sda1")
    assert code == ExitCode.OK
    assert answer["call"].startswith("kexec_file_load(")
    assert '15, "root=/dev/sda1", 0)' in answer["call"]
    assert answer["staged"] is None
    assert loaded(sandbox) == "0"


def test_what_a_dry_run_showed_is_what_is_staged_or_nothing(call: Callable[..., Any]) -> None:
    seen = call("stage", KERNEL, "--dry-run")[1]["sha256"]
    code, answer = call("stage", KERNEL, "--sha256", "0" * 64)
    assert code == ExitCode.BAD_IMAGE
    assert seen in answer["error"]["message"]
    assert call("stage", KERNEL, "--sha256", seen.upper())[0] == ExitCode.OK


def test_a_dry_run_needs_no_privilege_but_staging_does(
    sandbox: Path, call: Callable[..., Any]
) -> None:
    (sandbox / "proc/self/status").write_text("CapEff:\t0000000000000000\n")
    assert call("stage", KERNEL, "--dry-run")[0] == ExitCode.OK
    code, answer = call("stage", KERNEL)
    assert code == ExitCode.NOT_PERMITTED
    assert "root" in answer["error"]["hint"]
    assert call("unload")[0] == ExitCode.NOT_PERMITTED
    assert call("exec", "--yes")[0] == ExitCode.NOT_PERMITTED


def test_several_initrds_are_joined(tmp_path: Path, call: Callable[..., Any]) -> None:
    for name, content in (("a", b"abc"), ("b", b"defgh")):
        (tmp_path / name).write_bytes(content)
    _, answer = call(
        "stage", KERNEL, "--initrd", str(tmp_path / "a"), "--initrd", str(tmp_path / "b")
    )
    assert answer["plan"]["initrd_bytes"] == 8
    assert " + " in answer["call"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["stage", "no-such-entry"], ExitCode.NOT_FOUND),
        (["stage"], ExitCode.NOT_FOUND),
        (["stage", "--kernel", "/no/such/file"], ExitCode.NOT_FOUND),
        (["stage", "--kernel", "/etc/passwd"], ExitCode.BAD_IMAGE),
        (["stage", KERNEL, "--cmdline", "x" * 3000], ExitCode.BLOCKED),
        (["inspect", "/"], ExitCode.BAD_IMAGE),
    ],
)
def test_what_cannot_be_is_refused_by_a_documented_code(
    sandbox: Path, call: Callable[..., Any], arguments: list[str], code: ExitCode
) -> None:
    assert call(*arguments)[0] == code
    assert loaded(sandbox) == "0"


def test_near_names_are_suggested(call: Callable[..., Any]) -> None:
    _, answer = call("stage", "vmlinuz-6.12.95-kexectes3")
    assert KERNEL in answer["error"]["hint"]


def test_extract_writes_the_whole_kernel(sandbox: Path, tmp_path: Path, image_file: Images) -> None:
    target = tmp_path / "Image"
    target.write_text("old")
    assert main(["--root", str(sandbox), "extract", KERNEL, "-o", str(target)]) == ExitCode.OK
    raw = image_file("arm64-6.12.Image").read_bytes()
    assert target.read_bytes()[: len(raw)] == raw
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Image", "machine"]


def test_a_failed_extract_leaves_nothing_and_keeps_the_old(
    sandbox: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = sandbox / "boot" / KERNEL
    damaged = bytearray(image.read_bytes())
    damaged[0xB738 + 600_000] ^= 0xFF
    image.write_bytes(damaged)
    target = tmp_path / "Image"
    target.write_text("old")
    code = main(["--root", str(sandbox), "extract", KERNEL, "-o", str(target)])
    assert code == ExitCode.BAD_IMAGE
    assert "damaged" in capsys.readouterr().err
    assert target.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Image", "machine"]


def test_extract_into_a_missing_folder_is_an_error_with_a_reason(
    sandbox: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "missing" / "Image"
    assert main(["--root", str(sandbox), "extract", KERNEL, "-o", str(target)]) == ExitCode.SYSTEM
    assert "could not be written" in capsys.readouterr().err


def test_exec_without_a_terminal_asks_for_yes(
    sandbox: Path, call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    call("stage", KERNEL)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    code, answer = call("exec")
    assert code == ExitCode.UNCONFIRMED
    assert "--yes" in answer["error"]["hint"]
    assert loaded(sandbox) == "1"


def test_exec_on_a_terminal_wants_the_host_name(
    sandbox: Path,
    call: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    call("stage", KERNEL)

    class Terminal:
        answer = "yes\n"

        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            return self.answer

    terminal = Terminal()
    monkeypatch.setattr("sys.stdin", terminal)
    assert main(["--root", str(sandbox), "exec"]) == ExitCode.CANCELLED
    shown = capsys.readouterr().out
    assert "ansible on pts/1 from 192.0.2.40" in shown
    assert "12 d" in shown
    assert loaded(sandbox) == "1"
    terminal.answer = "sandbox\n"
    assert main(["--root", str(sandbox), "exec"]) == ExitCode.OK
    assert "now runs 6.12.95-kexectest2" in capsys.readouterr().out


def test_json_is_one_line_for_a_program_and_indented_for_a_person(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = {}
    for person in (False, True):
        stdout = io.StringIO()
        monkeypatch.setattr(stdout, "isatty", lambda person=person: person)
        monkeypatch.setattr("sys.stdout", stdout)
        assert main(["--root", str(sandbox), "list", "--json"]) == ExitCode.OK
        shown[person] = stdout.getvalue()
    answer = json.loads(shown[False])
    assert shown[False].count("\n") == 1
    assert shown[True] == json.dumps(answer, indent=2) + "\n"


def test_an_empty_root_says_where_it_looked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--root", str(tmp_path), "list"]) == ExitCode.NOT_FOUND
    shown = capsys.readouterr().out
    assert "No boot images found" in shown
    assert "/boot/loader/entries" in shown


def test_the_journal_is_for_root_only(sandbox: Path, call: Callable[..., Any]) -> None:
    call("stage", KERNEL)
    journal = sandbox / "var/lib/warmboot/journal.jsonl"
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [line["event"] for line in lines] == ["staging", "staged"]


def test_a_journal_that_cannot_be_written_is_said_and_no_more(
    sandbox: Path, call: Callable[..., Any]
) -> None:
    (sandbox / "var").write_text("in the way")
    code, answer = call("stage", KERNEL)
    assert code == ExitCode.OK
    assert answer["staged"] is not None
    assert call("status")[1]["staged"] is True


def test_a_refused_restart_leaves_known_what_is_staged(
    sandbox: Path, call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Simulator) -> None:
        raise Refused("busy", errno=16)

    call("stage", KERNEL)
    monkeypatch.setattr(Simulator, "execute", refuse)
    assert call("exec", "--yes")[0] == ExitCode.REFUSED
    assert call("status")[1]["what"]["release"] == "6.12.95-kexectest2"


def test_inspect_of_an_initrd_and_of_an_entry_s(
    sandbox: Path, call: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    content = build_initrd({"lib/modules/6.1.0/a.ko": b"x"}, method="zstd", microcode={"amd": b"m"})
    path = sandbox / "boot/initrd.img-6.12.95-kexectest2"
    path.write_bytes(content)
    code, answer = call("inspect", str(path))
    assert code == ExitCode.OK
    (shown,) = answer["initrds"]
    assert shown["initrd"]["releases"] == ["6.1.0"]
    assert [part["method"] for part in shown["initrd"]["segments"]] == [None, "zstd"]
    assert shown["warning"] is None
    _, answer = call("inspect", KERNEL, "--initrd")
    assert "6.12.95-kexectest2" in answer["initrds"][0]["warning"]
    code, _ = call("inspect", "vmlinuz-6.12.95-kexectest", "--initrd")
    assert code == ExitCode.NOT_FOUND
    assert main(["--root", str(sandbox), "inspect", str(path)]) == ExitCode.OK
    assert "lib/modules/6.1.0/a.ko" in capsys.readouterr().out


def test_cmdline(
    sandbox: Path, call: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    code, answer = call("cmdline", KERNEL, "--append", "nomodeset", "--preset", "safety-net")
    assert code == ExitCode.OK
    assert answer["cmdline"]["text"].startswith(f"{RUNNING} panic=30 ")
    changes = {one["name"]: one["change"] for one in answer["differences"]}
    assert changes["root"] == "same"
    assert changes["nomodeset"] == "added"
    assert [one["preset"]["name"] for one in answer["presets"] if one["active"]] == [
        "nomodeset", "safety-net",
    ]  # fmt: skip
    code, answer = call("cmdline", "--cmdline", "quiet")
    said = {one["check"]: one["verdict"] for one in answer["findings"]}
    assert said == {"command-line-root": "warn", "remote-login": "pass"}
    assert call("cmdline", "--preset", "nothing")[0] == ExitCode.NOT_FOUND
    assert call("cmdline", "--installed-cmdline")[0] == ExitCode.NOT_FOUND
    assert main(["--root", str(sandbox), "cmdline", KERNEL, "--cmdline", "root=/dev/b"]) == 0
    assert "root=/dev/b  (was root=/dev/vda2)" in capsys.readouterr().out


def test_another_system_s_own_line_goes_before_the_running_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path, "boot/vmlinuz-6.1", build_bzimage("6.1", body_size=4096))
    arguments = ["--root", str(tmp_path), "cmdline", "6.1", "--json"]
    assert main(arguments) == ExitCode.OK
    answer = json.loads(capsys.readouterr().out)
    assert answer["cmdline"]["origin"] == "from the running kernel"
    put(tmp_path, "etc/kernel/cmdline", "root=LABEL=other ro\n")
    assert main(arguments) == ExitCode.OK
    answer = json.loads(capsys.readouterr().out)
    assert answer["cmdline"] == {
        "text": "root=LABEL=other ro", "origin": "from /etc/kernel/cmdline",
    }  # fmt: skip


def test_stage_with_presets_and_what_is_said_of_the_line(call: Callable[..., Any]) -> None:
    line = "root=/dev/a console=tty0 console=tty0"
    rescue = ("stage", KERNEL, "--cmdline", line, "--preset", "rescue", "--dry-run")
    code, answer = call(*rescue)  # by somebody who is logged in over the network
    assert code == ExitCode.BLOCKED
    assert "--force remote-login" in answer["error"]["hint"]
    _, answer = call(*rescue, "--force", "remote-login")
    assert answer["plan"]["cmdline"]["text"] == f"{line} systemd.unit=rescue.target"
    checks = {one["check"]: one["verdict"] for one in answer["plan"]["findings"]}
    assert checks["command-line-console"] == "warn"
