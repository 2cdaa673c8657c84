"""The answer of ``warmboot compare``."""

from __future__ import annotations

from warmboot.core.fit.build_options import OptionDifference, Turn
from warmboot.core.fit.firmware import MissingFirmware
from warmboot.core.fit.kernel_fit import NeedFit, Place
from warmboot.core.hints import Annotated, Literal, TypedDict
from warmboot.core.host.essentials import Essentials, Need, Purpose
from warmboot.core.host.interfaces import Interface
from warmboot.core.host.network_setup import Setup
from warmboot.core.host.root_features import Feature
from warmboot.core.host.root_layers import Layer, Volume
from warmboot.core.session.comparison import Comparison, Side
from warmboot.tui.present.answers.cmdline import DifferenceFields, difference_fields
from warmboot.tui.present.answers.declare import SCHEMA, Answer


class NeedFields(TypedDict):
    """A driver that this machine needs to come back."""

    purpose: Annotated[Purpose, "what it is needed for"]
    what: Annotated[str, "the device, or the kind of thing, that it is for"]
    modalias: Annotated[
        str | None, "what its module is looked for by; null where only its name counts"
    ]
    driver: Annotated[str | None, "its name in the running kernel; null where it has none there"]
    module: Annotated[str | None, "its module in the running kernel; null where none is known"]


class NeedFitFields(TypedDict):
    """Where a kernel has a driver that this machine needs."""

    need: Annotated[NeedFields, "the driver"]
    place: Annotated[Place, "where the kernel has it"]
    module: Annotated[str | None, "the module that serves it; null where none does"]
    lacks: Annotated[list[str], "modules that it needs and the initrd has not"]
    out_of_tree: Annotated[bool, "whether it is not built with the kernel (DKMS and the like)"]


class FirmwareFields(TypedDict):
    """A driver that finds none of its firmware files, where the running kernel's found some."""

    module: Annotated[str, "name of the module"]
    files: Annotated[list[str], "the files that it may ask for"]
    in_initrd: Annotated[bool, "whether it looks for them in the initrd"]


class FeatureFields(TypedDict):
    """A feature of the root file system."""

    name: Annotated[str, "its name"]
    since: Annotated[str, "the version of Linux that brought it"]


class SideFields(TypedDict):
    """One of the kernels that are compared."""

    entry: Annotated[str | None, "id of its entry; null without one"]
    running: Annotated[bool, "whether it is the one that runs now"]
    release: Annotated[str | None, "its release; null where nothing tells it"]
    cmdline: Annotated[str, "its command line"]
    initrd_bytes: Annotated[int, "bytes of its initrds together; 0 without, or where not known"]
    initrd_releases: Annotated[list[str], "the kernels that its initrds have modules for"]
    initrd_problem: Annotated[
        str | None, "why not all files of the initrds are known; null where they are"
    ]
    microcode: Annotated[
        bool | None, "whether its initrds have early microcode; null where there are none"
    ]
    options_known: Annotated[bool, "whether its build options are known"]
    modules_known: Annotated[bool, "whether there is an index of its modules"]
    needs: Annotated[list[NeedFitFields], "where it has what this machine needs"]
    firmware: Annotated[list[FirmwareFields], "drivers that find none of their firmware files"]
    left_behind: Annotated[
        list[str], "modules that are loaded now, not built with the kernel, and missing there"
    ]


class OptionDifferenceFields(TypedDict):
    """A build option that differs, and matters."""

    name: Annotated[str, "the option, without CONFIG_"]
    old: Annotated[str | None, "its value in the first kernel; null where it is not set"]
    new: Annotated[str | None, "its value in the second kernel; null where it is not set"]
    turn: Annotated[Turn, "what happens to it"]
    meaning: Annotated[str, "what follows for the second kernel"]


class VolumeFields(TypedDict):
    """A block device between the root file system and its disks."""

    name: Annotated[str, "its name"]
    kind: Annotated[Layer, "what it is"]
    below: Annotated[list[str], "names of the devices that it is made of"]


class SetupFields(TypedDict):
    """What is configured to give a network interface its address."""

    manager: Annotated[str, "the program that follows the file"]
    file: Annotated[str, "path of the file"]
    static: Annotated[bool, "whether an address stands in it"]
    dynamic: Annotated[bool, "whether it asks for one (DHCP, router advertisements)"]
    names: Annotated[
        list[str], "patterns of the names that it serves; empty where it goes by something else"
    ]


class InterfaceFields(TypedDict):
    """A network interface that this machine is reached by."""

    name: Annotated[str, "its name"]
    default: Annotated[bool, "whether it carries a default route"]
    remote: Annotated[bool, "whether it is the way to the operator's login over the network"]
    dhcp: Annotated[bool | None, "whether a DHCP client has a lease for it; null if not known"]
    setups: Annotated[list[SetupFields], "what is configured for it"]


