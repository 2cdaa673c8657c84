"""``warmboot bpf envelope`` end to end: files, answers in JSON, exit codes."""

from __future__ import annotations

import errno
import hashlib
import struct
from pathlib import Path

import pytest
from support.command import Call, caller
from support.parser_objects import build_parser
from support.tools import needs_tool

from warmboot.core.bpf.bpf_syscall import LoadError
from warmboot.core.bpf.replay import Stage, replay
from warmboot.core.images import ImageFile
from warmboot.core.images.pe import parse_headers
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.pe import build_certificate
from warmboot.core.sandbox.builders.zboot import build_zboot
from warmboot.tui.cli import main


@pytest.fixture
def call(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Call:
    """Run bpf envelope in a folder with an image and two parsers; check the answer's schema."""
    kernel = build_arm64_image("6.12.1-command", body_size=90_000)
    signed = build_certificate(b"0\x82" + bytes(100))
    image = build_zboot(kernel, arch="arm64", method="gzip", certificates=signed)
    (tmp_path / "image.efi").write_bytes(image)
    (tmp_path / "initrd").write_bytes(b"070701")
    (tmp_path / "v6.o").write_bytes(build_parser())
    (tmp_path / "v7.o").write_bytes(build_parser(dialect=7))
    monkeypatch.chdir(tmp_path)
    return caller(capsys)


def test_v6(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    command = ("bpf", "envelope", "image.efi", "--parser", "v6.o", "-o", "out.efi")
    code, answer = call(*command)
    assert code == 0
    assert answer["built"]["report"]["certificates"] > 0
    assert "Sign it" in answer["built"]["warnings"][0]
    code, answer = call("inspect", "out.efi")
    assert code == 0
    assert answer["parser"]["parser"]["identity"]["dialect"] == 6
    assert answer["payload"]["release"] == "6.12.1-command"
    assert main([*command[:2], "out.efi", *command[3:5], "-o", "again.efi"]) == 4
    assert "--replace" in capsys.readouterr().err
    assert main([*command[:2], "out.efi", *command[3:5], "-o", "again.efi", "--replace"]) == 0
    assert "byte for byte" in capsys.readouterr().out
    assert Path("again.efi").read_bytes() == Path("out.efi").read_bytes()
    assert main(["inspect", "out.efi"]) == 0
    assert "Parser dialect" in capsys.readouterr().out


def test_without_a_parser_one_that_fits_is_put_in(call: Call) -> None:
    assert call("bpf", "build", "image.efi", "-o", "fits.o")[0] == 0
    assert call("bpf", "envelope", "image.efi", "--parser", "fits.o", "-o", "a.efi")[0] == 0
    assert call("bpf", "envelope", "image.efi", "-o", "b.efi")[0] == 0
    assert Path("a.efi").read_bytes() == Path("b.efi").read_bytes()


def test_v7(call: Call) -> None:
    code, answer = call(
        *("bpf", "envelope", "image.efi", "--dialect", "v7", "-o", "out.elf"),
        *("--initrd", "initrd", "--cmdline", "quiet", "--parser", "v7.o", "--container", "p.elf"),
    )
    assert code == 0
    assert answer["built"] is None
    assert call("inspect", "out.elf")[1]["image"]["format"] == "kexec envelope"
    image = call("inspect", "p.elf")[1]["image"]
    assert image["format"] == "BPF parser container"
    assert image["parsers"][0]["identity"]["dialect"] == 7


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["image.efi", "--parser", "v6.o", "--parser", "v6.o", "-o", "x"], 2),
        (["image.efi", "--parser", "v6.o", "--initrd", "initrd", "-o", "x"], 2),
        (["image.efi", "--dialect", "v7", "--replace", "-o", "x"], 2),
        (["image.efi", "--dialect", "v7", "--parser", "v7.o", "-o", "x"], 2),
        (["image.efi", "--parser", "v7.o", "-o", "x"], 4),
        (["image.efi", "--parser", "initrd", "-o", "x"], 4),
        (["initrd", "--parser", "v6.o", "-o", "x"], 4),
        (["missing/x.efi", "--parser", "v6.o", "-o", "x"], 3),
        (["image.efi", "--parser", "missing.o", "-o", "x"], 3),
        (["image.efi", "--parser", "v6.o", "-o", "missing/x"], 9),
        (["image.efi", "--parser", "v6.o", "-o", "/"], 2),
        (["image.efi", "--parser", "v6.o", "-o", "x" * 300], 2),
    ],
)
def test_failures_have_their_code_and_leave_nothing(
    call: Call, arguments: list[str], code: int
) -> None:
    before = sorted(Path().iterdir())
    found, answer = call("bpf", "envelope", *arguments)
    assert found == code
    assert answer["error"]["message"]
    assert sorted(Path().iterdir()) == before


