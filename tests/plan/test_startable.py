"""The list says in a phrase why an entry cannot be started here."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import pytest
from support.files import put
from support.loader_files import kernel

from warmboot.core.architecture import Architecture
from warmboot.core.boot.entry import Entry, Kind
from warmboot.core.errors import Blocked, NotFound, WarmbootError
from warmboot.core.plan import startable
from warmboot.core.plan.checks.base import Finding, Verdict
from warmboot.core.plan.checks.registry import all_checks
from warmboot.core.plan.request import PlanRequest
from warmboot.core.plan.route import Strategy
from warmboot.core.plan.startable import Standing, standing
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.builders.uki import build_uki
from warmboot.core.session import Session, make_sandbox

CPIO = (b"070701" + b"0" * 8 * 11 + b"0000000B" + b"0" * 8 + b"TRAILER!!!\0").ljust(512, b"\0")


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return make_sandbox(tmp_path / "root")[0]


def obstacle(session: Session, content: bytes, **fields: object) -> str | None:
    put(session.root.path, "boot/x", content)
    entry = Entry("x", "x", Kind.EXTLINUX, "/boot/x", **fields)  # type: ignore[arg-type]
    return session.header(entry).obstacle


def wrapped(kind: int, data: bytes) -> bytes:
    head = struct.pack(">IIIIIII", 0x27051956, 0, 0, len(data), 0, 0, 0)
    return head + struct.pack("BBBB32s", 5, 22, kind, 0, b"name") + data


def test_phrases(session: Session) -> None:
    image = build_arm64_image("6.12.1", body_size=4096)
    assert obstacle(session, image) is None
    assert obstacle(session, kernel("6.1")) == "it is for x86-64, this machine is arm64"
    assert obstacle(session, wrapped(2, image)) == (
        "it is wrapped for U-Boot (kernel), which kexec cannot load"
    )
    gone = obstacle(session, image, initrds=("/boot/gone",))
    assert gone == "its initrd /boot/gone is not there"
    gone = obstacle(session, image, devicetree="/boot/gone.dtb")
    assert gone == "its device tree /boot/gone.dtb is not there"
    assert obstacle(session, image, problem="it is so") == "it is so"
    assert "is not there" in (obstacle(session, image, problem=None) or "is not there")


def test_few_words_for_a_column(session: Session) -> None:
    image = build_arm64_image("6.12.1", body_size=4096)

    def brief(content: bytes, **fields: object) -> str | None:
        put(session.root.path, "boot/x", content)
        entry = Entry("x", "x", Kind.EXTLINUX, "/boot/x", **fields)  # type: ignore[arg-type]
        return session.header(entry).brief

    assert brief(image) is None
    assert brief(kernel("6.1")) == "for x86-64"
    assert brief(wrapped(2, image)) == "wrapped for U-Boot"
    assert brief(image, initrds=("/boot/gone",)) == "files missing"
    assert brief(image, problem="its kernel /boot/x is not there") == "files missing"
    assert brief(image, problem="it is an EFI program") == "not by kexec"
    assert brief(b"nothing known") == "unreadable"


def test_an_entry_stands_as_the_checks_of_its_plan_say(session: Session) -> None:
    context = session.context()
    for entry in session.entries().entries:
        with session.plan(PlanRequest(entry=entry.id)) as opened:
            found = opened.plan.findings
            assert session.standing(entry, context).fit == opened.plan.fit
        standing = session.standing(entry, context)
        assert set(standing.fails) == {f for f in found if f.verdict is Verdict.FAIL}
        assert set(standing.notes) < {f for f in found if f.verdict is Verdict.WARN}
        assert "sessions" not in {note.check for note in standing.notes}
        assert bool(standing.brief) == bool(standing.fails)


def test_a_machine_that_can_start_nothing_stands_behind_what_the_entry_lacks() -> None:
    def fail(name: str) -> Finding:
        return Finding(name, Verdict.FAIL, "text")

    assert standing((fail("kexec-enabled"), fail("architecture"))).brief == "other machine"
    assert standing((fail("kexec-enabled"),)).brief == "kexec is off"
    assert standing((fail("some-check"),)).brief == "some check"
    assert standing((fail("privilege"),)) == Standing((), (), None)


def test_every_check_with_a_few_words_is_there() -> None:
    assert set(startable._BRIEF) <= {check.id for check in all_checks()}


def test_the_newest_is_one_that_can_be_started_and_of_the_flavour_that_runs(
    session: Session,
) -> None:
    put(session.root.path, "boot/vmlinuz-9.9-sandbox", kernel("9.9-sandbox"))  # for x86
    assert session.entry("9.9-sandbox").release == "9.9-sandbox"
    assert session.entry("6.19.0-rc1").release == "6.19.0-rc1"
    assert session.entry("@newest").release == "6.17.8-sandbox"


def test_an_initrd_in_u_boot_s_wrapping_reaches_the_kernel_without_it(session: Session) -> None:
    root = session.root.path
    put(root, "boot/Image", build_arm64_image("6.12.1", body_size=4096))
    text = "label a\nlinux /Image\ninitrd /uInitrd\nappend root=/dev/vda2\n"
    put(root, "boot/extlinux/extlinux.conf", text)
    put(root, "boot/uInitrd", wrapped(3, CPIO))
    with session.plan(PlanRequest(entry="a")) as opened:
        assert opened.plan.files.initrds == ("/boot/uInitrd (without U-Boot's header)",)
        with session.prepare(opened, rehearsal=True) as prepared:
            assert "U-Boot's header" in prepared.request.describe()
    (found,) = session.images.inspect_initrds("a")
    assert found.initrd.segments[0].complete
    put(root, "boot/uInitrd", wrapped(2, CPIO))
    with (
        session.plan(PlanRequest(entry="a")) as opened,
        pytest.raises(Blocked, match="no initrd"),
    ):
        session.prepare(opened, rehearsal=True)


def test_the_initrd_inside_a_unified_image_is_shown(session: Session, tmp_path: Path) -> None:
    linux = build_arm64_image("6.12.1", body_size=4096)
    image = build_uki(arch="arm64", linux=linux, initrd=CPIO, osrel="ID=x\n", uname="6.12.1")
    put(session.root.path, "boot/efi/EFI/Linux/x.efi", image)
    put(tmp_path, "y.efi", image)
    for name in ("x.efi", str(tmp_path / "y.efi")):
        (found,) = session.images.inspect_initrds(name)
        assert found.path.endswith(".efi .initrd")
        assert found.initrd.problem is None
    put(tmp_path, "z.efi", build_uki(arch="arm64", linux=linux, osrel="ID=x\n"))
    with pytest.raises(NotFound, match="holds no initrd"):
        session.images.inspect_initrds(str(tmp_path / "z.efi"))


def test_the_limit_of_command_lines_by_version() -> None:
    limits = Architecture.RISCV64.facts.command_line_limits
    assert [limits(release) for release in ("6.12.9", "7.0", "7.1.0-1", "10.2", None, "x")] == [
        (1024, 1024), (1024, 1024), (2048, 2048), (2048, 2048), (1024, 2048), (1024, 2048),
    ]  # fmt: skip
    assert Architecture.ARM64.facts.command_line_limits(None) == (2048, 2048)


@pytest.mark.parametrize("dialect", [None, "v6", "v7"])
def test_the_list_names_the_way_that_the_plan_takes(tmp_path: Path, dialect: str | None) -> None:
    session = make_sandbox(tmp_path / "root", kexec_bpf=dialect)[0]
    image = build_arm64_image("6.12.1", body_size=4096)
    put(session.root.path, "boot/vmlinuz-6.12.1.gz", gzip.compress(image))
    put(session.root.path, "boot/vmlinuz-6.12.2", image)
    uki = build_uki(arch="arm64", linux=image, osrel="ID=x\nPRETTY_NAME=x\n", uname="6.12.1")
    put(session.root.path, "boot/efi/EFI/Linux/x.efi", uki)
    told = {}
    for entry in session.entries().entries:
        try:
            with session.plan(PlanRequest(entry=entry.id)) as opened:
                plan = opened.plan
        except WarmbootError:
            continue
        why = plan.why if plan.strategy is Strategy.NONE else None
        if plan.image.architecture is Architecture.ARM64:
            told[entry.id] = (session.header(entry).obstacle, why)
    assert len(told) >= 6
    assert all(listed == planned for listed, planned in told.values()), told
