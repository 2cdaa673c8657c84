"""Staging on machines whose kernel unpacks images itself: simulated ones, and what is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from support.command import Call, caller
from support.files import held
from support.parser_objects import build_parser

from warmboot.core.bpf.abi import Dialect
from warmboot.core.bpf.replay import Replay, Stage
from warmboot.core.errors import Blocked
from warmboot.core.images import BytesView, ImageFile
from warmboot.core.load import bpf_handover, errnos
from warmboot.core.load.inputs import KernelInput
from warmboot.core.load.loader import LoadRequest
from warmboot.core.sandbox.builders.compress import compress
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.tree import create_sandbox
from warmboot.tui.cli import main


@pytest.fixture(params=["v6", "v7"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A sandbox whose kernel speaks one of the dialects."""
    create_sandbox(tmp_path / "machine", kexec_bpf=request.param)
    return tmp_path / "machine"


@pytest.mark.parametrize(
    ("entry", "release"),
    [("warmboot-6.17.8-sandbox", "6.17.8-sandbox"), ("warmboot-7.efi", "6.18.2-uki")],
)
def test_the_kernel_unpacks_what_is_staged(
    root: Path, call: Call, entry: str, release: str
) -> None:
    code, answer = call("stage", entry, "--append", "e2e=1")
    assert code == 0
    assert answer["plan"]["strategy"] == "unpacked by the kernel"
    assert answer["staged"]["release"] == release
    kernel = held(root)
    assert kernel["unpacked_by_kernel"]
    assert kernel["release"] == release
    assert kernel["cmdline"].endswith("e2e=1")
    assert kernel["initrd_sha256"]


def test_a_raw_image_goes_in_whichever_way_the_kernel_takes_it(root: Path, call: Call) -> None:
    code, answer = call("stage", "vmlinuz-6.6.119-lts")
    assert code == 0
    wanted = "copied by a parser" if answer["plan"]["dialect"] == "v6" else "as it is"
    assert answer["plan"]["strategy"] == wanted
    assert held(root)["release"] == answer["staged"]["release"] == "6.6.119-lts"


def test_a_damaged_payload_never_reaches_the_kernel(root: Path, call: Call) -> None:
    code, answer = call("stage", "vmlinuz-5.10.99-damaged")
    assert code == 4
    assert "damaged" in answer["error"]["message"]
    assert (root / "sys/kernel/kexec_loaded").read_text() == "0\n"


def test_what_the_kernel_cannot_unpack_is_unpacked_before(root: Path, call: Call) -> None:
    """The sandbox's kernel has no xz: a kernel of v6 copies the Image, one of v7 takes it bare."""
    code, answer = call("stage", "modules/6.19.0-rc1", "--force", "root-drivers")
    v6 = answer["plan"]["dialect"] == "v6"
    assert (code, v6) == (0, answer["plan"]["dialect"] is not None)
    assert answer["plan"]["strategy"] == ("copied by a parser" if v6 else "unpacked here")
    assert ("no decompressor for xz" in answer["plan"]["why"]) is v6
    assert held(root)["release"] == answer["staged"]["release"] == "6.19.0-rc1"


def test_a_compressed_image_is_unpacked_for_a_kernel_that_wants_parsers(
    root: Path, call: Call
) -> None:
    path = root / "boot/Image.gz"
    image = build_arm64_image("6.13.0", body_size=90_000, bss=1 << 18)
    path.write_bytes(compress(image, "gzip"))
    code, answer = call("stage", "--kernel", str(path), "--no-initrd")
    assert code == 0
    v6 = answer["plan"]["dialect"] == "v6"
    assert answer["plan"]["strategy"] == ("copied by a parser" if v6 else "unpacked here")
    assert held(root)["release"] == "6.13.0"
    path.write_bytes(compress(image, "gzip")[:-20])
    code, answer = call("stage", "--kernel", str(path), "--no-initrd")
    assert code == 4


def test_no_check_of_a_parser_is_to_be_forced(root: Path, call: Call) -> None:
    words = ("stage", "warmboot-6.17.8-sandbox", "--force", "parser-decompressor")
    code, answer = call(*words)
    assert code == 2
    assert "cannot be forced" in answer["error"]["message"]


