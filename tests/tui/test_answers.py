"""Answers in JSON: every command, every format, and every way to fail, against a strict schema."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
from support.answers import MANUAL, SCHEMA, check, check_object, only_document
from support.foreign_images import s390, zimage
from support.parser_objects import build_parser
from support.uboot_images import build_fit, build_uimage

from warmboot.core.bpf.container import build_container, write_envelope
from warmboot.core.errors import ExitCode
from warmboot.core.images import BytesView, Format, identify
from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.builders.compress import compress
from warmboot.core.sandbox.builders.elf import build_elf_kernel
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.pe import PeSection, build_pe
from warmboot.core.sandbox.builders.uki import Profile, build_addon, build_uki
from warmboot.core.sandbox.builders.zboot import build_zboot
from warmboot.core.session.session import Session
from warmboot.tui.arguments import command_names
from warmboot.tui.cli import main
from warmboot.tui.manual import json_page
from warmboot.tui.present.answers.json_schema import schema_text
from warmboot.tui.present.answers.objects.image import ImageFields, image_fields
from warmboot.tui.present.answers.objects.journal import journal_fields
from warmboot.tui.present.answers.registry import ANSWERS
from warmboot.tui.present.answers.shape import fields_of, values_of

Ask = Callable[..., tuple[int, dict[str, Any]]]
ZBOOT, UKI = "warmboot-6.17.8-sandbox", "warmboot-7"
KERNEL = build_arm64_image("6.12.1", body_size=20_000)


@pytest.fixture
def root(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert main(["sandbox", str(tmp_path / "machine")]) == ExitCode.OK
    capsys.readouterr()
    return tmp_path / "machine"


@pytest.fixture
def ask(root: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Run a command with --json; return its exit code and the one answer, checked."""

    def run(*arguments: str) -> tuple[int, dict[str, Any]]:
        code = main(["--root", str(root), *arguments, "--json"])
        answer = only_document(capsys.readouterr().out)
        assert ("error" in answer) or answer["command"] == command_of(arguments)
        return code, answer

    return run


def command_of(arguments: tuple[str, ...]) -> str:
    return " ".join(arguments[: 2 if arguments[0] == "bpf" else 1])


def test_schema_and_manual_are_those_of_the_source() -> None:
    hint = "run: make manual"
    assert (MANUAL / "warmboot.schema.json").read_text() == schema_text(), hint
    page = (MANUAL / "warmboot-json.5").read_text()
    assert page == json_page(page), hint


def stated(shape: Any, name: str) -> tuple[str, ...]:
    """Return the values that a field may have."""
    return next(values_of(field.kind) for field in fields_of(shape) if field.name == name)


def test_every_command_has_an_answer() -> None:
    assert tuple(ANSWERS) == command_names()
    for command, shapes in ANSWERS.items():
        for shape in shapes:
            (name,) = stated(shape, "command")
            assert name == command
            module = f"warmboot.tui.present.answers.{re.sub('[ -]', '_', command)}"
            assert shape.__module__ == module


def test_nothing_is_allowed_that_is_not_named() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    maps = []

    def look(part: Any, path: str) -> None:
        if isinstance(part, dict):
            if part.get("type") == "object" and part.get("additionalProperties") is not False:
                maps.append(path)
            for name, value in part.items():
                look(value, f"{path}/{name}")
        elif isinstance(part, list):
            for number, value in enumerate(part):
                look(value, f"{path}/{number}")

    look(SCHEMA, "")
    assert maps == ["/$defs/evidence_answer/properties/config/anyOf/0"]  # names of build options


