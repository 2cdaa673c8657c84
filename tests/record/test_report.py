"""The file of evidence: what is in it, and that no secret is."""

from __future__ import annotations

import json
import stat
from functools import partial
from pathlib import Path

import pytest
from support.answers import check
from support.command import Call
from support.cost import seconds
from support.files import put
from support.machines import make_sandbox

from warmboot.core.errors import ExitCode
from warmboot.core.record.report import redact
from warmboot.core.sandbox.builders.bzimage import build_bzimage


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = make_sandbox(tmp_path / "machine", "x86_64", cmdline="root=/dev/vda2 ro")
    put(root, "boot/vmlinuz-6.12.1", build_bzimage("6.12.1"))
    return root


def test_a_report_holds_evidence_and_no_secrets(
    root: Path, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "198.51.100.7 50000 192.0.2.2 22")
    secret = "rd.luks.key=/hidden/key token=hidden netroot=iscsi:u:hidden@192.0.2.9::::x"
    call("stage", "vmlinuz-6.12.1", "--append", secret)
    target = tmp_path / "report.json"
    code, _ = call("report", "vmlinuz-6.12.1", "-o", str(target))
    assert code == ExitCode.OK
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    text = target.read_text()
    assert "hidden" not in text
    for address in ("198.51.100.7", "192.0.2.17", "192.0.2.40"):
        assert address not in text
    content = json.loads(text)
    check(content)
    assert content["plan"]["strategy"]
    assert content["status"]["staged"] is True
    assert [line["event"] for line in content["journal"]] == ["staging", "staged"]
    assert call("report", "-o", str(tmp_path / "missing/report"))[0] == ExitCode.SYSTEM
    assert not list(tmp_path.glob(".report*"))


def test_redaction_keeps_what_is_no_secret() -> None:
    line = "root=UUID=1 rd.luks.uuid=2 vconsole.keymap=us quiet console=ttyS0,115200 ip=dhcp"
    assert redact(line) == line
    assert redact('a.password="two words" x') == "a.password=(redacted) x"
    line = "vmlinuz root=/dev/sda2 crashkernel=256M@16M mem=1G nr_cpus=2 -- (redacted)"
    assert redact(line) == line


@pytest.mark.parametrize(
    "word",
    [
        "rootpw=S", "pass=S", "apikey=S", "authkey=S", "passkey=S", "pin=S", "ima_hmac=S",
        'dm-mod.create="crypt,,0,rw,0 100 crypt aes-xts S 0 /dev/a"', "url=http://h/?sig=S",
        "root=live:http://h/x?jwt=S", '"x.password=two S"', 'password="unbalanced S',
        'password=a"b S"', 'root="x S"', "root=a?S", "http://u:S@host/", "iscsi:u:S@192.0.2.1::x",
        "quiet -- S", "-- --password S", 'console=" pin=S"', "rootflags=key=S", "UNHEARD.of=S",
        "root=password=S", "ip=@S", "Ro-Ot=password=S", "systemd.set_credential=a:S",
    ],
)  # fmt: skip
def test_whatever_is_not_known_to_be_harmless_is_not_shown(word: str) -> None:
    for line in (word, f"quiet {word}", f"x root=/dev/a {word} end", f'Command line: "{word} x'):
        assert "S" not in redact(line).replace("UNHEARD", ""), line


def test_redaction_takes_time_in_proportion_to_the_text() -> None:
    for part in ("a=", "x://", "a.key" * 3, '"', "=", "-- ", "http://u@", " ", "a=b ", "key" * 9):
        short, long = (part * (size // len(part)) for size in (50_000, 400_000))
        bound = min(2.0, 1.0 + 20 * seconds(partial(redact, short), 0))
        assert seconds(partial(redact, long), bound) <= bound, part
