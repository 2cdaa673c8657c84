"""The health check that confirms a new system by itself: shell that runs there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

from warmboot.core.errors import WrongArgument
from warmboot.core.expression import expression
from warmboot.core.host.files import read_text
from warmboot.core.text import printable
from warmboot.core.values import NamedTuple

_LONGEST = 512  # characters of a command; it has to fit on the command line
_UNIT = expression(r"[A-Za-z0-9:_.\\@-]{1,255}")


class Baseline(NamedTuple):
    """What the checks compare with: this system before the restart.

    `gateway` is the default route's over IPv4, None without one; `port` is sshd's; `failed` are
    the units that have failed already, None where systemd could not be asked. `programs` are those
    of the new system's root, None where that is not known.
    """

    gateway: str | None
    port: int
    failed: tuple[str, ...] | None
    programs: Callable[[str], bool] | None = None


def _ssh(base: Baseline) -> str:
    inner = f'exec 3<>/dev/tcp/127.0.0.1/{base.port}&&read -t5 x<&3&&[ "${{x%%-*}}" = SSH ]'
    return f"bash -c {shlex.quote(inner)}"


def _network(base: Baseline) -> str:
    if base.gateway is None:
        raise WrongArgument(
            "There is no default route over IPv4 now, so the check network has nothing to ask",
            hint="Leave it out, or give a command: --confirm-when 'ping -c1 HOST'.",
        )
    return f"ping -c1 -W2 {base.gateway}"


def _units(base: Baseline) -> str:
    if base.failed is None:
        raise WrongArgument(
            "systemd could not be asked which units have failed, so the check units cannot compare",
            hint="Leave it out, or give a command of your own.",
        )
    known = " ".join(f"-e {shlex.quote(unit + ' ')}" for unit in base.failed)
    others = f"|grep -vF {known}" if known else ""
    return (
        "systemctl is-system-running|grep -qE 'running|degraded'&&"
        f"! systemctl --failed --plain --no-legend{others}|grep -q ."
    )


class _BuiltIn(NamedTuple):
    shell: Callable[[Baseline], str]
    needs: str


BUILT_IN: Mapping[str, _BuiltIn] = {
    "ssh": _BuiltIn(_ssh, "bash"),
    "network": _BuiltIn(_network, "ping"),
    "units": _BuiltIn(_units, "systemctl"),
}


def shell_of(checks: tuple[str, ...], base: Baseline) -> str:
    """Return shell that succeeds once all checks do; raises WrongArgument."""
    return "&&".join(f"({_shell(check, base)})" for check in checks)


def _shell(check: str, base: Baseline) -> str:
    built_in = BUILT_IN.get(check)
    if built_in is None:
        if not check.strip() or len(check) > _LONGEST or not check.isprintable():
            raise WrongArgument(
                "A health check is one line of shell of at most 512 printable characters",
                hint=f"Or one of {', '.join(BUILT_IN)}.",
            )
        return check
    if base.programs is not None and not base.programs(built_in.needs):
        raise WrongArgument(
            f"The check {check} needs {built_in.needs}, which the new system does not have",
            hint="Give a command of your own: --confirm-when 'COMMAND'.",
        )
    return built_in.shell(base)


def read_baseline(prefix: Path, target: Path | None) -> Baseline:
    """Read it from the machine below `prefix`; `target` is the new system's root, None if unknown.

    systemd is asked on the machine itself only.
    """

    def has(name: str) -> bool:
        folders = ("usr/bin", "bin", "usr/sbin", "sbin", "usr/local/bin")
        return target is not None and any((target / f / name).is_file() for f in folders)

    return Baseline(
        gateway=_gateway(read_text(prefix / "proc/net/route", 1 << 16) or ""),
        port=_port(read_text(prefix / "etc/ssh/sshd_config", 1 << 16) or ""),
        failed=_failed(prefix),
        programs=None if target is None else has,
    )


def _gateway(routes: str) -> str | None:
    """Return the address of the default route; see /proc/net/route in proc_pid_net(5)."""
    for line in routes.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 7 and fields[1] == fields[7] == "00000000" and fields[2] != "00000000":
            try:
                raw = bytes.fromhex(fields[2])
            except ValueError:
                continue
            return ".".join(map(str, reversed(raw)))
    return None


def _port(config: str) -> int:
    """Return the first port that sshd_config(5) names, 22 without one."""
    for line in config.splitlines():
        found = re.fullmatch(r"\s*port[\s=]+(\d{1,5})\s*", line, re.ASCII | re.IGNORECASE)
        if found:
            return int(found[1])
    return 22


def _failed(prefix: Path) -> tuple[str, ...] | None:
    if prefix != Path("/"):
        return () if (prefix / "usr/bin/systemctl").is_file() else None
    from warmboot.core.host.systemd import failed_units

    found = failed_units()
    return found and tuple(unit for unit in map(printable, found) if _UNIT.fullmatch(unit))