COMMANDS = (
    ("compare", ZBOOT, UKI),
    ("list",),
    ("inspect", ZBOOT),
    ("inspect", ZBOOT, "--quick"),
    ("inspect", UKI),
    ("inspect", ZBOOT, "--initrd"),
    ("extract", ZBOOT, "-o", "{out}/Image"),
    ("cmdline",),
    ("cmdline", ZBOOT, "--preset", "rescue", "--append", "a=b console=tty0"),
    ("doctor",),
    ("doctor", UKI),
    ("status",),
    ("stage", ZBOOT, "--dry-run"),
    ("stage", UKI),
    ("status",),
    ("report", UKI, "-o", "{out}/report"),
    ("report", "vmlinuz-6.12.57-amd64", "-o", "{out}/report"),
    ("report", "no-such-entry", "-o", "{out}/report"),
    ("exec", "--yes", "--in", "10m"),
    ("status",),
    ("exec", "--cancel"),
    ("exec", "--yes"),
    ("wait",),
    ("needs-restart",),
    ("status",),
    ("history",),
    ("stage", ZBOOT),
    ("unload",),
    ("stage", ZBOOT),
    ("exec", "--trial", "10m", "--dry-run"),
    ("exec", "--trial", "10m", "--yes", "--confirm-when", "network"),
    ("status",),
    ("report", UKI, "-o", "{out}/report"),
    ("confirm",),
    ("status",),
    ("stage", UKI, "--append", "init=/no/init"),
    ("exec", "--trial", "10m", "--yes"),
    ("status",),
    ("report", UKI, "-o", "{out}/report"),
    ("bpf", "build", ZBOOT, "-o", "{out}/6.o"),
    ("bpf", "build", ZBOOT, "-o", "{out}/7.o", "--dialect", "v7"),
    ("bpf", "rehearse", ZBOOT),
    ("bpf", "envelope", ZBOOT, "--parser", "{out}/6.o", "-o", "{out}/image.efi"),
    (
        *("bpf", "envelope", ZBOOT, "--dialect", "v7", "--parser", "{out}/7.o"),
        *("--container", "{out}/p", "-o", "{out}/e"),
    ),
    ("inspect", "{out}/image.efi"),
    ("inspect", "{out}/p"),
    ("inspect", "{out}/e"),
    ("sandbox", "{root}"),
)


def test_every_command_answers_as_the_schema_says(ask: Ask, root: Path, tmp_path: Path) -> None:
    for command in COMMANDS:
        words = [word.format(out=tmp_path, root=root) for word in command]
        code, answer = ask(*words)
        needed = answer.get("needed", False)
        assert code == (ExitCode.RESTART_NEEDED if needed else ExitCode.OK), answer
        assert answer["simulated"] is True
        if command[0] == "report":
            check(json.loads((tmp_path / "report").read_text()))
            (tmp_path / "report").unlink()
    assert {command_of(command) for command in COMMANDS} == set(command_names())


def test_a_field_that_the_schema_does_not_name_is_noticed(ask: Ask) -> None:
    _, answer = ask("list")
    for place in (answer, answer["entries"][0]["entry"], answer["entries"][0]["image"]["stream"]):
        place["other"] = 1
        with pytest.raises(AssertionError, match="other"):
            check(answer)
        del place["other"]
    del answer["entries"][0]["problem"]
    with pytest.raises(AssertionError, match="problem"):
        check(answer)


def _envelope() -> bytes:
    content = bytearray()
    write_envelope(BytesView(KERNEL), content.extend, cmdline="quiet")
    return bytes(content)


FORMATS = {
    Format.ZBOOT: build_zboot(KERNEL, arch="arm64", method="zstd"),
    Format.UKI: build_uki(
        arch="arm64",
        linux=KERNEL,
        initrd=b"070701",
        cmdline="quiet",
        profiles=[Profile("ID=one\nTITLE=One", [(".cmdline", b"single")])],
    ),
    Format.ADDON: build_addon(arch="arm64", cmdline="more"),
    Format.PE: build_pe("arm64", [PeSection(".text", b"x" * 900)]),
    Format.BZIMAGE: build_bzimage("6.12.1"),
    Format.IMAGE: KERNEL,
    Format.COMPRESSED: compress(KERNEL, "gzip"),
    Format.UIMAGE: build_uimage(KERNEL, "arm64"),
    Format.ZIMAGE: zimage(),
    Format.S390: s390(),
    Format.FIT: build_fit(KERNEL, "arm64"),
    Format.ELF: build_elf_kernel("x86-64", "6.12.1", body_size=1 << 16),
    Format.PARSER: build_parser(),
    Format.PARSERS: build_container([build_parser(dialect=7)], build_container([build_parser()])),
    Format.ENVELOPE: _envelope(),
}


