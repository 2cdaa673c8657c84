"""Loader, device tree and route, which depend on each other: for a plan, and for a list."""

from __future__ import annotations

from functools import partial

from warmboot.core.architecture import Architecture
from warmboot.core.hints import TYPE_CHECKING
from warmboot.core.host import Host
from warmboot.core.images import BootImage, Format
from warmboot.core.images.uki import Uki
from warmboot.core.plan.loader_choice import LoaderChoice, choose_loader
from warmboot.core.plan.request import Call
from warmboot.core.plan.route import Route, Strategy, choose_route
from warmboot.core.values import NamedTuple

if TYPE_CHECKING:  # a list needs routes, and no parsers
    from warmboot.core.bpf.abi import Dialect


class Wanted(NamedTuple):
    """What a way depends on beside the image: the device tree, and what the operator asks for.

    `devicetree` is its path, None for the one in use.
    """

    devicetree: str | None = None
    panic: bool = False
    loader: Call | None = None


class Way(NamedTuple):
    """The loader, the device tree that goes with it, and how the image gets into the kernel.

    `dialect` is that of the kernel's parser interface where the call runs parsers, else None.
    """

    chosen: LoaderChoice
    devicetree: str | None
    dialect: Dialect | None
    route: Route


def choose_way(
    image: BootImage,
    wanted: Wanted,
    host: Host,
    architecture: Architecture | None,
    dialect: Dialect | None,
    *,
    refused: bool = False,
) -> Way:
    """Return the way of an image into a kernel; `dialect` is of its parser interface.

    `refused`: the kernel's own decompressors do not take the payload.
    """
    chosen, devicetree = _loader(wanted, host, architecture, is_elf(image))
    if chosen.call is not Call.FILE:
        dialect = None  # the other calls take what is unpacked, and no parser
    route = choose_route(image, architecture, dialect, host, refused=refused)
    if chosen.call is None and route.strategy is not Strategy.NONE:
        route = Route(Strategy.NONE, chosen.why)
    return Way(chosen, devicetree, dialect, route)


def is_elf(image: BootImage) -> bool:
    """Whether an image, or the kernel in a UKI, is known to be an ELF kernel."""
    kernel = image.linux if isinstance(image, Uki) else image
    return kernel is not None and kernel.format is Format.ELF


def _loader(
    wanted: Wanted, host: Host, architecture: Architecture | None, elf: bool
) -> tuple[LoaderChoice, str | None]:
    """Return the loader and the device tree that goes with it.

    Where no loader takes the tree, the choice is made without: a check then stands against it.
    """
    choose = partial(
        choose_loader, host, architecture, panic=wanted.panic, elf=elf, wanted=wanted.loader
    )
    if wanted.devicetree is not None:
        chosen = choose(devicetree=True)
        if chosen.call is not None:
            return chosen, wanted.devicetree
    return choose(), None


def read_dialect(host: Host) -> Dialect | None:
    """Return what the running kernel's parser interface speaks, None where it has none."""
    if host.option("KEXEC_BPF") is False:
        return None
    from warmboot.core.bpf.detect import detect  # reads megabytes; few kernels have it

    return detect(host.prefix, host.config).dialect
