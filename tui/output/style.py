"""How one cell of a terminal looks, as SGR says it (ECMA-48, 8.3.117)."""

from __future__ import annotations

from functools import lru_cache

from warmboot.core.values import NamedTuple

BOLD, DIM, ITALIC, UNDERLINE, BLINK, REVERSE, STRIKE = (1 << bit for bit in range(7))
#: Attributes that show on a space as well.
ON_SPACES = UNDERLINE | REVERSE | STRIKE

#: What switches an attribute on, and off: 22 ends bold and dim alike.
_SWITCHES = (
    (BOLD, 1, 22),
    (DIM, 2, 22),
    (ITALIC, 3, 23),
    (UNDERLINE, 4, 24),
    (BLINK, 5, 25),
    (REVERSE, 7, 27),
    (STRIKE, 9, 29),
)
_ON = {on: bit for bit, on, _ in _SWITCHES} | {6: BLINK, 21: UNDERLINE}
_OFF = {off: sum(bit for bit, _, other in _SWITCHES if other == off) for _, _, off in _SWITCHES}
_FOREGROUNDS = {n: str(n) for n in (*range(30, 38), *range(90, 98))} | {39: ""}
_BACKGROUNDS = {n: str(n) for n in (*range(40, 48), *range(100, 108))} | {49: ""}
_COMPONENTS = {5: 1, 2: 3}  # numbers behind 38;5 and 38;2


class Style(NamedTuple):
    """Attributes as bits; colours as the SGR parameters that choose them, "" the terminal's own."""

    attributes: int = 0
    foreground: str = ""
    background: str = ""


PLAIN = Style()


@lru_cache(maxsize=4096)
def selected(style: Style, parameters: str) -> Style:
    """Return what becomes of `style` by an SGR with these parameters; unknown ones do nothing."""
    attributes, foreground, background = style
    numbers = [int(word) if word.isdecimal() else 0 for word in parameters.split(";")]
    while numbers:
        number = numbers.pop(0)
        if number == 0:
            attributes, foreground, background = PLAIN
        elif number in (38, 48):
            length = 1 + _COMPONENTS.get(numbers[0] if numbers else 0, 0)
            colour = ";".join(map(str, (number, *numbers[:length])))
            del numbers[:length]
            foreground, background = (colour, background) if number == 38 else (foreground, colour)
        attributes = (attributes | _ON.get(number, 0)) & ~_OFF.get(number, 0)
        foreground = _FOREGROUNDS.get(number, foreground)
        background = _BACKGROUNDS.get(number, background)
    return Style(attributes, foreground, background)


@lru_cache(maxsize=4096)
def change(before: Style | None, after: Style, *, can_end: bool) -> str:
    """Return the shortest SGR that turns `before` (None: not known) into `after`.

    `can_end`: the terminal can end one attribute by itself, which a VT100 cannot.
    """
    if before == after:
        return ""
    anew = [""] if after == PLAIN else ["0", *_switched_on(after.attributes), *after[1:]]
    whole = ";".join(word for word in anew if word)
    ended = before.attributes & ~after.attributes if before else 0
    if before is None or (ended and not can_end):
        return f"\x1b[{whole}m"
    words = []
    for off, bits in _OFF.items():
        if ended & bits:
            words.append(str(off))
            before = before._replace(attributes=before.attributes & ~bits)
    words += _switched_on(after.attributes & ~before.attributes)
    if before.foreground != after.foreground:
        words.append(after.foreground or "39")
    if before.background != after.background:
        words.append(after.background or "49")
    step = ";".join(words)
    return f"\x1b[{min(step, whole, key=len)}m"


def _switched_on(attributes: int) -> list[str]:
    return [str(on) for bit, on, _ in _SWITCHES if attributes & bit]