@pytest.mark.parametrize("form", list(Format))
def test_every_format_has_its_fields(form: Format) -> None:
    image = identify(BytesView(FORMATS[form]))
    fields = json.loads(json.dumps(image_fields(image)))
    assert fields["format"] == image.format == form
    check_object("image", fields)
    named = [stated(shape, "format")[0] for shape in get_args(ImageFields)]
    assert sorted(named) == sorted(Format)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--json"],
        ["lsit", "--json"],
        ["list", "--json", "--frob"],
        ["--json", "inspect"],
        ["bpf", "--json"],
        ["stage", "x", "--loader", "boat", "--js"],
        ["exec", "--in", "1", "--at", "2", "--json"],
        ["list", "--json", "--root"],
        ["extract", "x", "-o", "-", "--json"],
        ["stage", "x", "--cmdline", "--json"],
    ],
    ids=" ".join,
)
def test_wrong_arguments_are_answered_too(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == ExitCode.USAGE
    shown = capsys.readouterr()
    error = only_document(shown.out)["error"]
    assert error["exit_code"] == ExitCode.USAGE
    assert error["message"]
    assert error["hint"]
    assert shown.err == ""


def test_wrong_arguments_say_whether_the_machine_is_simulated(ask: Ask) -> None:
    code, answer = ask("list", "--frob")
    assert (code, answer["simulated"]) == (ExitCode.USAGE, True)


def test_people_are_told_of_wrong_arguments_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["list", "--frob"], ["list", "--", "--json"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == ExitCode.USAGE
        shown = capsys.readouterr()
        assert shown.out == ""
        assert "usage: " in shown.err


def test_a_signal_is_answered_and_a_late_one_adds_no_second_answer(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Session, "rows", interrupted)
        code, answer = ask("list")
    assert code == answer["error"]["exit_code"] == ExitCode.CANCELLED
    with monkeypatch.context() as patch:
        patch.setattr("warmboot.tui.commands.output.warn", interrupted)
        code, answer = ask("stage", ZBOOT)
    assert code == ExitCode.CANCELLED
    assert answer["staged"]["entry"] == f"{ZBOOT}.conf"
    assert ask("status")[1]["staged"] is True


def test_a_fault_is_answered_before_python_shows_it(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for fault in (ValueError("of ours"), PermissionError(13, "of ours", "/x")):

        def fail(_: Session, fault: Exception = fault) -> None:
            raise fault

        monkeypatch.setattr(Session, "rows", fail)
        with pytest.raises(type(fault)):
            main(["--root", str(root), "list", "--json"])
        error = only_document(capsys.readouterr().out)["error"]
        assert error["exit_code"] == ExitCode.BUG
        assert "of ours" in error["message"]


def test_lines_of_a_journal_that_are_not_ours_stay_readable_and_apart() -> None:
    line = json.loads(
        '{"at": NaN, "event": "staged", "uid": true, "boot_id": null, "new": {"a": 1},'
        ' "staged": {"kernel": "/k"}, "forced": ["memory"], "countdown": {"id": "x", "at": 1},'
        ' "request": {"entry": "e", "panic": true, "initrds": []}}'
    )
    fields = journal_fields(line)
    check_object("journal", fields)
    kept = {"event", "boot_id", "forced", "countdown", "request", "other"}
    assert set(fields) == kept
    assert [text.partition(":")[0] for text in fields["other"]] == [
        '{"at"', '{"uid"', '{"new"', '{"staged"',
    ]  # fmt: skip


def test_an_answer_loads_no_more_than_its_command_needs(root: Path) -> None:
    code = (
        "import sys; from warmboot.tui.cli import main\n"
        f"main(['--root', {str(root)!r}, 'list', '--json'])\n"
        "slow = ('load', 'restart', 'record', 'bpf', 'payload', 'plan')\n"
        "plan = ('', '.checks', '.checks.base', '.loader_choice', '.request', '.route',"
        " '.startable', '.way')\n"
        "wanted = ['warmboot.core.plan' + name for name in plan]\n"
        "found = [name for name in sys.modules if name.startswith('warmboot.core.')"
        " and name.split('.')[2] in slow and name not in wanted]\n"
        "sys.exit(', '.join(found) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    only_document(done.stdout)
