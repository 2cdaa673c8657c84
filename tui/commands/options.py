"""From parsed options to what is asked for."""

from __future__ import annotations

import argparse

from warmboot.core.plan.request import Call, Origin, PlanRequest

_LOADERS = {"file": Call.FILE, "load": Call.LOAD, "tools": Call.TOOLS}


def stage_request(options: argparse.Namespace) -> PlanRequest:
    """Return what the options of ``stage`` ask for."""
    return cmdline_request(options)._replace(
        kernel=options.kernel,
        initrds=() if options.no_initrd else tuple(options.initrd) if options.initrd else None,
        devicetree=options.dtb,
        addons=() if options.no_addons else tuple(options.addon) if options.addon else None,
        profile=options.profile,
        loader=_LOADERS.get(options.loader),
        panic=options.panic,
        forced=tuple(options.force or ()),
        sha256=options.sha256,
    )


def cmdline_request(options: argparse.Namespace) -> PlanRequest:
    """Return what the options for a command line ask for."""
    asked = None
    if options.reuse_cmdline:
        asked = Origin.RUNNING
    elif options.installed_cmdline:
        asked = Origin.INSTALLED
    return PlanRequest(
        entry=options.entry or options.selector,
        cmdline=options.cmdline,
        cmdline_from=asked,
        presets=tuple(options.preset or ()),
        append=options.append,
    )
