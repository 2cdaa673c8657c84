"""Two kernels side by side: command lines, build options, and how each fits this machine."""

from __future__ import annotations

from collections.abc import Mapping

from warmboot.core.boot.cmdline import Difference, compare, reusable
from warmboot.core.boot.entry import Listing
from warmboot.core.debug import debug
from warmboot.core.errors import Cancelled, WarmbootError
from warmboot.core.fit.build_options import OptionDifference, count, differences
from warmboot.core.fit.initrd_contents import InitrdContents
from warmboot.core.fit.kernel_fit import Demand, Kernel, KernelFit, judge_fit, read_demand
from warmboot.core.hints import Protocol
from warmboot.core.host import Host
from warmboot.core.host.essentials import Essentials
from warmboot.core.plan.planner import OpenPlan, fit_of
from warmboot.core.plan.request import PlanRequest
from warmboot.core.record.forecast import Forecast
from warmboot.core.values import NamedTuple


class Side(NamedTuple):
    """One of the kernels that are compared; `options` are None where no file says them.

    `entry` is the id of its entry, None without one; `running`: it is the one that runs now.
    `initrd` is what its initrds hold, None without any.
    """

    entry: str | None
    running: bool
    release: str | None
    cmdline: str
    initrd_bytes: int
    initrd: InitrdContents | None
    options: Mapping[str, str] | None
    fit: KernelFit


class Comparison(NamedTuple):
    """What `new` has other than `old`. `essentials` is what this machine needs of `new`.

    `words` are all words of both command lines. `options` are the build options that differ and
    matter, `options_differing` the number of all that differ; None where either is not known.
    `forecast` is how long a restart takes here.
    """

    old: Side
    new: Side
    essentials: Essentials
    words: tuple[Difference, ...]
    options: tuple[OptionDifference, ...]
    options_differing: int | None
    forecast: Forecast = Forecast()


class Planner(Protocol):
    """What makes plans and knows the entries: the session."""

    @property
    def host(self) -> Host: ...

    def entries(self) -> Listing: ...

    def forecast(self) -> Forecast: ...

    def plan(self, request: PlanRequest, *, fit: bool) -> OpenPlan: ...


def compare_requests(
    session: Planner, request: PlanRequest, other: PlanRequest | None
) -> Comparison:
    """Return what a kernel has other than the running one, or `other` other than `request`.

    Raises WarmbootError as plans do.
    """
    demand = read_demand(session.host)
    with session.plan(request, fit=False) as opened:
        chosen = side_of(opened, demand)
    if other is None:
        found = compare_sides(_running(session, demand), chosen)
    else:
        with session.plan(other, fit=False) as opened:
            found = compare_sides(chosen, side_of(opened, demand))
    return found._replace(forecast=session.forecast())


def _running(session: Planner, demand: Demand) -> Side:
    """Return the running kernel by its entry, or without where that cannot be opened."""
    entry = next((one for one in session.entries().entries if one.running), None)
    if entry is None:
        return running_side(session.host, demand)
    try:
        with session.plan(PlanRequest(entry=entry.id), fit=False) as opened:
            return side_of(opened, demand, running=True)
    except Cancelled:
        raise
    except WarmbootError as error:
        debug("the running entry %s cannot be opened: %s", entry.id, error.message)
        return running_side(session.host, demand)


def side_of(opened: OpenPlan, demand: Demand, *, running: bool = False) -> Side:
    """Return the side that an open plan is; its initrds are read."""
    plan, files, context = opened.plan, opened.files, opened.context
    cmdline = reusable(context.host.cmdline) if running else plan.cmdline.text
    options = files.options
    if files.release == context.host.release:
        options = options or context.host.config
    return Side(
        entry=plan.entry,
        running=running,
        release=files.release,
        cmdline=cmdline,
        initrd_bytes=plan.initrd_bytes,
        initrd=files.contents,
        options=options,
        fit=fit_of(files, cmdline, context, demand),
    )


def running_side(host: Host, demand: Demand) -> Side:
    """Return the running kernel where no entry is known for it: its initrd is not known either."""
    kernel = Kernel(host.release, demand.modules, None)
    return Side(
        entry=None,
        running=True,
        release=host.release,
        cmdline=reusable(host.cmdline),
        initrd_bytes=0,
        initrd=None,
        options=host.config,
        fit=judge_fit(demand, kernel),
    )


def compare_sides(old: Side, new: Side) -> Comparison:
    """Return what `new` has other than `old`."""
    known = old.options is not None and new.options is not None
    before, after = old.options or {}, new.options or {}
    return Comparison(
        old=old,
        new=new,
        essentials=new.fit.essentials,
        words=compare(old.cmdline, new.cmdline),
        options=differences(before, after) if known else (),
        options_differing=count(before, after) if known else None,
    )
