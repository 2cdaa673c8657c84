"""Checks of the drivers that this machine needs to come back: does the new kernel have them?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from warmboot.core.boot.cmdline import parse
from warmboot.core.fit.kept_out import all_kept_out
from warmboot.core.fit.kernel_fit import NeedFit, Place
from warmboot.core.host.essentials import Purpose
from warmboot.core.plan.checks.base import Group, Result, fail, passed, warn
from warmboot.core.plan.checks.fit_subject import FitSubject, listed, modules
from warmboot.core.text import printable

DRIVERS = Group[FitSubject]()

_LOOKS_AT = (
    "modalias and driver in /sys, modules.alias, modules.dep and modules.builtin of the kernel"
)


@DRIVERS.check(
    "root-drivers",
    "Can the new kernel reach the root file system?",
    "/proc/self/mountinfo (/, /usr and the layers of an overlay), slaves in /sys/block, devices of "
    f"9p, virtiofs and flash, the route to a server, supplier:* in /sys/devices, {_LOOKS_AT}, its "
    "initrd, algorithms in the LUKS header",
    forceable=True,
    for_crash=False,
    rule="a driver that is neither built in nor in the initrd is on the file system that it is "
    "needed for; without it the kernel finds no root and panics (init/do_mounts.c), or the initrd "
    "waits in a shell",
)
def root_drivers(subject: FitSubject) -> Iterator[Result]:
    """The whole chain: file system, volumes, disk, controller, bus."""
    needs = subject.fit.of(Purpose.ROOT)
    yield from _missing(subject, needs)
    late = [fit for fit in needs if fit.place is Place.INSTALLED]
    if late:
        yield fail(
            f"{subject.release} has drivers of the root file system only on that file system "
            f"itself: {modules(late)}",
            _make_initrd(subject, late),
        )
    for fit in needs:
        if fit.lacks:
            yield fail(
                f"The initrd has {modules([fit])}, but not what that needs: {listed(fit.lacks)}",
                _make_initrd(subject, needs),
            )
    asked = (name for fit in needs for name in fit.wants)
    wants = list(dict.fromkeys((*asked, *subject.fit.unserved)))
    if wants:
        yield warn(
            f"Before its root file system {subject.release} has not what drivers of that ask for "
            f"while they run: {listed(wants)}",
            _make_initrd(subject, needs),
        )
    supply = [fit for fit in subject.fit.of(Purpose.SUPPLY) if fit.early is False]
    if supply:
        yield warn(
            f"Before its root file system {subject.release} has no driver for what the disk's own "
            f"drivers wait for (regulators, clocks and the like): {modules(supply)}",
            _make_initrd(subject, supply),
        )
    unknown = [fit for fit in needs if fit.place is Place.UNKNOWN]
    problem = subject.essentials.root.problem
    if unknown:
        yield warn(
            f"Whether {subject.release} has the drivers of the root file system is not known: "
            f"{_why(subject)}",
            f"Make sure that it has, or its initrd: {modules(unknown)}.",
        )
    if problem is not None:
        yield warn(
            f"Which drivers the root file system needs is not known: {problem}",
            "Make sure that the new kernel or its initrd has them.",
        )
    doubtful = problem is not None or supply or wants
    if needs and not doubtful and all(fit.early for fit in needs):
        yield passed(f"Drivers of the root file system: {_places(needs)}")


@DRIVERS.check(
    "network-drivers",
    "Will the network come back?",
    f"/proc/net/route, /proc/net/ipv6_route, your own login, {_LOOKS_AT}",
    forceable=True,
    for_crash=False,
)
def network_drivers(subject: FitSubject) -> Iterator[Result]:
    """The cards below every interface with a default route, and the one you come in by."""
    needs = subject.fit.of(Purpose.NETWORK)
    missing = [fit for fit in needs if fit.place is Place.MISSING]
    if missing:
        names = listed(one.name for one in subject.essentials.interfaces)
        text = f"{subject.release} has no driver for the network ({names}): {modules(missing)}"
        remote = subject.host.remote
        if remote is None:
            yield warn(text, _remedy(subject, missing))
        else:
            yield fail(f"{text}; you are logged in over it", _remedy(subject, missing))
    elif needs and all(fit.place is not Place.UNKNOWN for fit in needs):
        yield passed(f"Drivers of the network: {_places(needs)}")
    elif needs and subject.host.remote is not None:
        yield warn(
            f"Whether {subject.release} has the drivers of the network is not known: "
            f"{_why(subject)}",
            f"You are logged in over it. Make sure that there is: {modules(needs)}.",
        )


@DRIVERS.check(
    "blacklisted-drivers",
    "Does the command line keep out a driver that the machine needs?",
    "module_blacklist=, modprobe.blacklist=, rd.driver.blacklist= (dracut) and blacklist= "
    "(initramfs-tools) on the command line, and among the words that dracut keeps in its initrd; "
    "what the running command line has as well does not count",
    forceable=True,
    for_crash=False,
    rule="the kernel loads no module that module_blacklist= names (kernel/module/main.c); modprobe "
    "and udev load none for a device that the others name (modprobe.d(5))",
)
def blacklisted_drivers(subject: FitSubject) -> Iterator[Result]:
    """A driver that is there does nothing where it is not loaded."""
    initrd, running = subject.fit.initrd, parse(subject.host.cmdline)
    for purpose, what in ((Purpose.ROOT, "the root file system"), (Purpose.NETWORK, "the network")):
        found = all_kept_out(subject.fit.of(purpose), subject.kernel_words, initrd, running)
        if not found:
            continue
        words = listed(dict.fromkeys(word.text for _, word in found))
        text = f"{words} keeps out what {what} needs: {modules(fit for fit, _ in found)}"
        fatal = purpose is Purpose.ROOT or subject.host.remote is not None
        yield (fail if fatal else warn)(text, "Leave it out.")


@DRIVERS.check(
    "console-drivers",
    "Will the consoles be there?",
    f"/sys/class/tty/console/active, {_LOOKS_AT}",
    for_crash=False,
)
def console_drivers(subject: FitSubject) -> Result | None:
    """A console without a driver shows nothing of what goes wrong."""
    hint = "Nothing will be seen there of what goes wrong. Have another way in."
    return _attended(subject, Purpose.CONSOLE, ("a console in use", "the consoles"), hint)


@DRIVERS.check(
    "keyboard-drivers",
    "Will the USB keyboard work?",
    f"/proc/bus/input/devices, {_LOOKS_AT}",
    for_crash=False,
)
def keyboard_drivers(subject: FitSubject) -> Result | None:
    """A passphrase, or a shell of the initrd, needs it early."""
    hint = "Nobody can type at the machine's own console then."
    return _attended(subject, Purpose.KEYBOARD, ("the USB keyboard", "the USB keyboard"), hint)


def _attended(
    subject: FitSubject, purpose: Purpose, names: tuple[str, str], hint: str
) -> Result | None:
    """Judge what only somebody at the machine needs; `names` are those of one of it and of all."""
    needs = subject.fit.of(purpose)
    missing = [fit for fit in needs if fit.place is Place.MISSING]
    if missing:
        return warn(f"{subject.release} has no driver for {names[0]}: {modules(missing)}", hint)
    known = needs and all(fit.place is not Place.UNKNOWN for fit in needs)
    return passed(f"Drivers of {names[1]}: {_places(needs)}") if known else None


@DRIVERS.check(
    "firmware-files",
    "Do the drivers find their firmware files?",
    "firmware= in the modules, /usr/lib/firmware, lib/firmware in the initrd",
    for_crash=False,
    rule="a driver looks in /lib/firmware of the root that is mounted then, the initrd's at first "
    "(Documentation/driver-api/firmware/fw_search_path.rst)",
)
def firmware_files(subject: FitSubject) -> Iterator[Result]:
    """Only of drivers whose files the running kernel has; a newer driver may ask for others."""
    for one in subject.fit.firmware:
        place = (
            "in the initrd, which it is loaded from" if one.in_initrd else "in /usr/lib/firmware"
        )
        yield warn(
            f"{printable(one.module, 64)} of {subject.release} finds none of its firmware files "
            f"{place}: {listed(one.files)}",
            "Install them, and make the initrd again.",
        )


def _missing(subject: FitSubject, needs: Iterable[NeedFit]) -> Iterator[Result]:
    missing = [fit for fit in needs if fit.place is Place.MISSING]
    if missing:
        yield fail(
            f"{subject.release} cannot reach the root file system: it has no {modules(missing)}",
            _remedy(subject, missing),
        )


def _remedy(subject: FitSubject, missing: Iterable[NeedFit]) -> str:
    outside = [fit for fit in missing if fit.out_of_tree]
    if outside:
        return (
            f"{modules(outside)} is not built with the kernel: build it for this one (dkms "
            f"autoinstall -k {subject.release}), and make its initrd again."
        )
    return "Choose another kernel (of the generic flavour, say), or install the modules for it."


def _make_initrd(subject: FitSubject, fits: Iterable[NeedFit]) -> str:
    names = " ".join(dict.fromkeys(fit.module for fit in fits if fit.module))
    if subject.fit.initrd is None:
        return "Give it an initrd that has them."
    return (
        f"Make its initrd again, with them (update-initramfs -u -k {subject.release}; dracut "
        f"--force --add-drivers '{names}' --kver {subject.release})."
    )


def _why(subject: FitSubject) -> str:
    if subject.fit.release is None:
        return "no file says its release"
    if not subject.fit.known:
        return "there is no index of its modules, neither in /usr/lib/modules nor in the initrd"
    initrd = subject.fit.initrd
    if initrd is not None and initrd.problem:
        return f"of the initrd, {initrd.problem}"
    if not subject.fit.same_root:
        return "it mounts another root than the running kernel"
    return "the lists of modules are not complete, of the running kernel or of this one"


def _places(fits: Iterable[NeedFit]) -> str:
    by_place: dict[Place, list[str]] = {}
    for fit in fits:
        by_place.setdefault(fit.place, []).append(fit.module or fit.need.what)
    return "; ".join(f"{listed(dict.fromkeys(n))} {place}" for place, n in by_place.items())