def test_a_parser_built_put_in_and_taken_back_out(call: Call) -> None:
    needs_tool("clang")
    needs_tool("bpftool")
    code, answer = call("bpf", "build", "image.efi", "-o", "mine.o")
    assert code == 0
    assert answer["origin"].startswith("built here by clang ")
    code, answer = call("bpf", "envelope", "image.efi", "--parser", "mine.o", "-o", "out.efi")
    assert code == 0
    with ImageFile.open("out.efi") as file:
        section = parse_headers(file.view).find(".bpf")
        assert section is not None
        result = replay(file.view.part(section.offset, section.size, ".bpf"))
    if result.stage in (Stage.NO_BPF, Stage.RIGHTS):
        pytest.skip(f"this kernel loads no BPF here: {result.text}")
    assert (result.stage, result.code) == (Stage.ABSENT, errno.ENOENT), result.log


def test_a_rehearsal_says_what_the_kernel_would_be_told(call: Call) -> None:
    needs_tool("clang")
    needs_tool("bpftool")
    code, answer = call("bpf", "rehearse", "image.efi")
    assert code == 0
    (command,) = answer["commands"]
    assert (command["action"], command["target"]) == ("DECOMPRESS", "KERNEL")
    image = Path("image.efi").read_bytes()
    offset, size = struct.unpack_from("<II", image, 8)
    assert command["sha256"] == hashlib.sha256(image[offset : offset + size]).hexdigest()
    code, answer = call("bpf", "rehearse", "image.efi", "--dialect", "v7")
    actions = [command["action"] for command in answer["commands"]]
    assert (code, actions) == (0, ["VERIFY_SIG", "DECOMPRESS", "DONE"])


def test_a_rehearsal_judges_the_parser_that_a_signed_image_carries(call: Call) -> None:
    """As staging would: what another tool made is not taken for ours, and what is wrong is said."""
    kernel = build_arm64_image("6.12.1-command", body_size=90_000)
    certificate = build_certificate(b"0\x82" + bytes(100))
    for parser, why, refusal in (
        (build_parser(), None, None),
        (build_parser(identity=False), "another tool made the parser", None),
        (build_parser(identity=False, rings=(65536,) * 4), "another tool", "whose largest ring"),
        (build_parser(dialect=7), None, "speaks dialect v7, not v6"),
        (b"rubbish" * 9, "another tool", "is unusable"),
    ):
        image = build_zboot(
            kernel, arch="arm64", method="gzip", parser=parser, certificates=certificate
        )
        Path("carrying.efi").write_bytes(image)
        code, answer = call("bpf", "rehearse", "carrying.efi")
        assert code == (0 if refusal is None else 4)
        if why is not None and "a model was asked" not in answer["why"]:
            assert why in answer["why"]
        assert (refusal or "") in (answer["refusal"] or "")


def test_where_no_program_may_run_a_model_stands_in(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise LoadError("the map for the skeleton's data", errno.EPERM, "")

    monkeypatch.setattr("warmboot.core.bpf.bpf_syscall.load", forbidden)
    monkeypatch.setattr("warmboot.core.bpf.replay.load", forbidden)
    code, answer = call("bpf", "rehearse", "image.efi")
    assert (code, answer["modelled"]) == (0, True)
    assert answer["why"] == "a model was asked: This user may not load BPF programs"
    assert answer["commands"][0]["action"] == "DECOMPRESS"
    assert "runs no BPF" in answer["replay"]["stage"]
