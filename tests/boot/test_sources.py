"""Every source of entries is in the registry, and every kind of entry has one."""

from __future__ import annotations

import importlib
import pkgutil

from warmboot.core.boot import sources
from warmboot.core.boot.entry import BootLoader, Kind
from warmboot.core.boot.sources.registry import SOURCES


def test_no_source_is_forgotten() -> None:
    names = {module.name for module in pkgutil.iter_modules(sources.__path__)}
    found = [
        importlib.import_module(f"{sources.__name__}.{name}").SOURCE
        for name in names - {"source", "registry"}
    ]
    assert sorted(map(id, found)) == sorted(map(id, SOURCES))


def test_every_kind_and_every_boot_loader_has_a_source() -> None:
    assert {kind for source in SOURCES for kind in source.kinds} == set(Kind)
    loaders = [source.loader for source in SOURCES if source.loader is not None]
    assert sorted(loaders) == sorted(BootLoader)