class EssentialsFields(TypedDict):
    """What this machine stands on."""

    root_type: Annotated[str, "type of the root file system"]
    root_source: Annotated[str, "what it is mounted from"]
    root_problem: Annotated[str | None, "why its disks are not known; null where they are"]
    volumes: Annotated[list[VolumeFields], "the layers between, the uppermost first"]
    interfaces: Annotated[list[InterfaceFields], "network interfaces that matter"]
    features: Annotated[
        list[FeatureFields] | None,
        "features of the root file system; null where they cannot be read",
    ]


class ForecastFields(TypedDict):
    """How long a restart takes here, in seconds, as far as records tell."""

    kexec: Annotated[
        list[float], "the last times from a restart by kexec to the start of the next kernel"
    ]
    startup: Annotated[
        float | None,
        "how long after its kernel the running system had started everything; null if not known",
    ]
    firmware: Annotated[
        float | None,
        "what firmware and boot loader took when they last started it; null if not known",
    ]


class CompareAnswer(Answer):
    """What the second kernel has other than the first."""

    command: Annotated[Literal["compare"], "the command that answers"]
    old: Annotated[SideFields, "the first kernel"]
    new: Annotated[SideFields, "the second kernel"]
    essentials: Annotated[EssentialsFields, "what this machine stands on"]
    words: Annotated[list[DifferenceFields], "the words of both command lines"]
    options: Annotated[list[OptionDifferenceFields], "build options that differ and matter"]
    options_differing: Annotated[
        int | None, "how many build options differ in all; null where not known"
    ]
    forecast: Annotated[ForecastFields, "how long a restart takes here"]


def compare_answer(found: Comparison, *, simulated: bool) -> CompareAnswer:
    """Return the answer."""
    return {
        "schema": SCHEMA,
        "command": "compare",
        "simulated": simulated,
        "old": _side(found.old),
        "new": _side(found.new),
        "essentials": _essentials(found.essentials),
        "words": [difference_fields(one) for one in found.words],
        "options": [_option(one) for one in found.options],
        "options_differing": found.options_differing,
        "forecast": {
            "kexec": list(found.forecast.kexec),
            "startup": found.forecast.startup,
            "firmware": found.forecast.firmware,
        },
    }


def _side(side: Side) -> SideFields:
    initrd = side.initrd
    return {
        "entry": side.entry,
        "running": side.running,
        "release": side.release,
        "cmdline": side.cmdline,
        "initrd_bytes": side.initrd_bytes,
        "initrd_releases": list(initrd.releases) if initrd else [],
        "initrd_problem": initrd.problem if initrd else None,
        "microcode": initrd.microcode if initrd else None,
        "options_known": side.options is not None,
        "modules_known": side.fit.known,
        "needs": [_fit(one) for one in side.fit.needs],
        "firmware": [_firmware(one) for one in side.fit.firmware],
        "left_behind": list(side.fit.left_behind),
    }


def _fit(fit: NeedFit) -> NeedFitFields:
    return {
        "need": _need(fit.need),
        "place": fit.place,
        "module": fit.module,
        "lacks": list(fit.lacks),
        "out_of_tree": fit.out_of_tree,
    }


def _need(need: Need) -> NeedFields:
    return {
        "purpose": need.purpose,
        "what": need.what,
        "modalias": need.modalias,
        "driver": need.driver,
        "module": need.module,
    }


def _option(one: OptionDifference) -> OptionDifferenceFields:
    return {
        "name": one.name,
        "old": one.old,
        "new": one.new,
        "turn": one.turn,
        "meaning": one.meaning,
    }


def _essentials(found: Essentials) -> EssentialsFields:
    return {
        "root_type": found.root.type,
        "root_source": found.root.source,
        "root_problem": found.root.problem,
        "volumes": [_volume(one) for one in found.root.volumes],
        "interfaces": [_interface(one) for one in found.interfaces],
        "features": None if found.features is None else [_feature(x) for x in found.features],
    }


def _firmware(one: MissingFirmware) -> FirmwareFields:
    return {"module": one.module, "files": list(one.files), "in_initrd": one.in_initrd}


def _feature(one: Feature) -> FeatureFields:
    return {"name": one.name, "since": ".".join(map(str, one.since))}


def _volume(one: Volume) -> VolumeFields:
    return {"name": one.name, "kind": one.kind, "below": list(one.below)}


def _interface(one: Interface) -> InterfaceFields:
    return {
        "name": one.name,
        "default": one.default,
        "remote": one.remote,
        "dhcp": one.dhcp,
        "setups": [_setup(setup) for setup in one.setups],
    }


def _setup(one: Setup) -> SetupFields:
    return {
        "manager": one.manager,
        "file": one.file,
        "static": one.static,
        "dynamic": one.dynamic,
        "names": list(one.names),
    }
