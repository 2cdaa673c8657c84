"""The options of the commands that restart the machine, and keep what it restarted into."""

from __future__ import annotations

import argparse


def exec_options(sub: argparse.ArgumentParser) -> None:
    """Add those of ``exec``."""
    sub.add_argument("--yes", action="store_true", help="do not ask for the host name")
    sub.add_argument(
        "--now",
        action="store_true",
        help="only sync the disks, then jump; services are not stopped",
    )
    when = sub.add_mutually_exclusive_group()
    when.add_argument(
        "--in", dest="delay", metavar="DELAY", help="restart later: 90 (seconds), 10m, 2h"
    )
    when.add_argument("--at", metavar="TIME", help="restart at HH:MM, or 'YYYY-MM-DD HH:MM'")
    when.add_argument("--cancel", action="store_true", help="cancel a scheduled restart")
    when.add_argument("--due", metavar="ID", help=argparse.SUPPRESS)
    sub.add_argument(
        "--whatever-is-staged",
        action="store_true",
        help="restart even into what warmboot did not stage",
    )
    sub.add_argument(
        "--trial",
        metavar="TIME",
        help="go back unless the new system is confirmed within TIME: 10m, 600 (seconds)",
    )
    sub.add_argument(
        "--confirm-when",
        metavar="CHECK",
        action="append",
        default=[],
        help="what confirms it by itself: ssh, network, units, or a shell command; may be repeated",
    )
    sub.add_argument(
        "--write-grubenv", action="store_true", help="the way back may be written into grubenv"
    )
    sub.add_argument(
        "--accept-no-way-back",
        action="store_true",
        help="go on trial although a reset may start another kernel than this one",
    )
    sub.add_argument(
        "--accept-no-watchdog",
        action="store_true",
        help="go on trial although a kernel that hangs early does not come back",
    )
    sub.add_argument(
        "--dry-run", action="store_true", help="show what a restart on trial would be, and stop"
    )


def confirm_options(sub: argparse.ArgumentParser) -> None:
    """Add those of ``confirm``."""
    sub.add_argument(
        "--revert", action="store_true", help="go back to the system before, through firmware"
    )
