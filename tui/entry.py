"""The ``warmboot`` command as it is installed: as root, Python starts anew without a user's wishes.

PYTHONPATH and the like come along with ``sudo -E`` and ``su``, and would have root run modules of
whoever set them. So nothing but what Python has loaded anyway is imported before that.
"""

from __future__ import annotations

import os
import sys
from _frozen_importlib_external import SourceFileLoader, spec_from_file_location

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec

_ANEW = "import sys; from warmboot.tui.entry import run; sys.exit(run())"


def roots_environment() -> dict[str, str]:
    """Return the environment that root's run keeps: nothing that decides what code is loaded."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "LD_")) and name not in ("BASH_ENV", "ENV")
    }
    return {**kept, "PATH": os.defpath}


def run() -> int:
    """Run the command line; see warmboot.tui.cli.main."""
    if os.geteuid() != 0 or sys.flags.isolated:
        if sys.argv[1:] == ["--version"]:
            return _version()
        import _signal  # type: ignore[import-not-found] # all of signal but its enumerations: 0.5 ms
        import gc

        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # until the command says what comes of it
        gc.set_threshold(100_000, 20, 20)  # modules are no garbage; looking for some took a tenth
        load_without(_NOT_NEEDED)
        sys.meta_path.insert(0, _Own())
        try:
            from warmboot.tui.cli import main

            return main()
        finally:
            gc.freeze()  # nor is all that goes with the process, which is looked through at its end
    words = [sys.executable, "-I", "-c", _ANEW, *sys.argv[1:]]
    return os.execve(sys.executable, words, roots_environment())


class _Own:
    """Finds the modules of warmboot in the folders of their packages, with one look at each folder.

    Python's own finders look elsewhere first, and at the folder and the file for every module: a
    twentieth of what a command takes to start. Packages, and what is not there, are left to them.
    """

    def __init__(self) -> None:
        self._files: dict[str, frozenset[str]] = {}

    def find_spec(
        self, name: str, path: Sequence[str] | None, _: object = None
    ) -> ModuleSpec | None:
        """Return where a module is; see importlib.abc.MetaPathFinder."""
        if path is None or not name.startswith("warmboot."):
            return None
        folder, file = path[0], f"{name.rpartition('.')[2]}.py"
        if folder not in self._files:
            try:
                self._files[folder] = frozenset(os.listdir(folder))
            except OSError:  # the modules are in no folder, as in the rescue build
                self._files[folder] = frozenset()
        if file not in self._files[folder]:
            return None
        place = f"{folder}/{file}"
        return spec_from_file_location(name, place, loader=SourceFileLoader(name, place))


def _plural(one: str, many: str, count: int) -> str:
    """Return what fits the count, in English."""
    return one if count == 1 else many


def _quoted(path: bytes) -> str:
    from urllib.parse import quote_from_bytes

    return quote_from_bytes(path)


#: Module that is loaded, module that it loads for what nobody here asks it for, and what that is.
#: Both take 4 ms, a third of what Python itself takes to start.
_NOT_NEEDED: tuple[tuple[str, str, dict[str, object] | None], ...] = (
    ("pathlib", "urllib.parse", {"quote_from_bytes": _quoted}),  # names of files as addresses
    ("argparse", "gettext", {"gettext": str, "ngettext": _plural}),  # other languages
)


def load_without(rows: tuple[tuple[str, str, dict[str, object] | None], ...]) -> None:
    """Load modules without others that they load; whoever wants those gets them as they are.

    No stand-in: the module is told that there is no other one.
    """
    for name, other, stand_in in rows:
        if other not in sys.modules and name not in sys.modules:
            sys.modules[other] = None  # type: ignore[assignment]
            if stand_in is not None:
                there = sys.modules[other] = type(sys)(other)
                there.__dict__.update(stand_in)
            try:
                __import__(name)
            except (ImportError, AttributeError):  # it asks for more: then it gets the real one
                sys.modules.pop(name, None)
            finally:
                del sys.modules[other]


def _version() -> int:
    """Answer the one question that needs no parser, nor anything else."""
    from warmboot.core.version import VERSION

    print(f"warmboot {VERSION}")
    return 0


if __name__ == "__main__":
    sys.exit(run())
