"""Signing for secure boot, by sbsign(1); what it made is checked with sbverify(1) and by us."""

from __future__ import annotations

from pathlib import Path

from warmboot.core.errors import NotFound, WarmbootError
from warmboot.core.images import FileView
from warmboot.core.images.authenticode import Signature, signatures_of
from warmboot.core.outfile import OutFile
from warmboot.core.programs import find_program, run
from warmboot.core.text import printable

_PACKAGE = "sbsigntool"
_SECONDS = 300


def sign(file: OutFile, key: Path, certificate: Path) -> Signature:
    """Sign the PE file in `file` with a private key and its X.509 certificate (both PEM).

    Raises NotFound where sbsign or a file is missing, WarmbootError where it fails or what it
    made does not verify. The unsigned draft is then still in place.
    """
    tools = [_tool(name) for name in ("sbsign", "sbverify")]
    for path in (key, certificate):
        if not path.is_file():
            raise NotFound(f"{printable(str(path))} is not there")
    signed = file.draft.with_name(file.draft.name + ".signed")
    try:
        names = ("--key", str(key), "--cert", str(certificate), "--output", str(signed))
        _run(tools[0], *names, str(file.draft))
        _run(tools[1], "--cert", str(certificate), str(signed))
        file.adopt(signed)
    finally:
        signed.unlink(missing_ok=True)
    found = signatures_of(FileView(file.fd, file.size))
    if not found or found[-1].matches is not True:
        raise WarmbootError(
            "The signature that sbsign made does not fit the file",
            hint="Sign the file without --sign, by the tool of your choice.",
        )
    return found[-1]


def _tool(name: str) -> str:
    path = find_program(name)
    if path is None:
        raise NotFound(f"The program {name} is not installed", hint=f"Install {_PACKAGE}.")
    return path


def _run(program: str, *arguments: str) -> None:
    """Run a program that has no terminal: a key with a passphrase fails instead of asking."""
    try:
        done = run([program, *arguments], _SECONDS, own_session=True)
    except OSError as error:
        raise WarmbootError(f"{program} could not be run: {printable(str(error), 200)}") from error
    if done.code != 0:
        lines = (done.errors or done.out).strip().splitlines() or ["no reason given"]
        raise WarmbootError(
            f"{Path(program).name} failed: {printable(lines[0], 200)}",
            hint="Check that key and certificate are PEM files that belong together, "
            "and that the key has no passphrase.",
        )
