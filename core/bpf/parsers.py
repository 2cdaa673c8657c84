"""The parser for an image: built here where the tools are, else one that comes with warmboot."""

from __future__ import annotations

from importlib import resources

from warmboot.core.bpf.abi import Dialect, Kind
from warmboot.core.bpf.dialects.registry import DIALECTS
from warmboot.core.bpf.resize import resized
from warmboot.core.bpf.sizes import AS_COMPILED, kind_of, sizes_of
from warmboot.core.bpf.toolchain import Recipe, find_toolchain
from warmboot.core.errors import NotFound
from warmboot.core.images import BootImage
from warmboot.core.values import dataclass

#: Which parsers exist.
EXISTING = tuple((dialect, kind) for dialect, row in DIALECTS.items() for kind in row.programs)


@dataclass(frozen=True)
class Parser:
    """An object with what it was made for and by what, in words."""

    content: bytes
    recipe: Recipe
    origin: str


def recipe_for(
    image: BootImage, dialect: Dialect, initrd: int | None = None, *, inner: bool = False
) -> Recipe:
    """Return what to build for an image; raises ImageError where no parser exists for it.

    `initrd` is its size (bytes), which some dialects hand over too; None for a guess. `inner`: the
    image comes out of another one, which was verified.
    """
    kind = Kind.INNER if inner else kind_of(image)
    if (dialect, kind) not in EXISTING:
        raise NotFound(
            f"Dialect {dialect} has no parser for the format {image.format}",
            hint="Dialect v6 takes zboot and raw Image, v7 zboot and UKI.",
        )
    return Recipe(dialect, kind, sizes_of(image, dialect, initrd))


def parser_for(
    image: BootImage,
    dialect: Dialect,
    initrd: int | None = None,
    *,
    rehearsal: bool = False,
    inner: bool = False,
) -> Parser:
    """Return the parser for an image, or its rehearsal; raises ImageError, NotFound.

    Built where clang and bpftool are installed; else the one that comes with warmboot. Both are
    made to measure; see recipe_for.
    """
    wanted = recipe_for(image, dialect, initrd, inner=inner)
    recipe = Recipe(dialect, wanted.kind, wanted.sizes, rehearsal)
    try:
        tools = find_toolchain()
    except NotFound:
        return prebuilt(recipe)
    origin = f"built here by clang {tools.clang_version}, bpftool {tools.bpftool_version}"
    return Parser(tools.build(recipe), recipe, origin)


def prebuilt(recipe: Recipe) -> Parser:
    """Return the parser that comes with warmboot, made as large as a recipe wants it."""
    content = resized(prebuilt_content(recipe), recipe.sizes)
    return Parser(content, recipe, "comes with warmboot")


def prebuilt_recipes() -> tuple[Recipe, ...]:
    """Return the recipes of all parsers that come with warmboot; they are resized for use."""
    return tuple(
        Recipe(dialect, kind, AS_COMPILED, rehearsal)
        for dialect, kind in EXISTING
        for rehearsal in (False, True)
    )


def prebuilt_name(recipe: Recipe) -> str:
    """Return the file name of a parser that comes with warmboot."""
    what = "rehearsal" if recipe.rehearsal else "parser"
    return f"{what}-{recipe.dialect}-{recipe.kind.name.lower()}.o"


def prebuilt_content(recipe: Recipe) -> bytes:
    """Return the object as it comes, of no size; raises NotFound where it is missing."""
    place = resources.files("warmboot.core.bpf") / "prebuilt" / prebuilt_name(recipe)
    try:
        return place.read_bytes()
    except OSError as error:
        raise NotFound(
            f"{prebuilt_name(recipe)} is missing from this installation of warmboot",
            hint="Install warmboot again, or clang, bpftool and libbpf-dev.",
        ) from error
