"""The session: entries, plans, staging, restarts and records of one machine, for a front end.

What only some commands do is imported where it is done: a list does not wait for the loader.
"""

from __future__ import annotations

from functools import cached_property, partial
from pathlib import Path

from warmboot.core.debug import step
from warmboot.core.errors import Blocked, WarmbootError
from warmboot.core.hints import TYPE_CHECKING
from warmboot.core.progress import Report, ignore
from warmboot.core.session.machine import Machine
from warmboot.core.values import NamedTuple, replace

if TYPE_CHECKING:
    from warmboot.core.boot.entry import Entry, Listing
    from warmboot.core.boot.listed_entry import ListedEntry
    from warmboot.core.bpf.abi import Dialect
    from warmboot.core.bpf.detect import Detection
    from warmboot.core.load.prepared import Prepared
    from warmboot.core.plan.checks.base import Finding
    from warmboot.core.plan.command_line import CommandLine
    from warmboot.core.plan.context import PlanContext
    from warmboot.core.plan.plan import Plan
    from warmboot.core.plan.planner import OpenPlan
    from warmboot.core.plan.request import PlanRequest
    from warmboot.core.plan.staged import Staged
    from warmboot.core.plan.startable import Standing
    from warmboot.core.progress import Cancel
    from warmboot.core.record.forecast import Forecast
    from warmboot.core.record.history import Step
    from warmboot.core.record.journal import Line
    from warmboot.core.session.comparison import Comparison
    from warmboot.core.session.images import Images
    from warmboot.core.session.needs_restart import NeedsRestart
    from warmboot.core.session.parsers import Parsers
    from warmboot.core.session.restarts import Restarts
    from warmboot.core.session.status import Status
    from warmboot.core.session.trials import Trials


class CmdlineReview(NamedTuple):
    """A command line, what its checks say, and what it was chosen and compared with."""

    entry: str | None
    line: CommandLine
    findings: tuple[Finding, ...]
    context: PlanContext


class Evidence(NamedTuple):
    """What a bug report is made of. `plan` is None where none was asked for or `problem` says why
    there is none."""

    status: Status
    plan: Plan | None
    problem: WarmbootError | None
    journal: tuple[Line, ...]
    kernel_log: tuple[str, ...]


