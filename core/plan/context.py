"""What a plan is judged by beside the request and its files: read once for each plan screen."""

from __future__ import annotations

import os
from collections.abc import Mapping

from warmboot.core.boot.cmdline import installed
from warmboot.core.boot.cmdline_context import CmdlineContext, read_cmdline_context
from warmboot.core.boot.presets import Preset, built_in, read_presets
from warmboot.core.boot.root import BootRoot
from warmboot.core.configfile import config_files
from warmboot.core.errors import WarmbootError
from warmboot.core.fit.kernel_fit import Demand, read_demand
from warmboot.core.hints import TYPE_CHECKING
from warmboot.core.host import Host
from warmboot.core.host.live_state import LiveState, read_live_state
from warmboot.core.images import Method
from warmboot.core.images.devicetree import Board
from warmboot.core.plan.way import read_dialect
from warmboot.core.values import NamedTuple

if TYPE_CHECKING:
    from warmboot.core.bpf.abi import Dialect


class InitrdHead(NamedTuple):
    """How an initrd begins: its size in bytes, how its first archive is compressed (None: it is
    not), and why the kernel finds none there; `strange`: its form is not known at all."""

    name: str
    size: int
    method: Method | None
    problem: str | None
    strange: bool = False


class PlanContext(NamedTuple):
    """The machine as a plan sees it.

    `loader` is the name of the machine's own loader. `dialect` is what the running kernel's parser
    interface speaks, None where it has none. `installed` is the command line in the root's
    /etc/kernel/cmdline. `foreign_root`: the boot root is that of another system. `live` is None
    where it was not read. `presets_problem` is what is wrong with the file of presets; `presets`
    are then the built-in ones. `initrds` is how the initrds of a plan begin, and `kernel_options`
    are the build options of its kernel, None where they are not known. `inner_signed`: the kernel
    inside the plan's UKI carries a signature of its own. `decompressor`: what the kernel would take
    to unpack the plan's payload, in bytes beside the output. `payload_refused`: why its
    decompressors do not take it, None where they do, or need not. `boards`: the one that the
    plan's device tree is for, and the one that runs, None where either is not known. `demand` is
    what the machine needs to come back, None where it was not read.
    """

    host: Host
    loader: str
    live: LiveState | None = None
    cmdline: CmdlineContext | None = None
    dialect: Dialect | None = None
    installed: str | None = None
    foreign_root: bool = False
    presets: tuple[Preset, ...] = ()
    presets_problem: WarmbootError | None = None
    initrds: tuple[InitrdHead, ...] = ()
    kernel_options: Mapping[str, str] | None = None
    inner_signed: bool | None = None
    decompressor: int = 0
    payload_refused: str | None = None
    boards: tuple[Board, Board] | None = None
    demand: Demand | None = None


def read_context(
    root: BootRoot, host: Host, loader: str, *, foreign_root: bool, fit: bool = True
) -> PlanContext:
    """Read all of it; takes some milliseconds, and systemd's answer on top.

    `fit`: it is to be judged whether a kernel fits the machine.
    """
    presets, problem = built_in(host.machine), None
    try:
        presets = read_presets(host.machine, config_files(os.environ, host.prefix))
    except WarmbootError as error:
        problem = error
    return PlanContext(
        host=host,
        loader=loader,
        live=read_live_state(host.prefix),
        cmdline=read_cmdline_context(host.prefix, root, host.machine),
        dialect=read_dialect(host),
        installed=installed(root),
        foreign_root=foreign_root,
        presets=presets,
        presets_problem=problem,
        demand=read_demand(host) if fit else None,
    )
