"""The repository keeps its shape: folders, import arrows, file sizes, and what is installed."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from support.tools import needs_tool

import warmboot.core
from warmboot.core.errors import ExitCode

ROOT = Path(__file__).parent.parent.parent
FOLDERS = ("core", "tui", "themes")
#: What every part of the core shares.
SHARED = {
    f"core.{n}"
    for n in (
        *(
            "architecture",
            "bounded",
            "closing",
            "chosen_theme",
            "configfile",
            "debug",
            "errors",
            "expression",
            "mountinfo",
        ),
        *("openat2", "outfile", "programs", "progress", "rooted", "statefile", "text", "typed"),
        *("enumeration", "expression", "hints", "values", "version"),
    )
}
_PLAN = {"core.boot", "core.images", "core.payload", "core.host", "core.bpf", "core.fit"}
_LOAD = {"core.plan", *_PLAN}

#: The one way that data flows: what each part may import of the project besides itself and what is
#: shared.
ALLOWED = {
    "core.images": set[str](),
    "core.values": {"core.quick_methods"},
    "core.payload": {"core.images"},
    "core.boot": {"core.images"},
    "core.host": set[str](),
    "core.bpf": {"core.images", "core.payload"},
    "core.fit": {"core.boot", "core.host", "core.images", "core.payload"},
    "core.plan": _PLAN,
    "core.load": _LOAD,
    "core.restart": {"core.load", *_LOAD},
    "core.record": _LOAD,
    "core.sandbox": {"core.load", "core.restart", *_LOAD},
    "core.session": {"core.load", "core.restart", "core.record", "core.sandbox", *_LOAD},
    "themes": set[str](),
}
#: Modules of values only. Front ends get them from the session and name their types.
VALUES = {
    "core.boot",
    "core.boot.cmdline",
    "core.boot.entry",
    "core.boot.known_words",
    "core.boot.listed_entry",
    "core.boot.presets",
    "core.bpf.builder",
    "core.bpf.workbench",
    "core.images",
    "core.images.authenticode",
    "core.images.bpfobject",
    "core.load.prepared",
    "core.payload.inspection",
    "core.plan.checks.base",
    "core.plan.plan",
    "core.plan.planner",
    "core.plan.request",
    "core.plan.route",
    "core.plan.staged",
    "core.plan.trial.trial",
    "core.record.trial_outcome",
    "core.record.arrival",
    "core.record.history",
    "core.restart.schedule",
}


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Return the project's modules that a file imports, without the leading ``warmboot.``."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module}
    return {name.removeprefix("warmboot.") for name in found if name.startswith("warmboot.")}


def part(module: str) -> str:
    return ".".join(module.split(".")[:2])


@pytest.mark.parametrize("path", list(sources("core")), ids=lambda p: str(p.relative_to(ROOT)))
def test_the_core_imports_only_what_its_place_allows(path: Path) -> None:
    own = part(".".join(path.relative_to(ROOT).with_suffix("").parts))
    foreign = {part(name) for name in imports(path)} - {own} - SHARED
    assert foreign <= ALLOWED.get(own, set())
    assert "textual" not in path.read_text() or own == "core.text"


@pytest.mark.parametrize("path", list(sources("tui")), ids=lambda p: str(p.relative_to(ROOT)))
def test_front_ends_ask_the_session(path: Path) -> None:
    where = path.relative_to(ROOT).parts[1]
    found = imports(path)
    core = {name for name in found if name.startswith("core.") and name not in SHARED}
    if where == "present":
        assert not {name for name in found if name.startswith("tui.")} - {
            name for name in found if name.startswith("tui.present.")
        }
        assert "textual" not in path.read_text()
        return
    core = {name for name in core if not name.startswith("core.session")}
    assert core <= VALUES or where == "manual.py"  # which is made of every registry
    other = {"commands": "screens", "screens": "commands", "widgets": "commands"}.get(where)
    assert not {name for name in found if other and name.startswith(f"tui.{other}")}


def test_values_are_made_by_the_module_that_makes_them_cheaply() -> None:
    standard = re.compile(
        r"^(import dataclasses|from dataclasses import|from typing.*NamedTuple)", re.MULTILINE
    )
    screen = ("screens", "widgets")  # Textual has loaded the standard ones by then
    for path in sources("core", "tui"):
        if path.relative_to(ROOT).parts[1] not in screen and path != ROOT / "core/values.py":
            assert not standard.search(path.read_text()), path


def test_no_import_goes_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for path in sources(*FOLDERS):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        graph[name] = imports(path) - {name}
    order: dict[str, int] = {}

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, f"{' > '.join(above)} > {name}"
        if name in order or name not in graph:
            return
        for other in sorted(graph[name]):
            visit(other, (*above, name))
        order[name] = len(order)

    for name in sorted(graph):
        visit(name, ())


def test_themes_are_data_and_import_nothing_of_the_core() -> None:
    for path in sources("themes"):
        assert not {name for name in imports(path) if not name.startswith("themes")}


@pytest.mark.parametrize("path", list(sources(*FOLDERS)), ids=lambda p: str(p.relative_to(ROOT)))
def test_files_stay_small_and_do_not_assert(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 350
    tree = ast.parse(text)
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    if path.is_relative_to(ROOT / "core"):
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        assert not [f for f in calls if isinstance(f, ast.Name) and f.id in ("print", "input")]


def test_importing_the_core_or_the_command_line_loads_no_screen_library() -> None:
    modules = [
        "warmboot." + ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sources("core", "tui/commands")
        if path.stem not in ("__init__", "screen")
    ]
    code = "import importlib, sys\n"
    modules.append("warmboot.tui.cli")
    code += "\n".join(f"importlib.import_module({name!r})" for name in modules)
    code += "\nsys.exit('textual' in sys.modules or 'rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_tests_run_against_the_installed_package() -> None:
    assert Path(warmboot.core.__file__).is_relative_to(sysconfig.get_path("purelib"))
    for name in FOLDERS:  # tests/tui may be importable as tui; what it is a test of may not
        spec = importlib.util.find_spec(name)
        places = [] if spec is None else spec.submodule_search_locations or []
        assert str(ROOT / name) not in places, f"{name} is importable as it is"


def test_the_installation_is_this_source_tree() -> None:
    places = {folder: f"warmboot/{folder}" for folder in FOLDERS}
    places["ansible"] = "ansible_collections/warmboot/kexec"
    source = {
        f"{place}/{path.relative_to(ROOT / folder).as_posix()}": path.read_bytes()
        for folder, place in places.items()
        for path in (ROOT / folder).rglob("[!.]*")
        if path.is_file() and not {"__pycache__", ".hypothesis"} & set(path.parts)
    }
    installed = {
        str(file): Path(str(file.locate())).read_bytes()
        for file in metadata.files("warmboot") or ()
        if file.suffix != ".pyc" and ".." not in file.parts and ".dist-info" not in file.parts[0]
    }
    assert sorted(installed) == sorted(source)
    assert [name for name in source if source[name] != installed[name]] == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_lock_files_pin_by_hash_and_name_no_host(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line and line[0].isalnum()]
    assert lines
    assert [line for line in lines if "==" not in line or "--hash=sha256:" not in line] == []


def test_lock_files_are_complete() -> None:
    """They are installed without their dependencies: what one of them needs is in them, too."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "check"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_folder_is_in_the_package_list_and_typed() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        listed = set(tomllib.load(file)["tool"]["setuptools"]["packages"])
    listed = {name for name in listed if name.startswith("warmboot.")}
    there = {
        "warmboot." + ".".join(path.parent.relative_to(ROOT).parts) for path in sources(*FOLDERS)
    }
    assert listed == there
    for folder in FOLDERS:
        assert (ROOT / folder / "py.typed").is_file()


