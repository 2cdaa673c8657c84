"""Evidence for a bug report, without secrets: what is taken out, and how it is written."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from warmboot.core.errors import WarmbootError
from warmboot.core.hints import Any
from warmboot.core.host.state import STATE
from warmboot.core.host.systemd import systemd_version
from warmboot.core.outfile import OutFile
from warmboot.core.record.harmless import REDACTED, redact_line
from warmboot.core.statefile import replace_state
from warmboot.core.text import printable
from warmboot.core.values import NamedTuple
from warmboot.core.version import VERSION

_ADDRESS_KEYS = frozenset(("ssh_connection", "remote"))


class Versions(NamedTuple):
    """Versions of what takes part; `systemd` is None where there is none."""

    warmboot: str
    python: str
    systemd: int | None


def redact(value: Any, addresses: Iterable[str] = ()) -> Any:
    """Return `value` (JSON's own types) without secrets and addresses of people.

    Of every NAME=VALUE, as on a command line, the value is shown only where the name is known to
    be harmless and the value is plain. `addresses` are taken out wherever they stand. The work
    grows with the text only.
    """
    gone = sorted({address for address in addresses if address}, key=len, reverse=True)
    return _redact(value, gone)


def addresses_of(value: Any) -> set[str]:
    """Return the addresses that the fields of SSH connections and sessions hold."""
    found: set[str] = set()
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key in _ADDRESS_KEYS and isinstance(item, str):
                found |= {word for word in item.split() if not word.isdigit()}
            else:
                found |= addresses_of(item)
    elif isinstance(value, list | tuple):
        for item in value:
            found |= addresses_of(item)
    return found


def read_versions(prefix: Path) -> Versions:
    """Return the versions of what takes part."""
    return Versions(
        warmboot=VERSION,
        python=platform.python_version(),
        systemd=systemd_version(prefix),
    )


def save(prefix: Path, content: str, path: Path | None) -> Path:
    """Write a report to `path`, or to the state folder below `prefix`; return where it is.

    Raises WarmbootError.
    """
    name = f"report-{time.strftime('%Y%m%dT%H%M%S')}.json"
    target = prefix / STATE / name if path is None else path
    write_private(target, content.encode(), folder=path is None)
    return target


def write_private(path: Path, content: bytes, *, folder: bool = False) -> None:
    """Write a file that only its owner may read, whole or not at all; raises WarmbootError.

    `folder`: it is a file of the state folder, which is made where there is none.
    """
    if folder:
        try:
            replace_state(path, content, 0o600)
        except OSError as error:
            raise WarmbootError(
                f"{printable(str(path))} could not be written: {error.strerror}",
                hint="Check the free space, or give another place: warmboot report -o FILE.",
            ) from error
        return
    with OutFile(path, 0o600) as out:
        out.write(content)
        out.commit()


def _redact(value: Any, gone: list[str]) -> Any:
    if isinstance(value, str):
        text = redact_line(value)
        for address in gone:
            text = text.replace(address, REDACTED)
        return text
    if isinstance(value, Mapping):
        return {
            key: (REDACTED if key in _ADDRESS_KEYS and item else _redact(item, gone))
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_redact(item, gone) for item in value]
    return value
