"""Checks of the drivers that this machine needs to come back: does the new kernel have them?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from warmboot.core.boot.cmdline import Word, parse
from warmboot.core.fit.kernel_fit import NeedFit, Place
from warmboot.core.host.essentials import Purpose
from warmboot.core.plan.checks.base import Group, Result, fail, passed, warn
from warmboot.core.plan.checks.fit_subject import FitSubject, listed, modules
from warmboot.core.text import printable

DRIVERS = Group[FitSubject]()

_LOOKS_AT = (
    "modalias and driver in /sys, modules.alias, modules.dep and modules.builtin of the kernel"
)
#: Words that name modules which the kernel never loads, and those that are not loaded by themselves
#: (kmod; dracut; initramfs-tools). The initrd may load the latter all the same.
_NEVER = "module_blacklist"
_NOT_BY_THEMSELVES = ("modprobe.blacklist", "rd.driver.blacklist", "blacklist")


@DRIVERS.check(
    "root-drivers",
    "Can the new kernel reach the root file system?",
    "/proc/self/mountinfo (/, /usr and the layers of an overlay), slaves in /sys/block, devices of "
    f"9p, virtiofs and flash, the route to a server, supplier:* in /sys/devices, {_LOOKS_AT}, its "
    "initrd, words that keep modules out",
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
    wants = list(dict.fromkeys(name for fit in needs for name in fit.wants))
    if wants:
        yield warn(
            f"The initrd has drivers of the root file system, but not what they ask for while they "
            f"run: {listed(wants)}",
            _make_initrd(subject, needs),
        )
    kept_out = list(_kept_out(subject, needs))
    yield from kept_out
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
    doubtful = problem is not None or supply or wants or kept_out
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
    kept_out = list(_kept_out(subject, needs))
    yield from kept_out
    if missing:
        names = listed(one.name for one in subject.essentials.interfaces)
        text = f"{subject.release} has no driver for the network ({names}): {modules(missing)}"
        remote = subject.host.remote
        if remote is None:
            yield warn(text, _remedy(subject, missing))
        else:
            yield fail(f"{text}; you are logged in over it", _remedy(subject, missing))
    elif needs and all(fit.place is not Place.UNKNOWN for fit in needs):
        if kept_out:
            return
        yield passed(f"Drivers of the network: {_places(needs)}")
    elif needs and subject.host.remote is not None:
        yield warn(
            f"Whether {subject.release} has the drivers of the network is not known: "
            f"{_why(subject)}",
            f"You are logged in over it. Make sure that there is: {modules(needs)}.",
        )


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


def _kept_out(subject: FitSubject, needs: Iterable[NeedFit]) -> Iterator[Result]:
    """Yield what is said of drivers that the command line names, so that they are not loaded.

    A word that the running kernel has too was of no consequence.
    """
    loadable = [fit for fit in needs if fit.place in (Place.INITRD, Place.INSTALLED)]
    before = {(word, name) for word, name in _named(parse(subject.host.cmdline))}
    now = {(word, name) for word, name in _named(subject.kernel_words)} - before
    for word in dict.fromkeys(word for word, _ in sorted(now)):
        kept = [fit for fit in loadable if (word, fit.module) in now]
        if not kept:
            continue
        purpose = "root file system" if kept[0].need.purpose is Purpose.ROOT else "network"
        certain = word == _NEVER and (purpose != "network" or subject.host.remote is not None)
        yield (fail if certain else warn)(
            f"{word}= on the command line keeps drivers of the {purpose} from being loaded: "
            f"{modules(kept)}",
            f"Take them off {word}=.",
        )


def _named(words: Iterable[Word]) -> Iterator[tuple[str, str]]:
    """Yield the words that keep modules from being loaded, with the name of each module."""
    for word in words:
        if word.name in (_NEVER, *_NOT_BY_THEMSELVES):
            for name in (word.value or "").split(","):
                yield word.name, name.strip().replace("-", "_")


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
