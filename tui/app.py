"""The full-screen program: terminal, themes, event loop, and the first screen."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
from pathlib import Path

from textual import work
from textual.app import App
from textual.binding import Binding
from textual.theme import Theme

from warmboot.core.configfile import ConfigFile, config_files, own_config
from warmboot.core.errors import ExitCode, WarmbootError, WrongArgument
from warmboot.core.text import printable
from warmboot.core.values import replace
from warmboot.themes import FIRST_STYLE
from warmboot.tui.actions import use_keys
from warmboot.tui.event_loop import new_event_loop
from warmboot.tui.output.driver import driver_for
from warmboot.tui.screens.entries import EntriesScreen
from warmboot.tui.settings import DEFAULT, Settings, known_theme, read_settings
from warmboot.tui.terminal import Terminal, read_terminal

_LOOK = 1.0  # seconds between two looks whether the terminal is still there

_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of malloc.h
_BIG = 1 << 20  # bytes

_PLAIN = """\
warmboot: no terminal that can show the full-screen program (TERM unset or dumb, or redirected).
  The commands do the same: warmboot list, inspect, stage, status, exec. See warmboot --help.
"""


class WarmbootApp(App[int]):
    """warmboot on a terminal, for the boot root `root`."""

    CSS_PATH = FIRST_STYLE
    TITLE = "warmboot"
    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self,
        root: Path,
        terminal: Terminal,
        settings: Settings = DEFAULT,
        config: ConfigFile | None = None,
    ) -> None:
        driver = driver_for(terminal, lambda: self.theme != "mono", self._line_changed)
        super().__init__(driver_class=driver)
        self._root = root
        self._terminal = terminal
        #: Whether the line to the terminal is slow: what is not asked for is not drawn then.
        self.slow_line = terminal.slow
        self.animation_level = "none"
        self._settings = settings
        self._config = config  # where a theme that is chosen on the screen is written
        for name, palette in settings.themes.items():
            self.register_theme(Theme(name=name, **palette))  # type: ignore[arg-type]
        self.theme = terminal.theme
        # The sheet is parsed with the colours of this theme at once, and not again when Textual
        # hears of it.
        self.stylesheet.set_variables(self.get_css_variables())
        self._parsed: str | None = terminal.theme
        use_keys(settings.keys)
        self.set_keymap(dict(settings.keys))

    def _line_changed(self, slow: bool) -> None:
        self.slow_line = slow

    def get_default_screen(self) -> EntriesScreen:
        return EntriesScreen(self._root, self._settings.problems)

    def on_mount(self) -> None:
        self.set_class(self._terminal.ascii, "ascii")
        self.theme_changed_signal.subscribe(self, self._theme_changed)
        self._theme_changed(self.current_theme)
        if not self.is_headless:
            self.set_interval(_LOOK, self._look_at_terminal)

    def refresh_css(self, animate: bool = True) -> None:
        """Parse the sheet anew, unless it is that of the theme that the program started with."""
        first, self._parsed = self._parsed, None
        if first != self.theme:
            super().refresh_css(animate)

    def _theme_changed(self, theme: Theme) -> None:
        self.set_class(theme.name == "mono", "mono")

    def action_palette(self) -> None:
        """Offer the actions of the screen that is shown, and the themes."""
        from warmboot.tui.screens.palette import Choice, PaletteScreen, choices

        screen = self.screen
        ids = (one.id for one in screen.BINDINGS if isinstance(one, Binding) and one.id)
        name = next(ids).partition(".")[0]

        async def chosen(choice: Choice | None) -> None:
            if choice is not None and choice.action is not None:
                await screen.run_action(choice.action)
            elif choice is not None and choice.theme is not None and self._config is not None:
                self._keep_theme(self._config, choice.theme)

        self.push_screen(PaletteScreen(choices(name, self._settings.themes)), chosen)

    @work(thread=True, group="theme")
    def _keep_theme(self, config: ConfigFile, theme: str) -> None:
        """Have the next start begin with a theme, and say where that is written."""
        from warmboot.core.chosen_theme import write_theme
        from warmboot.tui.screens.dialogs import message

        title, text = "Theme kept", f"{theme}, from now on: {printable(str(config.path))} says so."
        try:
            write_theme(config, theme)
        except WarmbootError as error:
            title, text = "Theme not kept", f"{error.message}.\n{error.hint}"
        self.call_from_thread(self.push_screen, message(title, text))

    def _look_at_terminal(self) -> None:
        """End where the terminal went away without SIGHUP (started with nohup, or by a script)."""
        poll = select.poll()
        poll.register(sys.stdin, 0)
        if any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(0)):
            hang_up(self)

    async def action_quit(self) -> None:
        """Leave by way of the screen shown: nothing staged or under way is left unmentioned."""
        screen = self.screen
        if isinstance(screen, EntriesScreen):
            screen.action_leave()
        else:
            self.simulate_key("escape")


def run(root: Path, *, slow: bool = False) -> int:
    """Run the full-screen program on a boot root and return the exit code.

    `slow`: the line to the terminal is to be spared; else that is noticed.
    """
    terminal = read_terminal(slow=slow)
    files = config_files(os.environ)
    settings = read_settings(files)
    try:
        terminal = replace(terminal, theme=_chosen_theme(terminal, settings))
    except WrongArgument as error:
        sys.stderr.write(f"warmboot: {error.message}\n")
        return ExitCode.USAGE
    if not (terminal.usable and sys.stdin.isatty() and sys.stderr.isatty()):
        sys.stderr.write(_PLAIN)
        return ExitCode.USAGE
    _give_back_big_buffers()
    loop = new_event_loop()
    app = WarmbootApp(root, terminal, settings, own_config(files))
    loop.add_signal_handler(signal.SIGTERM, app.exit)
    loop.add_signal_handler(signal.SIGHUP, hang_up, app)
    try:
        app.run(mouse=terminal.mouse, loop=loop)
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()
    return app.return_code or ExitCode.OK


def _give_back_big_buffers() -> None:
    """Have the memory of a kernel's buffers go back to the system when they are freed.

    By itself glibc keeps what is as big as a buffer that was freed before (mallopt(3)), 5 MiB.
    """
    with contextlib.suppress(AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _BIG)


def _chosen_theme(terminal: Terminal, settings: Settings) -> str:
    """Return the theme asked for in the environment, or else chosen in a file.

    Raises WrongArgument where there is no such theme.
    """
    wanted = os.environ.get("WARMBOOT_THEME")
    if wanted:
        return known_theme(wanted, settings.themes)
    return settings.theme if settings.theme and terminal.colours else terminal.theme


def hang_up(app: WarmbootApp) -> None:
    """The terminal is gone: end in order, without reading or writing it again."""
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)
    app.exit()
