"""Which dialect a kernel speaks is read out of its own types; nothing in them can do harm."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest
from support.command import caller

from warmboot.core.bpf.abi import ANCHOR, KFUNCS, Dialect
from warmboot.core.bpf.btf import Kind, find_types
from warmboot.core.bpf.detect import Detection, detect
from warmboot.core.errors import ImageError
from warmboot.core.sandbox.builders.btf import build_btf, build_kernel_btf
from warmboot.core.sandbox.tree import create_sandbox
from warmboot.tui.cli import main

ON, OFF = {"KEXEC_BPF": "y"}, {"KEXEC": "y"}
COMMAND = {"cmd_hdr": (("cmd", "subcmd", "payload_len"), 8)}
CONTEXT = {"kexec_context": (("kernel", "kernel_sz"), 56)}
REAL = Path("/sys/kernel/btf/vmlinux")


def detected(tmp_path: Path, blob: bytes | None, config: dict[str, str] | None = None) -> Detection:
    folder = tmp_path / "sys/kernel/btf"
    folder.mkdir(parents=True, exist_ok=True)
    if blob is not None:
        (folder / "vmlinux").write_bytes(blob)
    return detect(tmp_path, config)


@pytest.mark.parametrize("dialect", list(Dialect))
def test_each_dialect_is_told(tmp_path: Path, dialect: Dialect) -> None:
    found = detected(tmp_path, build_kernel_btf(dialect), ON)
    assert (found.dialect, found.offered) == (dialect, True)
    assert "CONFIG_KEXEC_BPF is set" in found.evidence
    assert f"struct cmd_hdr has {8 if dialect is Dialect.V6 else 10} bytes" in found.evidence


@pytest.mark.parametrize("config", [None, ON, OFF])
def test_no_function_no_interface(tmp_path: Path, config: dict[str, str] | None) -> None:
    found = detected(tmp_path, build_kernel_btf(None), config)
    assert (found.dialect, found.offered) == (None, False)
    said = "CONFIG_KEXEC_BPF is not set" if config is OFF else f"BTF has no function {ANCHOR}"
    assert said in found.evidence


@pytest.mark.parametrize(
    ("functions", "structs", "because"),
    [
        ((ANCHOR,), COMMAND | CONTEXT, "BTF lacks bpf_get_parser_context"),
        ((ANCHOR, *KFUNCS), CONTEXT, "no struct cmd_hdr"),
        ((ANCHOR, *KFUNCS), COMMAND, "no struct kexec_context"),
        (
            (ANCHOR, *KFUNCS),
            {"cmd_hdr": (("cmd", "subcmd", "payload_len"), 12)} | CONTEXT,
            "struct cmd_hdr has 12 bytes",
        ),
        (
            (ANCHOR, *KFUNCS),
            COMMAND | {"kexec_context": (("kernel", "kernel_sz", "parsing_buf"), 300)},
            "neither dialect v6 nor dialect v7",
        ),
        ((ANCHOR, *KFUNCS), COMMAND | {"kexec_context": (("x",), 8)}, "with a kernel in it"),
    ],
)
def test_half_an_interface_is_no_dialect(
    tmp_path: Path,
    functions: tuple[str, ...],
    structs: dict[str, tuple[tuple[str, ...], int]],
    because: str,
) -> None:
    found = detected(tmp_path, build_btf(functions, structs))
    assert (found.dialect, found.offered) == (None, True)
    assert because in " | ".join(found.evidence)


def test_other_structs_of_the_same_name_do_not_confuse() -> None:
    found = find_types(build_btf((ANCHOR,), {"cmd_hdr": (("opcode",), 8)}), ("cmd_hdr", ANCHOR))
    assert [(t.name, t.kind) for t in found] == [("cmd_hdr", Kind.STRUCT), (ANCHOR, Kind.FUNC)]
    assert found[0].members == ("opcode",)


def test_a_name_inside_a_longer_one_is_not_that_name() -> None:
    assert find_types(build_btf((ANCHOR + "_x", "x_" + ANCHOR), {}), (ANCHOR,)) == ()


def test_without_btf_the_symbols_are_asked(tmp_path: Path) -> None:
    found = detected(tmp_path, None, OFF)
    assert (found.dialect, found.offered) == (None, False)
    assert detected(tmp_path, None, ON).offered is True
    assert detected(tmp_path, None).offered is None
    symbols = tmp_path / "proc/kallsyms"
    symbols.parent.mkdir()
    symbols.write_text("ffff T start\n" * 100_000 + f"ffff T {ANCHOR}\n")
    assert detected(tmp_path, None).offered is True
    assert detected(tmp_path, None).dialect is None
    symbols.write_text(f"ffff T {ANCHOR}_other\n")
    assert detected(tmp_path, None, ON).offered is False


@pytest.mark.parametrize("cut", [0, 5, 23, 24, 60, 200])
def test_truncated_btf_is_said(tmp_path: Path, cut: int) -> None:
    found = detected(tmp_path, build_kernel_btf("v6")[:cut])
    assert found.dialect is None
    assert "BTF" in found.evidence[-1]


def patched(offset: int, form: str, value: int) -> bytes:
    blob = bytearray(build_kernel_btf("v6"))
    struct.pack_into(form, blob, offset, value)
    return bytes(blob)


@pytest.mark.parametrize(
    "blob",
    [
        patched(0, "<H", 0x9FEB),  # the other byte order
        patched(2, "<B", 2),
        patched(4, "<I", 0xFFFFFFFF),
        patched(8, "<I", 2),  # types not aligned
        patched(12, "<I", 0xFFFFFFF0),
        patched(16, "<I", 0xFFFFFFF0),
        patched(20, "<I", 3),  # strings without an end
        patched(24 + 4, "<I", 31 << 24),  # a kind that is not known
        patched(24 + 4, "<I", 0),
        patched(24 + 4, "<I", 4 << 24 | 0xFFFF),  # members beyond the end
        b"\x7fELF" * 100,
    ],
)
def test_hostile_btf_is_an_error_that_detection_survives(tmp_path: Path, blob: bytes) -> None:
    with pytest.raises(ImageError):
        find_types(blob, (ANCHOR,))
    assert detected(tmp_path, blob).dialect is None


def test_mutated_btf_never_gets_out(tmp_path: Path) -> None:
    chance = random.Random(7)
    blob = build_kernel_btf("v7")
    for _ in range(2000):
        broken = bytearray(blob)
        for _ in range(chance.choice((1, 2, 8))):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        detected(tmp_path, bytes(broken))


@pytest.mark.skipif(not REAL.exists(), reason="needs a kernel with BTF")
def test_the_kernel_that_runs_here() -> None:
    data = REAL.read_bytes()
    found = find_types(data, ("task_struct", "do_exit", "no_such_thing_here"))
    by_name = {t.name: t for t in found}
    assert by_name["task_struct"].size > 1000
    assert {"pid", "comm"} <= set(by_name["task_struct"].members)
    assert by_name["do_exit"].kind == Kind.FUNC
    assert detect(Path("/"), None).offered is (ANCHOR.encode() + b"\0" in data)


@pytest.mark.parametrize("options", [True, False], ids=["options", "no options"])
@pytest.mark.parametrize("dialect", ["v6", "v7", None])
def test_status_and_doctor_name_what_the_kernel_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], dialect: str | None, options: bool
) -> None:
    root = tmp_path / "machine"
    create_sandbox(root, kexec_bpf=dialect)
    said = f"the kernel unpacks images by them, dialect {dialect}"
    offered: bool | None = True
    if dialect is None:  # without options and without types nothing says
        offered = False if options else None
        said = "none: this kernel" if options else "not known: the kernel has no BTF"
    if not options:
        next(root.glob("boot/config-*")).unlink()
    code, answer = caller(capsys, root)("status")
    assert code == 0
    told = answer["parser_interface"]
    assert (told["offered"], told["dialect"]) == (offered, dialect)
    assert told["evidence"]
    main(["--root", str(root), "status"])
    assert said in capsys.readouterr().out
    main(["--root", str(root), "doctor"])
    spoken = f"BPF parsers for images, dialect {dialect}"
    assert (spoken in " ".join(capsys.readouterr().out.split())) is (dialect is not None)
