"""Draw pictures of every screen on one sheet for reviewers; keep them where that is wanted."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from PIL import Image, ImageDraw, ImageFont
from rich.color import Color, ColorSystem
from support.pictures import LOOKS, SIZES, Pictures, as_text
from support.scenes import SCENES, take

from warmboot.core.sandbox.tree import create_sandbox
from warmboot.tui.output.canvas import Canvas, cell_width
from warmboot.tui.output.style import BOLD, DIM, REVERSE, STRIKE, UNDERLINE, Style

HERE = Path(__file__).parent
SHEET = HERE.parent.parent / ".cache/pictures"
MANUAL = HERE.parent.parent / "man"
#: Pictures in the manual: file, screen, size.
IN_MANUAL = (("screenshot", "entries", (120, 40)), ("screenshot-plan", "plan", (120, 40)))
FONTS = Path("/usr/share/fonts/truetype/dejavu")
POINTS = 15
LIGHT, DARK = (208, 208, 208), (0, 0, 0)  # of a terminal's own
Colour = tuple[int, int, int]
#: The sixteen colours of the kernel's console (drivers/tty/vt/vt.c), in the order of SGR.
SIXTEEN: tuple[Colour, ...] = (
    (0, 0, 0), (170, 0, 0), (0, 170, 0), (170, 85, 0),
    (0, 0, 170), (170, 0, 170), (0, 170, 170), (170, 170, 170),
    (85, 85, 85), (255, 85, 85), (85, 255, 85), (255, 255, 85),
    (85, 85, 255), (255, 85, 255), (85, 255, 255), (255, 255, 255),
)  # fmt: skip


class Painter:
    """Draws cells with a monospaced font; `sixteen`: as a terminal with so many colours."""

    def __init__(self, *, sixteen: bool = False) -> None:
        self._sixteen = sixteen
        self._regular = ImageFont.truetype(FONTS / "DejaVuSansMono.ttf", POINTS)
        self._bold = ImageFont.truetype(FONTS / "DejaVuSansMono-Bold.ttf", POINTS)
        self.width = round(self._regular.getlength("M"))
        ascent, descent = self._regular.getmetrics()
        self.height = ascent + descent

    def paint(self, canvas: Canvas) -> Image.Image:
        """Return a picture of a terminal that shows this."""
        columns, rows = canvas.size
        image = Image.new("RGB", (columns * self.width, rows * self.height), DARK)
        draw = ImageDraw.Draw(image)
        for y, row in enumerate(canvas.rows):
            for x, (text, style) in enumerate(row):
                self._paint_cell(draw, x * self.width, y * self.height, text, style)
        return image

    def _paint_cell(
        self, draw: ImageDraw.ImageDraw, x: int, y: int, text: str, style: Style
    ) -> None:
        ink = _colour(style.foreground, LIGHT, sixteen=self._sixteen)
        paper = _colour(style.background, DARK, sixteen=self._sixteen)
        if style.attributes & REVERSE:
            ink, paper = paper, ink
        if style.attributes & DIM:
            ink = _between(ink, paper)
        if text == "":
            return
        right, bottom = x + self.width * cell_width(text) - 1, y + self.height - 1
        draw.rectangle((x, y, right, bottom), paper)
        draw.text((x, y), text, ink, self._bold if style.attributes & BOLD else self._regular)
        if style.attributes & UNDERLINE:
            draw.line((x, bottom - 1, right, bottom - 1), ink)
        if style.attributes & STRIKE:
            draw.line((x, y + self.height // 2, right, y + self.height // 2), ink)


def _colour(parameters: str, otherwise: Colour, *, sixteen: bool) -> Colour:
    """Return the colour that SGR parameters choose; pictures are taken in full colour."""
    if not parameters:
        return otherwise
    red, green, blue = map(int, parameters.split(";")[2:])
    if sixteen:  # as Textual has Rich choose it for such a terminal
        number = Color.from_rgb(red, green, blue).downgrade(ColorSystem.STANDARD).number
        return SIXTEEN[number or 0]
    return red, green, blue


def _between(one: Colour, other: Colour) -> Colour:
    red, green, blue = ((a + b) // 2 for a, b in zip(one, other, strict=True))
    return red, green, blue


def sheet(names: list[str]) -> str:
    """Return a page with all pictures."""
    parts = [
        "<!doctype html><title>warmboot</title><style>body{background:#444;color:#fff}</style>"
    ]
    for name in names:
        parts.append(f"<h2>{name}</h2>")
        for size in SIZES:
            files = [f"{name}-{size[0]}x{size[1]}-{look.theme}.png" for look in LOOKS]
            if size == SIZES[0]:
                files += [f"{name}-{size[0]}x{size[1]}-{look.theme}-16.png" for look in LOOKS[:2]]
            parts += [f'<img src="{file}" title="{file}" width="32%">' for file in files]
    return "\n".join(parts) + "\n"


async def take_all(names: list[str]) -> dict[str, Pictures]:
    """Return the pictures of these screens, taken on a simulated machine."""
    with tempfile.TemporaryDirectory() as folder:
        machine = Path(folder, "machine")
        create_sandbox(machine)
        return {name: await take(name, machine, Path(folder)) for name in names}


def main(arguments: list[str]) -> int:
    """Draw the screens that are named, or all; ``--keep``: as those to compare with from now on."""
    keep = "--keep" in arguments
    names = [word for word in arguments if word != "--keep"] or list(SCENES)
    painter, sixteen = Painter(), Painter(sixteen=True)
    SHEET.mkdir(parents=True, exist_ok=True)
    for name, pictures in asyncio.run(take_all(names)).items():
        for (size, theme), canvas in pictures.items():
            file = f"{name}-{size[0]}x{size[1]}-{theme}"
            painter.paint(canvas).save(SHEET / f"{file}.png")
            if size == SIZES[0]:
                sixteen.paint(canvas).save(SHEET / f"{file}-16.png")
        if keep:
            (HERE / f"{name}.txt").write_text(as_text(pictures))
            for kept, screen, shown in IN_MANUAL:
                if screen == name:
                    picture = painter.paint(pictures[shown, LOOKS[0].theme]).quantize(64)
                    picture.save(MANUAL / f"{kept}.png", optimize=True)
    (SHEET / "sheet.html").write_text(sheet(names))
    print(f"file://{SHEET}/sheet.html")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
