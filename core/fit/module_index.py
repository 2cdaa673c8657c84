"""The modules of a kernel release, as depmod(8) lists them: names, aliases, dependencies, built-in.

Sources: modules.dep(5), modules.builtin and modules.builtin.modinfo (Documentation/kbuild/kbuild),
depmod.d(5); libkmod's index_searchwild for how aliases match.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping
from functools import cached_property

from warmboot.core.expression import expression
from warmboot.core.hints import Protocol
from warmboot.core.values import NamedTuple

#: In bytes; of a kernel that has every driver as a module they have a quarter of that.
_FILES = {
    "modules.dep": 8 << 20,
    "modules.alias": 16 << 20,
    "modules.softdep": 1 << 20,
    "modules.builtin": 1 << 20,
    "modules.builtin.modinfo": 16 << 20,
}
#: The files of a release that are read, all below /usr/lib/modules/RELEASE.
FILES = tuple(_FILES)
_SUFFIX = expression(r"\.ko(?:\.(?:gz|xz|zst))?$")
_DEPTH = 256  # modules that one needs, all together
_PATTERN = 512
#: Patterns that aliases are held against, all together: a large machine needs a tenth of that. For
#: long aliases they count several times, those with more than stars a hundred times, and those that
#: begin otherwise than the alias hardly.
_WORK = 4_000_000
_LONG, _COSTLY, _QUICK = 256, 100, 16
#: Characters by which patterns are sorted: ``pci:v00008086`` has so many.
_HEAD = 13
_LITERAL = expression(r"[^*?\[]*")
#: Folders of modules that are not built with the kernel: DKMS, packages of drivers.
_OUTSIDE = ("updates", "extra", "weak-updates", "dkms")


class Texts(Protocol):
    """Where the files of a release come from; None for one that is not there."""

    def __call__(self, name: str, limit: int) -> str | None: ...


class Module(NamedTuple):
    """A module of a release. `path` is below its folder, None for a built-in one."""

    name: str
    path: str | None

    @property
    def built_in(self) -> bool:
        """Whether it is part of the kernel itself."""
        return self.path is None

    @property
    def out_of_tree(self) -> bool:
        """Whether it was not built with the kernel (DKMS, a package of a driver's maker)."""
        return self.path is not None and self.path.partition("/")[0] in _OUTSIDE


def module_name(path: str) -> str:
    """Return the name of a module by its file: ``-`` and ``_`` are the same to the kernel."""
    return _SUFFIX.sub("", path.rpartition("/")[2]).replace("-", "_")


class ModuleIndex:
    """The modules of `release`, read when they are asked for.

    `there`: modules.dep could be read, so that a module which is not in it is not installed.
    """

    def __init__(self, release: str, texts: Texts) -> None:
        self.release = release
        self._texts = texts
        self._claimed: dict[str, tuple[Module, ...]] = {}
        self._work = 0

    @cached_property
    def there(self) -> bool:
        """Whether there is an index at all."""
        return self._text("modules.dep") is not None

    @property
    def tells_aliases(self) -> bool:
        """Whether it says which devices modules take; without that only names count."""
        return self._text("modules.alias") is not None

    @property
    def tells_all_aliases(self) -> bool:
        """Whether it says those of what is built in too, as since Linux 5.2; not which devices."""
        return self.tells_aliases and self._text("modules.builtin.modinfo") is not None

    @property
    def gave_up(self) -> bool:
        """Whether aliases were left unresolved, as no real index makes so much work."""
        return self._work > _WORK

    @property
    def tells_built_in(self) -> bool:
        """Whether it says what is built in; without that a module it lacks may be so."""
        return self._text("modules.builtin") is not None

    def module(self, name: str) -> Module | None:
        """Return the module called so; None where the kernel has none."""
        name = name.replace("-", "_")
        if name in self._built_in:
            return Module(name, None)
        path = self._paths.get(name)
        return None if path is None else Module(name, path)

    def by_alias(self, alias: str) -> tuple[Module, ...]:
        """Return the modules that claim a modalias or another alias, built-in ones first."""
        alias = _normal(alias)
        if alias not in self._claimed:
            self._claimed[alias] = self._search(alias)
        return self._claimed[alias]

    def _search(self, alias: str) -> tuple[Module, ...]:
        names: dict[str, None] = {}
        for length in range(_HEAD + 1):
            bucket = self._patterns.get(alias[:length], ()) if not self.gave_up else ()
            self._work += len(bucket) // _QUICK
            for literal, pattern, name in bucket:
                if alias.startswith(literal) and self._fits(alias, pattern):
                    names[name] = None
        found = [module for name in names if (module := self.module(name)) is not None]
        return tuple(sorted(found, key=lambda module: not module.built_in))

    def _fits(self, alias: str, pattern: str) -> bool:
        """Whether a pattern fits all of an alias, as fnmatch(3) has it."""
        costly = "?" in pattern or "[" in pattern
        self._work += (1 + len(alias) // _LONG) * (_COSTLY if costly else 1)
        if self.gave_up or len(pattern) > _PATTERN:
            return False
        return fnmatch.fnmatchcase(alias, pattern) if costly else _stars_fit(alias, pattern)

    def knows(self, alias: str, module: str) -> bool:
        """Whether `module` is one of those that claim an alias."""
        return any(one.name == module.replace("-", "_") for one in self.by_alias(alias))

    def needed(self, module: Module) -> tuple[Module, ...]:
        """Return what must be loaded before a module; what is built in is left out: it is there."""
        found: dict[str, Module] = {}
        waiting = [module]
        while waiting and len(found) < _DEPTH:
            one = waiting.pop()
            if one.path is None or one.name in found:
                continue
            found[one.name] = one
            names = (module_name(path) for path in self._dependencies.get(one.path, ()))
            waiting += [Module(name, self._paths[name]) for name in names if name in self._paths]
        return tuple(one for one in found.values() if one.name != module.name)

    def wanted(self, module: Module) -> Iterator[tuple[Module, ...]]:
        """Yield what a module and those that it needs ask for while they run (softdep pre).

        Several modules may serve what is asked for (crc32c); what the kernel has none for is left
        out. Source: modprobe.d(5).
        """
        for one in (module, *self.needed(module)):
            for word in dict.fromkeys(self._softdeps.get(one.name, ())):
                named = self.module(word)
                if found := (named,) if named else self.by_alias(word):
                    yield found

    def firmware(self, module: Module) -> tuple[str, ...]:
        """Return the firmware files that a built-in module names; see MODULE_FIRMWARE."""
        prefix = f"{module.name}.firmware="
        return tuple(line.removeprefix(prefix) for line in self._modinfo if line.startswith(prefix))

    @cached_property
    def out_of_tree(self) -> tuple[Module, ...]:
        """The modules that were not built with the kernel."""
        modules = (Module(name, path) for name, path in self._paths.items())
        return tuple(module for module in modules if module.out_of_tree)

    def _text(self, name: str) -> str | None:
        return self._texts(name, _FILES[name])

    @cached_property
    def _dependencies(self) -> Mapping[str, tuple[str, ...]]:
        found = {}
        for line in (self._text("modules.dep") or "").splitlines():
            path, colon, needs = line.partition(":")
            if colon:
                found[path] = tuple(needs.split())
        return found

    @cached_property
    def _paths(self) -> Mapping[str, str]:
        return {module_name(path): path for path in self._dependencies}

    @cached_property
    def _softdeps(self) -> Mapping[str, list[str]]:
        """What should be loaded before: ``softdep NAME pre: A B post: C``; see modprobe.d(5)."""
        found: dict[str, list[str]] = {}
        for line in (self._text("modules.softdep") or "").splitlines():
            words = line.split()
            if len(words) < 3 or words[0] != "softdep":
                continue
            before, take = found.setdefault(words[1].replace("-", "_"), []), False
            for word in words[2:]:
                if word in ("pre:", "post:"):
                    take = word == "pre:"
                elif take:
                    before.append(word)
        return found

    @cached_property
    def _built_in(self) -> frozenset[str]:
        lines = (self._text("modules.builtin") or "").splitlines()
        return frozenset(module_name(line) for line in lines if line)

    @cached_property
    def _modinfo(self) -> tuple[str, ...]:
        """``MODULE.KEY=VALUE`` of what is built in; its names have ``_`` already."""
        return tuple((self._text("modules.builtin.modinfo") or "").split("\0"))

    @cached_property
    def _patterns(self) -> Mapping[str, list[tuple[str, str, str]]]:
        """Patterns and their modules, by how a pattern begins before its first wild card.

        There are tens of thousands; an alias is held against those only that begin as it does.
        """
        found: dict[str, list[tuple[str, str, str]]] = {}
        for pattern, name in self._aliases():
            match = _LITERAL.match(pattern)
            literal = match[0] if match else ""
            found.setdefault(literal[:_HEAD], []).append((literal, pattern, name))
        return found

    def _aliases(self) -> Iterator[tuple[str, str]]:
        for line in self._modinfo:
            key, equals, value = line.partition("=")
            if equals and key.endswith(".alias"):
                yield _normal(value), key.removesuffix(".alias")
        for line in (self._text("modules.alias") or "").splitlines():
            if line.startswith("alias "):
                pattern, _, name = line[6:].partition(" ")
                yield _normal(pattern), name


def _normal(alias: str) -> str:
    """Return an alias with ``_`` for ``-``, but for ranges: what libkmod compares."""
    if "-" not in alias:
        return alias
    if "[" not in alias:
        return alias.replace("-", "_")
    parts = re.split(r"(\[[^\[\]]*\])", alias)
    return "".join(part if part.startswith("[") else part.replace("-", "_") for part in parts)


def _stars_fit(alias: str, pattern: str) -> bool:
    """Whether a pattern fits that has only stars, as nearly all: from the left, part by part."""
    first, *others = pattern.split("*")
    if not others:
        return alias == pattern
    *middle, last = others
    if not alias.startswith(first) or len(alias) < len(first) + len(last):
        return False
    at, end = len(first), len(alias) - len(last)
    for part in middle:
        at = alias.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return alias.endswith(last)
