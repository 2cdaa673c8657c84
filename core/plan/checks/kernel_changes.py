"""Checks of what is other in the new kernel: build options that matter, the network's addresses."""

from __future__ import annotations

from collections.abc import Iterator

from warmboot.core.fit.build_options import differences
from warmboot.core.plan.checks.base import Group, Result, passed, warn
from warmboot.core.plan.checks.fit_subject import FitSubject, listed

KERNEL_CHANGES = Group[FitSubject]()

_SHOWN = 8


@KERNEL_CHANGES.check(
    "build-options",
    "Does the new kernel lack what is used here?",
    "build options of both kernels: /proc/config.gz, /boot/config-RELEASE, "
    "/usr/lib/modules/RELEASE/config",
    for_crash=False,
)
def build_options(subject: FitSubject) -> Iterator[Result]:
    """Only what matters; warmboot compare counts the others."""
    if subject.options is None or subject.host.config is None:
        return
    found = differences(subject.host.config, subject.options)
    for one in found[:_SHOWN]:
        yield warn(
            f"CONFIG_{one.name} is {one.new or 'not set'} in {subject.release}, "
            f"{one.old or 'not set'} here: {one.meaning}",
            "warmboot compare shows all that differs.",
        )
    if len(found) > _SHOWN:
        yield warn(
            f"{len(found) - _SHOWN} more build options differ that matter",
            "warmboot compare shows them.",
        )
    if not found:
        yield passed(f"{subject.release} has the build options that matter here")


@KERNEL_CHANGES.check(
    "address",
    "Where do the network's addresses come from?",
    "leases of systemd-networkd, NetworkManager, dhclient and dhcpcd",
    for_crash=False,
)
def address(subject: FitSubject) -> Result | None:
    """Stated, not judged: the server gives the same address to the same hardware address."""
    interfaces = subject.essentials.interfaces
    leased = [one.name for one in interfaces if one.dhcp]
    if not leased:
        return None
    return passed(
        f"{listed(leased)}: the address comes by DHCP; the server decides whether it stays the same"
    )
