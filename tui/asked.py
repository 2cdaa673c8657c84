"""What the options for a command line ask for, as far as it has to be looked up."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from warmboot.core.boot.cmdline import installed
from warmboot.core.errors import NotFound

if TYPE_CHECKING:
    from warmboot.core.boot import Entry
    from warmboot.core.boot.presets import Preset
    from warmboot.core.kexec import Machine


def presets_of(machine: Machine) -> tuple[Preset, ...]:
    """Return the built-in presets and the configured ones; raises WarmbootError."""
    from warmboot.core.boot.presets import config_paths, read_presets

    prefix = machine.host.prefix
    return read_presets(machine.host.machine, config_paths(os.environ, prefix))


def chosen_presets(machine: Machine, options: argparse.Namespace) -> tuple[Preset, ...]:
    """Return the presets named by --preset; raises NotFound, WarmbootError."""
    if not options.preset:
        return ()
    from warmboot.core.boot.presets import find_preset

    presets = presets_of(machine)
    return tuple(find_preset(presets, name) for name in options.preset)


def installed_line(
    machine: Machine, options: argparse.Namespace, entry: Entry | None
) -> str | None:
    """Return the root's own command line where --installed-cmdline asks for it.

    It also stands in for an entry of another system that states none: the line that runs here
    would be wrong there.
    """
    if not options.installed_cmdline:
        lacking = entry is not None and entry.cmdline is None and machine.foreign_root
        return installed(machine.root) if lacking and not options.reuse_cmdline else None
    line = installed(machine.root)
    if line is None:
        hint = "kernel-install(8) keeps it there; not every system has it."
        raise NotFound("There is no /etc/kernel/cmdline", hint=hint)
    return line
