"""Simulated kernels with CONFIG_KEXEC_BPF take files apart as such kernels do, or say that a real
one would not survive them."""

from __future__ import annotations

import errno
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.machines import make_sandbox
from support.parser_objects import build_object, build_opts_data, build_parser
from support.tools import needs_tool

from warmboot.core.bpf.abi import Dialect
from warmboot.core.bpf.builder import SigningKey, build_file
from warmboot.core.bpf.container import build_container, write_envelope
from warmboot.core.bpf.detect import detect
from warmboot.core.bpf.envelope import envelope
from warmboot.core.errors import Refused
from warmboot.core.host import read_host
from warmboot.core.images import BytesView, ImageFile
from warmboot.core.load.loader import LoadRequest
from warmboot.core.payload.memfile import MemFile
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.uki import build_uki
from warmboot.core.sandbox.builders.zboot import build_zboot
from warmboot.core.sandbox.kernel_answer import NotSimulated, SimulatedCrash
from warmboot.core.sandbox.kernel_keyring import KEYRING
from warmboot.core.sandbox.simulator import Simulator
from warmboot.core.sandbox.tree import create_sandbox

RELEASE = "6.12.1-unwrapped"
IMAGE = build_arm64_image(RELEASE, body_size=100_000, bss=65536)
ZBOOT = build_zboot(IMAGE, arch="arm64", method="gzip")
Load = Callable[..., None]


def make(tmp_path: Path, dialect: str) -> Path:
    return make_sandbox(tmp_path / "machine", kexec_bpf=dialect)


@pytest.fixture
def v6(tmp_path: Path) -> Path:
    return make(tmp_path, "v6")


@pytest.fixture
def v7(tmp_path: Path) -> Path:
    return make(tmp_path, "v7")


@pytest.fixture
def load() -> Iterator[Load]:
    with ExitStack() as held:

        def file(content: bytes) -> int:
            memory = held.enter_context(MemFile("test"))
            memory.write(content)
            return memory.fd

        def run(
            root: Path, kernel: bytes, initrd: bytes | None = None, cmdline: str = "quiet"
        ) -> None:
            second = None if initrd is None else file(initrd)
            Simulator(root).load(LoadRequest(file(kernel), "kernel", second, "initrd", cmdline))

        yield run


def enveloped(image: bytes = ZBOOT, parser: bytes | None = None) -> bytes:
    out = bytearray()
    envelope(BytesView(image), parser or build_parser(), out.extend)
    return bytes(out)


def refused(root: Path, load: Load, code: int, *files: bytes) -> None:
    with pytest.raises(Refused) as caught:
        load(root, *files)
    assert errno.errorcode[caught.value.errno] == errno.errorcode[code]
    assert not isinstance(caught.value, SimulatedCrash | NotSimulated)
    assert not Simulator(root).loaded()


def unsurvived(root: Path, load: Load, because: str, *files: bytes) -> None:
    with pytest.raises(SimulatedCrash, match=because) as caught:
        load(root, *files)
    assert "A real kernel would" in caught.value.message
    assert not Simulator(root).loaded()


def boot(root: Path) -> tuple[str, str]:
    Simulator(root).execute()
    release = (root / "proc/sys/kernel/osrelease").read_text().strip()
    return release, (root / "proc/cmdline").read_text().strip()


def test_detection_and_simulation_look_at_the_same_files(tmp_path: Path) -> None:
    for dialect in (None, "v6", "v7"):
        root = tmp_path / f"sandbox-{dialect}"
        create_sandbox(root, kexec_bpf=dialect)
        found = detect(root, read_host(root).config)
        assert found.dialect == dialect
        assert found.offered is (dialect is not None)


@pytest.mark.parametrize("method", ["gzip", "zstd"])
def test_v6_takes_an_enveloped_zboot(v6: Path, load: Load, method: str) -> None:
    load(v6, enveloped(build_zboot(IMAGE, arch="arm64", method=method)), b"initrd", "quiet v6")
    assert boot(v6) == (RELEASE, "quiet v6")


def test_v6_takes_a_raw_image_with_a_copy_parser(v6: Path, load: Load) -> None:
    load(v6, enveloped(IMAGE, build_parser(kind=2)))
    assert boot(v6)[0] == RELEASE


def test_v6_takes_nothing_without_a_parser(v6: Path, load: Load) -> None:
    for kernel in (IMAGE, ZBOOT, b"", b"#!/bin/sh\n"):
        refused(v6, load, errno.EINVAL, kernel)


@pytest.mark.parametrize(
    "parser",
    [
        b"not an object",
        build_object(build_opts_data(), bytes(64), extra=0)[:200],
        build_object(build_opts_data(), bytes(64), binding=0),
        build_object(build_opts_data(), bytes(64), names=("opts_data", "opts_code")),
        b"\x7fELF\x01\x01\x01" + bytes(200),
    ],
)
def test_v6_wants_the_exact_object(v6: Path, load: Load, parser: bytes) -> None:
    refused(v6, load, errno.EINVAL, enveloped(parser=parser))