class Session(Machine):
    """One machine and one boot root, and everything that can be asked of them."""

    @cached_property
    def restarts(self) -> Restarts:
        """Restarts into what is staged: now, and later."""
        from warmboot.core.session.restarts import Restarts

        return Restarts(self)

    @cached_property
    def trials(self) -> Trials:
        """Restarts on trial: begun here, and confirmed in the new system."""
        from warmboot.core.session.trials import Trials

        return Trials(self, self.restarts, self.plan, self.entries)

    # What is installed --------------------------------------------------------------------

    def entries(self) -> Listing:
        """Return what is installed below the boot root, and the places that were searched."""
        from warmboot.core.session.entries import find

        return find(self, self.root)

    def rows(self) -> tuple[Listing, tuple[ListedEntry, ...]]:
        """As `entries`, with the `header` of each; a kernel is read once for both."""
        from warmboot.core.session.entries import rows

        return rows(self, self.dialect)

    def entry(self, name: str) -> Entry:
        """Return the entry called `name`; raises NotFound with the nearest names.

        See warmboot.core.boot.resolve. The newest is that of those which can be started here.
        """
        from warmboot.core.boot.resolve import Selector, resolve_entry

        listing, rows = self.rows() if name == Selector.NEWEST else (self.entries(), ())
        if name == Selector.NEWEST:
            usable = tuple(row.entry for row in rows if row.obstacle is None)
            listing = replace(listing, entries=usable)
        previous = None
        if name == Selector.PREVIOUS:
            last = self.status().last_restart
            previous = last.before if last else None
        return resolve_entry(listing, name, previous=previous)

    def header(self, entry: Entry) -> ListedEntry:
        """Return an entry with what its image's header says, and whether it can be started here.

        Never raises for a bad file.
        """
        from warmboot.core.boot.listed_entry import read_header
        from warmboot.core.plan.startable import with_obstacle

        row = read_header(self.root, entry)
        return with_obstacle(row, self.root, self.host, self.dialect)

    @cached_property
    def dialect(self) -> Dialect | None:
        """What the running kernel's parser interface speaks, None where it has none."""
        from warmboot.core.plan.way import read_dialect

        return read_dialect(self.host)

    def standing(self, entry: Entry, context: PlanContext) -> Standing:
        """Return what `doctor ENTRY` has against an entry; raises WarmbootError without a plan."""
        from warmboot.core.plan.startable import judge

        return judge(entry, self.root, context, self.cancel)

    def needs_restart(self) -> NeedsRestart:
        """Return what speaks for a restart; see warmboot.core.session.needs_restart."""
        from warmboot.core.session.needs_restart import needs_restart

        return needs_restart(self, self.rows()[1], self.images.inspect)

    @cached_property
    def images(self) -> Images:
        """Images and initrds, by path or by the name of an entry."""
        from warmboot.core.session.images import Images

        return Images(self.root, self.entry, simulated=self.simulated)

    @cached_property
    def parsers(self) -> Parsers:
        """Parsers for kernels that unpack images themselves."""
        from warmboot.core.host.memory import read_memory_available
        from warmboot.core.session.parsers import Parsers

        return Parsers(self.images.open, partial(read_memory_available, self.host.prefix))

    # From a request to what is staged -----------------------------------------------------

    def context(self, *, fit: bool = True) -> PlanContext:
        """Read the machine as plans see it; `fit`: whether kernels fit it is to be judged."""
        from warmboot.core.plan.context import read_context

        name, foreign = self.loader.name, self.foreign_root
        with step("the machine"):
            return read_context(self.root, self.host, name, foreign_root=foreign, fit=fit)

    def plan(self, request: PlanRequest, *, fit: bool = True) -> OpenPlan:
        """Open what is asked for and return its plan; the caller closes it. Raises WarmbootError.

        `fit`: judge whether the kernel fits the machine, for which its initrds are read. Without an
        entry or a kernel, the only entry there is is meant. Raises WrongArgument too, where a check
        is forced that is not there or cannot be.
        """
        from warmboot.core.plan.boot_files import BootFiles
        from warmboot.core.plan.checks.registry import forced_checks
        from warmboot.core.plan.planner import OpenPlan

        request = request._replace(forced=forced_checks(request.forced))
        entry, prefix = self._entry_of(request), self.host.prefix
        files = BootFiles.open(self.root, request, entry, prefix, self.cancel)
        try:
            return OpenPlan(request, files, self.context(fit=fit))
        except BaseException:
            files.close()
            raise

    def command_line(self, request: PlanRequest) -> CmdlineReview:
        """Return the command line that a request comes to, and what is to be said of it.

        Without an entry or a kernel it is the running kernel's, or what was typed. Raises
        WarmbootError also where the file of presets is broken.
        """
        from warmboot.core.plan.checks.registry import judge_cmdline
        from warmboot.core.plan.command_line import choose_cmdline

        entry = release = None
        if request.entry is None and request.kernel is None:
            context = self.context(fit=False)
            line = choose_cmdline(request, context)
        else:
            with self.plan(request._replace(initrds=()), fit=False) as opened:
                line, context, entry = opened.plan.cmdline, opened.context, opened.plan.entry
                release = opened.plan.files.release
        if context.presets_problem is not None:
            raise context.presets_problem
        findings = judge_cmdline(line.text, context, release, crash=request.panic)
        return CmdlineReview(entry, line, findings, context)

    def compare(self, request: PlanRequest, other: PlanRequest | None = None) -> Comparison:
        """Return what a kernel has other than the running one, or `other` other than `request`.

        The initrds of both are read. Raises WarmbootError as `plan` does.
        """
        from warmboot.core.session.comparison import compare_requests

        return compare_requests(self, request, other)

    def doctor(self, request: PlanRequest | None = None) -> tuple[Finding, ...]:
        """Return what every check says of the machine, or of the plan for a request."""
        if request is not None:
            with self.plan(request) as opened:
                return opened.plan.findings
        from warmboot.core.host.live_state import read_live_state
        from warmboot.core.plan.checks.registry import judge_machine

        return judge_machine(self.host, read_live_state(self.host.prefix))

    def prepare(
        self,
        opened: OpenPlan,
        *,
        report: Report = ignore,
        cancel: Cancel | None = None,
        previewed: str | None = None,
        rehearsal: bool = False,
        if_needed: bool = False,
        exact: bool = False,
    ) -> Prepared:
        """Do everything before the call; see warmboot.core.load.stage.prepare.

        Raises Blocked or NotPermitted where a check forbids it; a `rehearsal` needs no privilege,
        and `if_needed` nothing at all where just this is staged already (see already_staged).
        """
        from warmboot.core.session.staging import prepare_checked

        return prepare_checked(
            self,
            opened,
            report,
            cancel,
            previewed,
            rehearsal=rehearsal,
            if_needed=if_needed,
            exact=exact or if_needed,
        )

    def stage(self, prepared: Prepared, *, report: Report = ignore) -> tuple[Staged, str | None]:
        """Stage what is prepared; see warmboot.core.session.staging.stage."""
        from warmboot.core.session.staging import stage

        return stage(self, prepared, report=report)

    def already_staged(self, prepared: Prepared) -> Staged | None:
        """Return what is staged now where it is just what is prepared, else None.

        None too where the kernel or the journal does not tell, or a digest is not known. Waits for
        the digests. Raises ImageError.
        """
        from warmboot.core.session.staging import already_staged

        return already_staged(self, prepared)

    def unload(self, *, panic: bool = False) -> str | None:
        """Take out what is staged; see warmboot.core.session.staging.unload."""
        from warmboot.core.session.staging import unload

        return unload(self, panic=panic)

    # What was done ------------------------------------------------------------------------

    def status(self) -> Status:
        """Return what is staged now, what is about to happen, and what the last restart did."""
        from warmboot.core.session.status import read_status

        return read_status(self)

    def history(self) -> tuple[Step, ...]:
        """Return every step that the journal tells of, oldest first, with what became of it."""
        from warmboot.core.record.history import read_history

        return read_history(self.journal.lines(), self.host)

    def forecast(self) -> Forecast:
        """Return how long a restart takes here, as far as history tells."""
        from warmboot.core.record.forecast import read_forecast

        return read_forecast(self.history(), self.host)

    @cached_property
    def parser_interface(self) -> Detection:
        """What the running kernel offers for parsers; it stays so as long as the kernel runs."""
        from warmboot.core.bpf.detect import detect

        return detect(self.host.prefix, self.host.config)

    def records(self, limit: int | None = None) -> tuple[Line, ...]:
        """Return the journal's lines, oldest first, at most the last `limit`."""
        return tuple(self.journal.lines(limit))

    def evidence(self, request: PlanRequest | None = None) -> Evidence:
        """Return what a bug report is made of, with the plan for a request or why there is none."""
        from warmboot.core.host.kmsg import last_lines

        plan, problem = None, None
        if request is not None:
            try:
                with self.plan(request) as opened:
                    plan = opened.plan
            except WarmbootError as error:
                problem = error
        log = tuple(last_lines(self.host.prefix, 300))
        return Evidence(self.status(), plan, problem, self.records(200), log)

    def save_report(self, content: str, path: Path | None = None) -> Path:
        """Write a report that only its owner may read; see warmboot.core.record.report.save."""
        from warmboot.core.record.report import save

        return save(self.host.prefix, content, path)

    def _entry_of(self, request: PlanRequest) -> Entry | None:
        """Return the entry meant: the named one, none for a kernel, or the only one there is."""
        if request.entry is not None:
            entry = self.entry(request.entry)
            if entry.problem and request.kernel is None and self.root.exists(entry.kernel):
                raise Blocked(
                    f"The entry {entry.id} cannot be used: {entry.problem}",
                    hint="Name its kernel and initrd with --kernel and --initrd.",
                )
            return entry
        if request.kernel is not None:
            return None
        from warmboot.core.boot.resolve import only_entry

        return only_entry(self.entries())
