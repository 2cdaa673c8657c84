"""Guests whose kernel unpacks boot images itself (tests/data/kexec-bpf-kernel)."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from warmboot.core.bpf.abi import Dialect
from warmboot.core.bpf.builder import SigningKey, build_file
from warmboot.core.bpf.envelope import envelope
from warmboot.core.bpf.parsers import prebuilt, recipe_for
from warmboot.core.images import BytesView, ImageFile, identify

from .fetch import Arch
from .guest import Guest, Step, converse, machine, steps
from .initramfs import GUEST_FILES, guest_initramfs
from .proof import Nonces, SecondKernel, second_kernel

ImageFinder = Callable[[str], Path]

FOLDER = Path(__file__).parent.parent / "data/kexec-bpf-kernel"
TRUSTED = SigningKey(FOLDER / "TEST-ONLY-signing.key", FOLDER / "TEST-ONLY-signing.pem")
UNTRUSTED = SigningKey(FOLDER / "TEST-ONLY-untrusted.key", FOLDER / "TEST-ONLY-untrusted.pem")
HOST = "e2e-guest"  # as guest/init names it
ASKED = "asked"
LIMIT = 800.0  # seconds for a whole scenario; measured alone: 10 to 60
#: What no kernel may say while warmboot works: its own complaints, and those of any kernel.
COMPLAINT = re.compile(
    r".*(?:kexec_bpf: (?!test impl|VERIFY_SIG)|WARNING: |BUG: |Oops|[Oo]ut of memory|Call trace:).*"
)


@dataclass(frozen=True)
class Case:
    """A command that is tried, with its exit code and a part of what it says.

    `limits`: `files`, the descriptors it may have, and `without`, capabilities by number. `before`
    is a file that is written first, and what. `last`: nothing good can be staged after it.
    `logged` is what the kernel itself says of it, where it is asked at all.
    """

    arguments: str
    code: int
    said: str = ""
    limits: Mapping[str, Any] = field(default_factory=dict)
    before: tuple[str, str] | None = None
    last: bool = False
    logged: str | None = None


@dataclass(frozen=True)
class Scenario:
    """What a guest is to do; see guest/kexec-bpf. `memory` are options of stage by name."""

    steps: Mapping[str, Sequence[str]] = field(default_factory=dict)
    good: str = ""
    cases: Mapping[str, Case] = field(default_factory=dict)
    memory: Mapping[str, str] = field(default_factory=dict)
    exec: bool | str = False
    processes: bool = False

    def to_json(self) -> bytes:
        """What the guest reads."""
        cases = {
            name: {
                "arguments": case.arguments.split(),
                "limits": case.limits,
                "before": case.before,
                "last": case.last,
            }
            for name, case in self.cases.items()
        }
        fields = {
            "steps": self.steps,
            "good": self.good.split(),
            "cases": cases,
            "memory": {name: words.split() for name, words in self.memory.items()},
            "exec": self.exec,
            "processes": self.processes,
        }
        return json.dumps(fields).encode()


@dataclass(frozen=True)
class BpfKernel:
    """A kernel of a dialect to be booted in a guest, with files; `append` to its command line."""

    dialect: str
    image_file: ImageFinder
    folder: Path
    append: str = ""
    processors: int = 1

    def command(self, files: Mapping[str, bytes], scenario: Path) -> list[str]:
        """The command that runs a scenario on it."""
        initramfs = self.folder / "initramfs.cpio"
        guest_initramfs(initramfs, Arch.ARM64, files, scenario)
        name = f"kexec-bpf-kernel/arm64-6.12-kexec-bpf-{self.dialect}.Image"
        command = machine(Arch.ARM64, self.image_file(name), initramfs)
        command[-1] += f" {self.append}"
        return [*command, "-smp", str(self.processors)]

    def restart(
        self, files: Mapping[str, bytes], scenario: Scenario, nonces: Nonces
    ) -> tuple[SecondKernel, dict[str, Step]]:
        """Run a scenario that restarts; return what both kernels said."""

        def talk(guest: Guest) -> tuple[SecondKernel, str]:
            if scenario.exec == ASKED:
                guest.wait_for("^Type the host's name to go on: ", LIMIT)
                guest.type(f"{HOST}\r".encode())
            return second_kernel(guest, nonces, LIMIT), guest.transcript

        second, transcript = converse(self._command(files, scenario), talk)
        done = _judged(transcript, scenario)
        # Shown by `make e2e`, and kept in PROVEN.md.
        print(
            f"{self.dialect} {self.append}: second kernel {second.release}, initrd={nonces.initrd}"
        )
        print(
            f"  cmdline={second.cmdline}; no complaint in {_lines(done['kernel-log'])} lines of log"
        )
        return second, done

    def run(self, files: Mapping[str, bytes], scenario: Scenario) -> str:
        """Run a scenario whose cases must all end as they are to; return what was said."""

        def talk(guest: Guest) -> str:
            guest.wait_for("^e2e: all done", LIMIT)
            return guest.transcript

        transcript = converse(self._command(files, scenario), talk)
        done = _judged(transcript, scenario)
        for name, case in scenario.cases.items():
            _check_case(name, case, done)
        return transcript

    def _command(self, files: Mapping[str, bytes], scenario: Scenario) -> list[str]:
        everything = {**files, "/scenario.json": scenario.to_json()}
        return self.command(everything, GUEST_FILES / "kexec-bpf")


def _lines(step: Step) -> int:
    return len(step.output.splitlines())


def _judged(transcript: str, scenario: Scenario) -> dict[str, Step]:
    """Return the steps of a run in which no kernel complained of anything but what it was to."""
    done = steps(transcript)
    assert done["kernel-log"].code == 0, transcript[-3000:]
    assert "Linux version 6.12" in done["kernel-log"].output  # the whole log, from its beginning
    wanted = [case.logged for case in scenario.cases.values() if case.logged is not None]
    log = done["kernel-log"].output
    complained = [found[0] for found in COMPLAINT.finditer(log)]
    said = [line.partition("kexec_bpf: ")[2] or line for line in complained]
    assert said == wanted, f"the kernel said {said}, not {wanted}"
    # On the console stands what is urgent; it must not be more than what was waited for.
    outside = [found[0] for found in COMPLAINT.finditer(transcript.replace(log, ""))]
    more = [line for line in outside if not any(w in line for w in wanted)]
    assert more == [], f"on the console: {more}"
    return done


def _check_case(name: str, case: Case, done: Mapping[str, Step]) -> None:
    assert name in done, f"{name} is missing; there are {sorted(done)}"
    said = " ".join(done[name].output.split())
    assert (done[name].code, case.said in said) == (case.code, True), f"{name}: {done[name]}"
    assert "Traceback" not in said, name
    assert done[f"loaded-{name}"].output == f"{int(case.code == 0)}\n", name
    if not case.last:
        assert done[f"good-{name}"].code == 0, f"{name}: {done[f'good-{name}']}"
        assert done[f"good-loaded-{name}"].output == "1\n", name


def with_parser(image: bytes, folder: Path, key: SigningKey | None = None) -> bytes:
    """The image with the parser that comes with warmboot in it, signed where there is a key."""
    source, target = folder / "plain.efi", folder / "enveloped.efi"
    source.write_bytes(image)
    with ImageFile.open(source) as file:
        build_file(file, parser_of(image), target, key=key)
    return target.read_bytes()


def parser_of(image: bytes) -> bytes:
    """The parser that comes with warmboot, made to measure for an image."""
    return prebuilt(recipe_for(identify(BytesView(image)), Dialect.V6)).content


def enveloped(image: bytes, parser: bytes) -> bytes:
    """The image with any parser in it, fitting or not."""
    out = bytearray()
    envelope(BytesView(image), parser, out.extend)
    return bytes(out)


def signed(image: bytes, folder: Path, key: SigningKey) -> bytes:
    """The image as it is, signed."""
    source, target = folder / "unsigned.efi", folder / "signed.efi"
    source.write_bytes(image)
    command = ("sbsign", "--key", key.key, "--cert", key.certificate, "--output", target, source)
    subprocess.run(command, check=True, capture_output=True)
    return target.read_bytes()