def test_a_parser_that_refuses_ends_in_a_clean_error(v6: Path, load: Load) -> None:
    # The parser hands over eight zero bytes then, which no loader takes.
    broken = bytearray(enveloped())
    struct.pack_into("<I", broken, 12, 0x7FFFFFFF)
    refused(v6, load, errno.EINVAL, bytes(broken))
    refused(v6, load, errno.EINVAL, enveloped(parser=build_parser(record=2000)))


@pytest.mark.parametrize(
    ("parser", "because"),
    [
        (build_parser(sections=(".rodata", ".data", ".bss")), "hang.*maps are"),
        (build_parser(sections=(".bss", ".rodata", ".data", ".rodata.str1.1")), "hang.*maps"),
        (build_parser(rings=(1 << 20, 1, 1, 1), record=9), "hang.*powers of two"),
        (build_parser(dialect=7), "hang.*dialect v7"),
    ],
)
def test_what_hangs_a_real_kernel_is_called_that(
    v6: Path, load: Load, parser: bytes, because: str
) -> None:
    unsurvived(v6, load, because, enveloped(parser=parser))


def test_payloads_that_a_real_kernel_does_not_survive(v6: Path, load: Load) -> None:
    damaged = bytearray(enveloped())
    damaged[len(ZBOOT) // 2] ^= 0xFF
    unsurvived(v6, load, "crash.*does not check", bytes(damaged))
    no_method = build_zboot(IMAGE, arch="arm64", method="xz")
    unsurvived(v6, load, "hang.*no decompressor", enveloped(no_method))
    config = v6 / "boot/config-6.1.0"
    config.write_text(config.read_text().replace("CONFIG_FUNCTION_TRACER=y\n", ""))
    unsurvived(v6, load, "hang.*function tracer", enveloped())


def test_layers_are_taken_off_one_by_one(v6: Path, load: Load) -> None:
    inner = enveloped()
    outer = build_zboot(inner, arch="arm64", method="zstd")
    load(v6, enveloped(outer))
    assert boot(v6)[0] == RELEASE
    for _ in range(8):
        inner = enveloped(build_zboot(inner, arch="arm64", method="gzip"))
    unsurvived(v6, load, "hang.*again", inner)


def test_what_results_is_judged_like_any_kernel(v6: Path, load: Load) -> None:
    refused(v6, load, errno.EINVAL, enveloped(build_zboot(ZBOOT, arch="arm64", method="gzip")))
    (v6 / "proc/meminfo").write_text("MemAvailable: 10 kB\n")
    refused(v6, load, errno.ENOMEM, enveloped())


def test_parsers_of_other_tools_are_not_guessed_at(v6: Path, load: Load) -> None:
    foreign = enveloped(parser=build_parser(identity=False))
    with pytest.raises(NotSimulated, match="not warmboot's own"):
        load(v6, foreign)


def v7_files(
    kernel: bytes = ZBOOT, *, cmdline: str | None = "inside", **parser: object
) -> tuple[bytes, bytes]:
    out = bytearray()
    initrd = BytesView(b"initrd inside")
    write_envelope(BytesView(kernel), out.extend, initrd=initrd, cmdline=cmdline)
    return build_container([build_parser(**{"dialect": 7, **parser})]), bytes(out)


def test_v7_takes_container_and_envelope(v7: Path, load: Load) -> None:
    load(v7, *v7_files(), "of the call")
    assert boot(v7) == (RELEASE, "inside")
    load(v7, *v7_files(cmdline=None), "of the call")
    assert boot(v7) == (RELEASE, "of the call")


def test_v7_takes_plain_images_as_ever(v7: Path, load: Load) -> None:
    load(v7, IMAGE, b"initrd")
    assert boot(v7)[0] == RELEASE
    refused(v7, load, errno.EINVAL, ZBOOT)


def test_v7_tries_parsers_in_order(v7: Path, load: Load) -> None:
    small = build_parser(dialect=7, record=100)
    fits = build_parser(dialect=7)
    _, images = v7_files()
    load(v7, build_container([small, fits]), images)
    assert boot(v7)[0] == RELEASE
    refused(v7, load, errno.EINVAL, build_container([small, small]), images)


@pytest.mark.parametrize("wrapped", [True, False], ids=["in an envelope", "by itself"])
def test_v7_takes_a_unified_image_layer_by_layer(v7: Path, load: Load, wrapped: bool) -> None:
    uki = build_uki(
        arch="arm64", linux=ZBOOT, initrd=b"i", cmdline="from the UKI", osrel="ID=x\n", uname="6"
    )
    nested = build_container([build_parser(dialect=7)])
    container = build_container([build_parser(dialect=7, kind=3)], nested)
    images = bytearray()
    write_envelope(BytesView(uki), images.extend, uki=True)
    load(v7, container, bytes(images) if wrapped else uki)
    assert boot(v7) == (RELEASE, "from the UKI")
    alone = build_container([build_parser(dialect=7, kind=3)])
    refused(v7, load, errno.EINVAL, alone, bytes(images))


def test_v7_refuses_cleanly(v7: Path, load: Load) -> None:
    container, images = v7_files()
    refused(v7, load, errno.EINVAL, container)
    refused(v7, load, errno.EINVAL, container, b"no envelope")
    refused(v7, load, errno.EINVAL, container.replace(b".bpf.1", b".bpf.2"), images)
    damaged = bytearray(images)
    damaged[len(ZBOOT) // 2] ^= 0xFF
    refused(v7, load, errno.EINVAL, container, bytes(damaged))


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[SigningKey, SigningKey]:
    folder = tmp_path_factory.mktemp("keys")
    found = []
    for name in ("trusted", "stranger"):
        key = SigningKey(folder / f"{name}.key", folder / f"{name}.pem")
        command = [
            *(needs_tool("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes"),
            *("-days", "2", "-subj", f"/CN={name}", "-keyout", str(key.key)),
            *("-out", str(key.certificate)),
        ]
        subprocess.run(command, check=True, capture_output=True)
        found.append(key)
    return found[0], found[1]


def signed(tmp_path: Path, key: SigningKey) -> bytes:
    needs_tool("sbsign")
    source, target = tmp_path / "zboot.efi", tmp_path / "signed.efi"
    source.write_bytes(ZBOOT)
    with ImageFile.open(source) as file:
        build_file(file, build_parser(), target, key=key)
    return target.read_bytes()


def test_signature_rules(
    v6: Path, load: Load, tmp_path: Path, keys: tuple[SigningKey, SigningKey]
) -> None:
    good, strange = (signed(tmp_path, key) for key in keys)
    ring = v6 / KEYRING
    ring.mkdir(parents=True)
    (ring / "trusted.pem").write_bytes(keys[0].certificate.read_bytes())
    (ring / "rubbish.der").write_bytes(b"rubbish")
    lockdown = v6 / "sys/kernel/security/lockdown"
    lockdown.write_text("none [integrity] confidentiality\n")
    refused(v6, load, errno.EPERM, enveloped())
    refused(v6, load, errno.EPERM, strange)
    load(v6, good)
    assert boot(v6)[0] == RELEASE
    config = v6 / "boot/config-6.1.0"
    config.write_text(config.read_text().replace("# CONFIG_KEXEC_SIG_FORCE is not set", ""))
    config.write_text(config.read_text() + "CONFIG_KEXEC_SIG_FORCE=y\n")
    rerun = config.rename(v6 / f"boot/config-{RELEASE}")
    assert rerun.exists()
    refused(v6, load, errno.ENODATA, enveloped())
    refused(v6, load, errno.ENOKEY, strange)
    changed = bytearray(good)
    changed[0x3000] ^= 1
    refused(v6, load, errno.EKEYREJECTED, bytes(changed))
    load(v6, good)
    assert Simulator(v6).loaded()


def test_a_forged_signature_is_not_taken(
    v6: Path, load: Load, tmp_path: Path, keys: tuple[SigningKey, SigningKey]
) -> None:
    """The right certificate inside is not enough: the signature has to be of its key."""
    good = signed(tmp_path, keys[0])
    ring = v6 / KEYRING
    ring.mkdir(parents=True)
    (ring / "trusted.pem").write_bytes(keys[0].certificate.read_bytes())
    config = v6 / "boot/config-6.1.0"
    config.write_text(config.read_text() + "CONFIG_KEXEC_SIG_FORCE=y\n")
    load(v6, good)
    Simulator(v6).unload()
    forged = bytearray(good)
    forged[good.rindex(b"\x04\x82\x01\x00") + 40] ^= 1  # inside the 256 bytes of the signature
    refused(v6, load, errno.EKEYREJECTED, bytes(forged))


def test_v7_verifies_the_kernel_inside(
    v7: Path, load: Load, tmp_path: Path, keys: tuple[SigningKey, SigningKey]
) -> None:
    needs_tool("sbsign")
    (tmp_path / "zboot.efi").write_bytes(ZBOOT)
    command = ["sbsign", "--key", str(keys[0].key), "--cert", str(keys[0].certificate)]
    command += ["--output", str(tmp_path / "signed.efi"), str(tmp_path / "zboot.efi")]
    subprocess.run(command, check=True, capture_output=True)
    ring = v7 / KEYRING
    ring.mkdir(parents=True)
    (ring / "trusted.pem").write_bytes(keys[0].certificate.read_bytes())
    config = v7 / "boot/config-6.1.0"
    config.write_text(config.read_text() + "CONFIG_KEXEC_SIG_FORCE=y\n")
    refused(v7, load, errno.ENODATA, *v7_files())
    load(v7, *v7_files((tmp_path / "signed.efi").read_bytes()))
    assert boot(v7)[0] == RELEASE


def test_dialects_are_those_of_the_interface() -> None:
    assert [d.value for d in Dialect] == ["v6", "v7"]
