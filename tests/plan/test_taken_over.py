"""Who is told that a kernel installed while a trial's words are on the line would get them."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.files import put

from warmboot.core.boot.entry import Kind
from warmboot.core.boot.root import BootRoot
from warmboot.core.plan.trial.taken_over import taken_over
from warmboot.core.session import open_session
from warmboot.core.values import replace


@pytest.mark.parametrize("kind", [Kind.BLS, Kind.UKI, Kind.GRUB, None])
@pytest.mark.parametrize("program", [True, False])
@pytest.mark.parametrize("kept", [None, "etc/kernel/cmdline", "usr/lib/kernel/cmdline"])
def test_only_entries_of_kernel_install_that_no_file_keeps_are_in_danger(
    sandbox: Path, kind: Kind | None, program: bool, kept: str | None
) -> None:
    entries = open_session(sandbox).entries().entries
    made = tuple(replace(entry, kind=kind) for entry in entries) if kind else ()
    if program:
        put(sandbox, "usr/bin/kernel-install", "")
    if kept is not None:
        put(sandbox, kept, "root=/dev/vda2 ro\n")
    said = taken_over(BootRoot(sandbox), made)
    danger = program and kept is None and kind in (Kind.BLS, Kind.UKI)
    assert (said is not None) is danger
