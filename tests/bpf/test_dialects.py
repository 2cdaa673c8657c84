"""Every dialect has its row, its module, its sources and its objects."""

from __future__ import annotations

import re
import subprocess
from importlib import resources
from pathlib import Path

import pytest
from support.tools import needs_tool

from warmboot.core.bpf import dialects
from warmboot.core.bpf.abi import Action, Command, Dialect, Kind, Target
from warmboot.core.bpf.dialects import facts_of
from warmboot.core.bpf.dialects.registry import DIALECTS
from warmboot.core.bpf.parsers import prebuilt_content, prebuilt_recipes
from warmboot.core.bpf.toolchain import Recipe, sources
from warmboot.core.sandbox.builders.btf import build_kernel_btf
from warmboot.core.sandbox.kernel_parsers import UNWRAP

SHARED = {"__init__", "base", "pieces", "registry"}


def test_no_dialect_is_forgotten() -> None:
    assert set(DIALECTS) == set(UNWRAP) == set(Dialect)
    modules = {
        file.name.removesuffix(".py")
        for file in resources.files(dialects).iterdir()
        if file.name.endswith(".py")
    }
    assert modules - SHARED == {dialect.value for dialect in Dialect}
    assert {f"{dialect}.c" for dialect in Dialect} <= set(sources())
    for dialect in Dialect:
        assert build_kernel_btf(dialect.value)


def test_rows_can_be_told_apart() -> None:
    rows = list(DIALECTS.values())
    assert len({row.number for row in rows}) == len(rows)
    assert len({row.header.size for row in rows}) == len(rows)
    assert len({row.context_member for row in rows}) == len(rows)
    for dialect, row in DIALECTS.items():
        assert dialect.value == f"v{row.number}"
        assert len(set(row.actions.values())) == len(row.actions)
        assert len(row.fields) == len(row.header.unpack(bytes(row.header.size)))


@pytest.mark.parametrize("dialect", Dialect)
def test_a_command_is_read_as_it_was_written(dialect: Dialect) -> None:
    row = facts_of(dialect)
    for action in row.actions:
        for fill in {False, "pipeline_flag" in row.fields}:
            command = Command(action, Target.KERNEL, b"payload", fill)
            assert row.decode(row.encode(command) + b"behind") == command
    for action in set(Action) - set(row.actions):
        with pytest.raises(KeyError):
            row.encode(Command(action, Target.KERNEL, b""))


@pytest.mark.parametrize("recipe", prebuilt_recipes(), ids=str)
def test_every_kind_of_parser_comes_with_warmboot(recipe: Recipe) -> None:
    assert prebuilt_content(recipe)


def test_every_kind_is_known_to_a_dialect() -> None:
    assert {kind for row in DIALECTS.values() for kind in row.programs} == set(Kind)


@pytest.mark.parametrize("source", ["v6.c", "v7.c", "rehearsal.c"])
def test_the_source_is_of_these_dialects_and_no_other(source: str, tmp_path: Path) -> None:
    clang = needs_tool("clang")
    for name, text in sources().items():
        (tmp_path / name).write_text(text)
    numbers = ("-DDIALECT=8", "-DKIND=1", "-DRECORD_SIZE=4096", "-DRING_SIZE=65536")
    command = (clang, "-target", "bpf", "-fsyntax-only", *numbers, source)
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert '#error "DIALECT is 6 or 7"' in done.stderr


def test_sources_include_each_other_in_one_direction() -> None:
    found = sources()
    graph = {
        name: {line.split('"')[1] for line in text.splitlines() if line.startswith('#include "')}
        for name, text in found.items()
    }

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " > ".join((*above, name))
        for other in graph[name]:
            visit(other, (*above, name))

    for name in graph:
        visit(name, ())
    for name in ("v6.c", "v7.c", "rehearsal.c"):
        assert re.search(r"(PROG|int )\(?parse_pe\b", found[name])
