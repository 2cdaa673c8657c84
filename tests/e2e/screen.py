"""A person at a guest's console: sees the screen as a terminal shows it, and presses keys."""

from __future__ import annotations

import time
from collections.abc import Callable

import pyte

from .guest import Guest, GuestError

COLUMNS, ROWS = 80, 24
FIELD_DISTANCE = 2  # lines from a field's label to where its text stands, a border included
TRIES = 4  # how often a field is typed into before giving up
TYPING = 0.05  # seconds between two keys, so that each is read by itself

KEYS = {"enter": b"\r", "end": b"\x1b[F", "f2": b"\x1bOQ", "empty": b"\x15"}


class Screen:
    """The console of `guest`, from now on, as a terminal of 80 columns and 24 rows."""

    def __init__(self, guest: Guest) -> None:
        self._guest = guest
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        guest.listen(self._stream.feed)

    @property
    def text(self) -> str:
        """What the screen shows, line by line."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    def wait_for(self, text: str, seconds: float) -> None:
        """Wait until the screen shows `text`; what it shows instead is in the error."""
        self._wait_until(lambda: text in self.text, seconds, f"{text!r} on the screen")

    def wait_while(self, text: str, seconds: float) -> None:
        """Wait until the screen no longer shows `text`."""
        self._wait_until(lambda: text not in self.text, seconds, f"{text!r} gone from the screen")

    def fill(self, label: str, text: str, seconds: float) -> None:
        """Type text until the field below `label` shows it.

        What is typed before a new screen takes keys is lost, and nothing on the screen tells
        when it does: then the field is emptied and typed into again.
        """
        deadline = time.monotonic() + seconds
        while True:
            self.write(text)
            try:
                self._wait_until(
                    lambda: self._field_shows(label, text), seconds / TRIES, f"{text!r} typed"
                )
            except GuestError:
                if time.monotonic() >= deadline:
                    raise
                self.press("end", "empty")
                continue
            return

    def _field_shows(self, label: str, text: str) -> bool:
        lines = self._screen.display
        places = [number for number, line in enumerate(lines) if label in line]
        return any(
            text in line
            for number in places
            for line in lines[number + 1 : number + 1 + FIELD_DISTANCE]
        )

    def _wait_until(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        try:
            self._guest.wait_until(condition, seconds, what)
        except GuestError as error:
            error.add_note(f"The screen:\n{self.text}")
            raise

    def press(self, *keys: str) -> None:
        """Press keys one after the other: a name in KEYS, or a character.

        A key that moves the cursor or opens a screen takes effect later than the letters behind
        it where the machine is slow: wait for what it does before the next one.
        """
        for key in keys:
            self._guest.type(KEYS.get(key) or key.encode())
            time.sleep(TYPING)

    def write(self, text: str) -> None:
        """Type text, without Enter."""
        self.press(*text)