def test_an_image_that_carries_its_parser_goes_in_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "machine"
    create_sandbox(root, kexec_bpf="v6")
    image, parser, whole = root / "boot/vmlinuz-6.17.8-sandbox", tmp_path / "p.o", tmp_path / "w"
    assert main(["bpf", "build", str(image), "-o", str(parser)]) == 0
    assert main(["bpf", "envelope", str(image), "--parser", str(parser), "-o", str(whole)]) == 0
    capsys.readouterr()
    code, answer = caller(capsys, root)("stage", "--kernel", str(whole), "--no-initrd")
    assert code == 0
    assert "carries a parser" in answer["plan"]["why"]
    with ImageFile.open(whole) as file:
        content = file.view.read(0, file.view.size, "image")
        assert answer["sha256"] == hashlib.sha256(content).hexdigest()


def test_a_parser_that_would_not_work_stops_before_the_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bpf_handover, "replay", lambda _: Replay(Stage.ATTACH, 524, ""))
    kernel = KernelInput(-1, None, parsers=(BytesView(b"x"),))
    call = LoadRequest(-1, "kernel", None, None, "quiet")
    with pytest.raises(Blocked, match="would not work in this kernel: the parser cannot be attach"):
        bpf_handover.try_parsers(kernel, call, Dialect.V6, Path("/"))


def test_memory_is_counted_again_right_before_the_call(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bpf_handover, "replay", lambda _: Replay(Stage.DONE, 0, ""))
    parser = build_parser(rings=(8 << 20, 65536, 65536, 65536))
    file = tmp_path / "kernel"
    file.write_bytes(bytes(1 << 20))
    (tmp_path / "proc").mkdir()
    free = tmp_path / "proc/meminfo"
    with file.open("rb") as kernel_file:
        kernel = KernelInput(
            kernel_file.fileno(), None, parsers=(BytesView(parser),), unpacked=4 << 20
        )
        call = LoadRequest(kernel_file.fileno(), "kernel", None, None, "quiet")
        needed = bpf_handover.memory_of_call(kernel, call, Dialect.V6).needed
        assert (8 + 1 + 2 * 4) << 20 < needed < 64 << 20
        free.write_text(f"MemAvailable: {needed // 1024 + 1} kB\n")
        bpf_handover.try_parsers(kernel, call, Dialect.V6, tmp_path)
        free.write_text(f"MemAvailable: {needed // 1024 - 1} kB\n")
        with pytest.raises(Blocked, match="Unpacking in the kernel takes up to"):
            bpf_handover.try_parsers(kernel, call, Dialect.V6, tmp_path)
        # The machine has enough, the control group around this process has not.
        free.write_text("MemAvailable: 8000000 kB\n")
        group = tmp_path / "sys/fs/cgroup/small"
        group.mkdir(parents=True)
        (tmp_path / "proc/self").mkdir()
        (tmp_path / "proc/self/cgroup").write_text("0::/small\n")
        (group / "memory.current").write_text("1000000\n")
        for limit in ("memory.max", "memory.high"):
            (group / limit).write_text(f"{needed + 1000000}\n")
            bpf_handover.try_parsers(kernel, call, Dialect.V6, tmp_path)
            (group / limit).write_text(f"{needed + 999999}\n")
            with pytest.raises(Blocked, match="Unpacking in the kernel takes up to"):
                bpf_handover.try_parsers(kernel, call, Dialect.V6, tmp_path)
            (group / limit).write_text("max\n")


def test_no_hint_offers_what_such_a_kernel_does_not_take() -> None:
    for code in errnos.LOAD:
        _, hint = errnos.LOAD_BY_PARSER[code]
        assert "loaded as it is" not in hint


@pytest.mark.parametrize("load", [True, False], ids=["kexec_load", "no kexec_load"])
def test_the_other_call_is_offered_only_where_the_kernel_has_it(
    root: Path, call: Call, load: bool
) -> None:
    config = next(root.glob("boot/config-*"))
    lines = config.read_text().splitlines()
    gone = ("CONFIG_FUNCTION_TRACER=", *(() if load else ("CONFIG_KEXEC=",)))
    kept = [line for line in lines if not line.startswith(gone)]
    config.write_text("\n".join(kept) + "\n")
    code, answer = call("doctor", "warmboot-6.17.8-sandbox")
    assert code == 6
    found = {finding["check"]: finding for finding in answer["findings"]}["parser-attach"]
    assert "lacks CONFIG_FUNCTION_TRACER" in found["text"]
    assert ("--loader load" in found["hint"]) is load