@pytest.mark.parametrize("page", sorted((ROOT / "man").glob("*.[5-8]")), ids=lambda p: p.name)
def test_manual_pages_are_sound(page: Path) -> None:
    command = [needs_tool("mandoc"), "-T", "lint", "-W", "warning", str(page)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.stdout == ""
    assert result.returncode == 0


def test_every_exit_code_is_in_the_manual() -> None:
    section = (ROOT / "man/warmboot.8").read_text().split(".Sh EXIT STATUS")[1].split(".Sh")[0]
    assert re.findall(r"^\.It (\d+)$", section, re.MULTILINE) == [
        str(int(code)) for code in ExitCode
    ]


def test_a_skip_is_a_failure_in_ci(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makeconftest((ROOT / "tests/conftest.py").read_text())
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests"))
    pytester.makepyfile(
        """
        import pytest
        from support.tools import needs_tool

        def test_needs_a_tool():
            needs_tool("no-such-program")

        @pytest.mark.skip(reason="some day")
        def test_marked():
            pass
        """
    )
    monkeypatch.delenv("WARMBOOT_CI", raising=False)
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(skipped=2)
    monkeypatch.setenv("WARMBOOT_CI", "1")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*needs the program no-such-program*"])


@pytest.mark.parametrize("workers", [(), ("-n1",)], ids=["alone", "xdist"])
def test_a_skipped_module_is_a_failure_in_ci(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, workers: tuple[str, ...]
) -> None:
    monkeypatch.setenv("WARMBOOT_CI", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests"))
    pytester.makeconftest((ROOT / "tests/conftest.py").read_text())
    pytester.makepyfile("import pytest\npytest.importorskip('no_such_module')\ndef test(): pass")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", *workers)
    result.assert_outcomes(errors=1)
    assert result.ret != 0
