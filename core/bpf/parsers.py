"""The parser for an image: built here where the tools are, else one that comes with warmboot."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

from warmboot.core.bpf.abi import Dialect
from warmboot.core.bpf.dialects import DIALECTS
from warmboot.core.bpf.sizes import CLASSES, class_sizes, kind_of, sizes_of
from warmboot.core.bpf.toolchain import Recipe, find_toolchain
from warmboot.core.errors import NotFound
from warmboot.core.images import BootImage

#: Which parsers exist.
EXISTING = tuple((dialect, kind) for dialect, row in DIALECTS.items() for kind in row.programs)


@dataclass(frozen=True, slots=True)
class Parser:
    """An object with what it was made for and by what, in words."""

    content: bytes
    recipe: Recipe
    origin: str


def recipe_for(image: BootImage, dialect: Dialect, beside: int = 0) -> Recipe:
    """Return what to build for an image; raises ImageError where no parser exists for it.

    `beside` is the size of the initrd (bytes), which some dialects hand over too.
    """
    kind = kind_of(image)
    if (dialect, kind) not in EXISTING:
        raise NotFound(
            f"Dialect {dialect} has no parser for the format {image.format}",
            hint="Dialect v6 takes zboot and raw Image, v7 zboot and UKI.",
        )
    return Recipe(dialect, kind, sizes_of(image, dialect, beside))


def parser_for(
    image: BootImage, dialect: Dialect, *, rehearsal: bool = False, beside: int = 0
) -> Parser:
    """Return the parser for an image, or its rehearsal; raises ImageError, NotFound.

    Built to measure where clang and bpftool are installed; else the smallest that comes with
    warmboot and can hold the image.
    """
    wanted = recipe_for(image, dialect, beside)
    recipe = Recipe(dialect, wanted.kind, wanted.sizes, rehearsal)
    try:
        tools = find_toolchain()
    except NotFound:
        return prebuilt(recipe)
    origin = f"built here by clang {tools.clang_version}, bpftool {tools.bpftool_version}"
    return Parser(tools.build(recipe), recipe, origin)


def prebuilt(recipe: Recipe) -> Parser:
    """Return the parser that comes with warmboot for a recipe; raises NotFound without one."""
    for given in prebuilt_recipes():
        same = (given.dialect, given.kind, given.rehearsal) == (
            recipe.dialect,
            recipe.kind,
            recipe.rehearsal,
        )
        if same and given.sizes.record >= recipe.sizes.record:
            return Parser(prebuilt_content(given), given, "comes with warmboot")
    raise NotFound(
        "No parser that comes with warmboot is large enough for this image",
        hint="Install clang, bpftool and libbpf-dev: then one is built to measure.",
    )


def prebuilt_recipes() -> tuple[Recipe, ...]:
    """Return the recipes of all parsers that come with warmboot, smallest first."""
    return tuple(
        Recipe(dialect, kind, class_sizes(ring), rehearsal)
        for ring in CLASSES
        for dialect, kind in EXISTING
        for rehearsal in (False, True)
    )


def prebuilt_name(recipe: Recipe) -> str:
    """Return the file name of a parser that comes with warmboot."""
    what = "rehearsal" if recipe.rehearsal else "parser"
    return f"{what}-{recipe.dialect}-{recipe.kind.name.lower()}-{recipe.sizes.ring >> 20}.o"


def prebuilt_content(recipe: Recipe) -> bytes:
    """Return the object; raises NotFound where the installation lacks it."""
    place = resources.files("warmboot.core.bpf") / "prebuilt" / prebuilt_name(recipe)
    try:
        return place.read_bytes()
    except OSError as error:
        raise NotFound(
            f"{prebuilt_name(recipe)} is missing from this installation of warmboot",
            hint="Install warmboot again, or clang, bpftool and libbpf-dev.",
        ) from error
