"""Whether a restart is needed: by what is installed, what would start and what became of files."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from support.files import put
from support.machines import RELEASE, make_machine, make_sandbox

from warmboot.core.boot.entry import Entry, Kind
from warmboot.core.boot.listed_entry import ListedEntry
from warmboot.core.errors import WrongArgument
from warmboot.core.host import Host, read_host
from warmboot.core.host.updates import Updates
from warmboot.core.session import Session, open_session
from warmboot.core.session.needs_restart import NeedsRestart, Why, judge

QUIET = Updates((), restart_wanted=False, unfinished=(), modules=())


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return read_host(make_machine(tmp_path))


def row(release: str, *, obstacle: str | None = None, **marks: bool) -> ListedEntry:
    entry = Entry(id=f"{release}.conf", title=release, kind=Kind.BLS, kernel=f"/{release}")
    return ListedEntry(replace(entry, release=release, **marks), obstacle=obstacle)  # type: ignore[arg-type]


def judged(
    host: Host, *rows: ListedEntry, rebuilt: bool = False, **updates: object
) -> NeedsRestart:
    found = replace(QUIET, **updates)  # type: ignore[arg-type]
    return judge(rows, host, found, lambda _: rebuilt)


def why(found: NeedsRestart) -> set[Why]:
    return {reason.why for reason in found.reasons}


def test_what_runs_is_what_is_installed(host: Host) -> None:
    found = judged(host, row(RELEASE, running=True, default=True), row("5.10.1"))
    assert found == NeedsRestart(RELEASE, RELEASE, RELEASE, ())


def test_every_combination_of_reasons_names_each_of_them(host: Host) -> None:
    """Each reason comes from one fact; no fact hides another's reason."""
    for newer, other, gone, asked, rebuilt in itertools.product((False, True), repeat=5):
        rows = [row(RELEASE, running=True, default=not other)]
        rows += [row("6.12.1")] if newer else []
        rows += [row("5.10.1", default=True)] if other else []
        modules = ("5.10.1",) if gone else (RELEASE,)
        found = judged(host, *rows, rebuilt=rebuilt, modules=modules, restart_wanted=asked)
        facts = {
            Why.NEWER: newer,
            Why.OTHER_DEFAULT: other,
            Why.REBUILT: rebuilt,
            Why.MODULES_GONE: gone,
            Why.PACKAGES: asked,
        }
        assert why(found) == {name for name, true in facts.items() if true}
        assert found.newest == ("6.12.1" if newer else RELEASE)


@pytest.mark.parametrize(
    "other", [row("6.12.1-rt"), row("6.12.1", obstacle="its kernel is missing")]
)
def test_what_is_no_update_is_no_reason(host: Host, other: ListedEntry) -> None:
    assert not judged(host, row(RELEASE, default=True), other).reasons


def test_what_is_chosen_for_the_next_start_counts_before_the_default(host: Host) -> None:
    once = row("5.10.1", next=True)
    assert judged(host, row(RELEASE, default=True), once).default == "5.10.1"


def test_another_build_of_the_release_that_runs_is_told_by_its_banner(tmp_path: Path) -> None:
    root = make_sandbox(tmp_path / "machine")
    put(root, "proc/sys/kernel/version", "#1 SMP Debian 6.1.0-1 (2026-01-01)")
    put(root, f"boot/vmlinuz-{RELEASE}", arm64_image("#1 SMP Debian 6.1.0-1 (2026-01-01)"))
    assert Why.REBUILT not in why(open_session(root).needs_restart())
    put(root, f"boot/vmlinuz-{RELEASE}", arm64_image("#2 SMP Debian 6.1.0-2 (2026-02-02)"))
    assert Why.REBUILT in why(open_session(root).needs_restart())
    put(root, f"boot/vmlinuz-{RELEASE}", b"damaged")
    assert Why.REBUILT not in why(open_session(root).needs_restart())


def test_another_system_s_root_is_not_judged(tmp_path: Path) -> None:
    session = Session(
        open_session(tmp_path).root,
        read_host(make_machine(tmp_path)),
        simulated=False,
        foreign_root=True,
    )
    with pytest.raises(WrongArgument):
        session.needs_restart()


def arm64_image(build: str) -> bytes:
    from warmboot.core.sandbox.builders.kernel import build_arm64_image

    raw = build_arm64_image(RELEASE, body_size=60_000)
    start = raw.index(b"Linux version")
    end = raw.index(b"\n", start)
    words = f"Linux version {RELEASE} (a@b) (gcc) {build}".encode()
    return raw[:start] + words + raw[end : end + len(raw) - start - len(words)]
