"""The file that an envelope is written to: whole or not at all, signed where asked."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.parser_objects import build_parser
from support.tools import needs_tool

from warmboot.core.bpf import builder
from warmboot.core.bpf.builder import SigningKey, build_file
from warmboot.core.bpf.envelope import envelope
from warmboot.core.errors import Cancelled, ImageError, NotFound, WarmbootError
from warmboot.core.images import BytesView, ImageFile
from warmboot.core.outfile import OutFile
from warmboot.core.progress import Cancel
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.pe import (
    build_certificate,
)
from warmboot.core.sandbox.builders.zboot import build_zboot

PARSER = build_parser()


def zboot(**options: object) -> bytes:
    kernel = build_arm64_image("6.12.1-envelope", body_size=300_000)
    return build_zboot(kernel, arch="arm64", method="gzip", **options)  # type: ignore[arg-type]


def build(tmp_path: Path, image: bytes, name: str = "out.efi", **options: object) -> builder.Built:
    source = tmp_path / "in.efi"
    source.write_bytes(image)
    with ImageFile.open(source) as file:
        return build_file(file, PARSER, tmp_path / name, **options)  # type: ignore[arg-type]


def left(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in tmp_path.iterdir())


def test_a_file_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = build(tmp_path, zboot())
    assert (tmp_path / "out.efi").stat().st_size == built.report.size
    assert built.warnings == ()
    assert left(tmp_path) == ["in.efi", "out.efi"]
    (tmp_path / "out.efi").write_bytes(b"precious")
    for failure in (KeyboardInterrupt, Cancelled, OSError):

        def fail(*_: object, failure: type[BaseException] = failure) -> None:
            raise failure

        with monkeypatch.context() as patch:
            patch.setattr(builder, "check_unchanged", fail)
            with pytest.raises(failure):
                build(tmp_path, zboot())
        assert left(tmp_path) == ["in.efi", "out.efi"]
        assert (tmp_path / "out.efi").read_bytes() == b"precious"


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    needs_tool("mount")
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount")
    try:
        with pytest.raises(WarmbootError, match="No space left"):
            build(tmp_path, zboot(), "disk/out.efi")
        assert left(disk) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_writing_beside_a_missing_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WarmbootError, match="could not be written"):
        build(tmp_path, zboot(), "nowhere/out.efi")


def test_cancelling_stops_between_pieces() -> None:
    cancel = Cancel()
    cancel.cancel()
    with pytest.raises(Cancelled):
        envelope(BytesView(zboot()), PARSER, bytearray().extend, cancel=cancel)


@pytest.fixture(scope="session")
def signing_key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    folder = tmp_path_factory.mktemp("key")
    key = SigningKey(folder / "key.pem", folder / "cert.pem")
    command = [
        *(needs_tool("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
        *("-subj", "/CN=warmboot test", "-keyout", str(key.key), "-out", str(key.certificate)),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return key


def test_signing(tmp_path: Path, signing_key: SigningKey) -> None:
    needs_tool("sbsign")
    image = zboot(certificates=build_certificate(b"0\x82" + bytes(500)))
    built = build(tmp_path, image, key=signing_key)
    assert built.signature is not None
    assert built.signature.matches
    assert built.warnings == ()
    verify = ["sbverify", "--cert", str(signing_key.certificate), str(tmp_path / "out.efi")]
    done = subprocess.run(verify, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr
    assert left(tmp_path) == ["in.efi", "out.efi"]


def test_signing_that_fails_leaves_nothing(
    tmp_path: Path, signing_key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_tool("sbsign")
    bad = tmp_path / "bad.pem"
    bad.write_text("no key\n")
    with pytest.raises(WarmbootError, match="sbsign failed"):
        build(tmp_path, zboot(), key=SigningKey(bad, signing_key.certificate))
    assert left(tmp_path) == ["bad.pem", "in.efi"]
    monkeypatch.setattr("warmboot.core.programs.FOLDERS", (str(tmp_path),))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotFound, match="sbsign") as caught:
        build(tmp_path, zboot(), key=signing_key)
    assert "sbsigntool" in (caught.value.hint or "")
    assert left(tmp_path) == ["bad.pem", "in.efi"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": 2}, "is for copy"),
        ({"dialect": 7}, "dialect v7"),
        ({"record": 5000}, "hands over"),
        ({"record": 40 << 20}, "larger than its ring"),
        ({"rings": (32 << 20, 1, 1, 1)}, "powers of two"),
        ({"sections": (".rodata", ".data", ".bss")}, "maps are"),
        ({"sections": (".data", ".rodata", ".rodata.str1.1", ".bss")}, "maps are"),
    ],
)
def test_a_parser_that_does_not_fit_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, object], message: str
) -> None:
    monkeypatch.setitem(globals(), "PARSER", build_parser(**options))
    with pytest.raises(ImageError, match=message):
        build(tmp_path, zboot())
    assert left(tmp_path) == ["in.efi"]


def test_the_output_file_survives_an_error_in_the_middle(tmp_path: Path) -> None:
    def interrupted() -> None:
        with OutFile(tmp_path / "x") as out:
            out.write(b"part")
            assert left(tmp_path) != []
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert left(tmp_path) == []
