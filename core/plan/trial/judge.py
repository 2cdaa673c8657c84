"""From what was asked for and what is known to a trial: its layers, its words, what it lacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from warmboot.core.boot.presets import Preset, apply
from warmboot.core.fit.initramfs import Initramfs
from warmboot.core.host.hardware import Watchdog, WatchdogCore
from warmboot.core.host.mount_count import MountCount
from warmboot.core.images.uki import Uki
from warmboot.core.plan.command_line import command_line_limits
from warmboot.core.plan.plan import Plan
from warmboot.core.plan.trial.health import Baseline, shell_of
from warmboot.core.plan.trial.target import TargetSystem
from warmboot.core.plan.trial.trial import (
    Layer,
    LayerName,
    Mark,
    OneShot,
    Refusal,
    TrialPlan,
    TrialRequest,
    WatchdogUse,
    WayBack,
)
from warmboot.core.plan.trial.unit import Carried, carry, disarm_script, way_of
from warmboot.core.plan.trial.watchdog import Judged, choose_watchdog
from warmboot.core.values import NamedTuple, replace

# Without all of them together an initrd that finds no root stays in its shell (dracut), or a
# malformed panic= hangs for ever.
_PANIC = ("panic=30", "oops=panic")
_INITRD = ("rd.shell=0", "rd.emergency=reboot", "rd.retry=30")
# Without its queue dracut waits for the root's device as long as systemd does, which it tells to
# wait for ever (rootfs-generator.sh). There is no passphrase to be typed then: that has the queue.
_NO_QUEUE = ("rd.timeout=120",)


class TrialFacts(NamedTuple):
    """What a trial is judged by, beside the plan for what is staged."""

    target: TargetSystem
    watchdogs: tuple[Watchdog, ...]
    core: WatchdogCore
    way_back: WayBack
    baseline: Baseline
    root_mounts: MountCount | None = None


def judge(
    identity: str,
    asked: TrialRequest,
    plan: Plan,
    options: Mapping[str, str] | None,
    facts: TrialFacts,
) -> TrialPlan:
    """Return the trial `identity` of what `plan` stages; `options` build its kernel.

    Raises WrongArgument where a health check cannot run there.
    """
    dog = choose_watchdog(facts.watchdogs, facts.core, asked.seconds, options)
    way, why_not = way_of(facts.target)
    check = shell_of(asked.checks, facts.baseline) if asked.checks else None
    carried = Carried((), b"")
    if way is not None:
        disarm = disarm_script(dog.use.module) if dog.use else ""
        carried = carry(way, facts.target, identity, asked.seconds, check, disarm)
    initrd = (*_INITRD, *(_NO_QUEUE if facts.target.waits_for_ever else ()))
    version = facts.target.root_systemd
    how = None if way is None else f"{asked.seconds} s, {way.value.format(version)}"
    layers = (
        _watchdog_layer(dog),
        _panic_layer(),
        _initrd_layer(facts.target.initramfs, initrd),
        _dead_man_layer(how, why_not),
    )
    words = (*_PANIC, *initrd, *(dog.use.words if dog.use else ()), *carried.words)
    mark = Mark(
        identity,
        asked.seconds,
        dog.use.module if dog.use else None,
        tuple(choice.kind for choice in facts.way_back.choices),
        len(words),
    )
    words = (mark.word(), *words)
    replaced = tuple(word.partition("=")[0] for word in (*_PANIC, *initrd))
    line = apply(plan.cmdline.text, Preset("trial", "On trial", words, replaced))
    request = plan.request._replace(
        cmdline=line, cmdline_from=None, presets=(), append=None, trial=identity
    )
    kernel = (plan.image.linux or plan.image) if isinstance(plan.image, Uki) else plan.image
    made = TrialPlan(
        id=identity,
        asked=asked,
        before=plan.cmdline.text,
        request=request,
        layers=layers,
        way_back=facts.way_back,
        root_mounts=facts.root_mounts,
        watchdog=dog.use,
        words=words,
        segment=carried.segment,
        not_covered=_not_covered(dog.use, facts.target, facts.way_back, dead_man=how is not None),
        refusals=(),
        length=len(line.encode("utf-8", "surrogateescape")) + 1,
        limit=command_line_limits(kernel, plan.architecture, plan.files.release)[1],
    )
    return replace(made, refusals=tuple(_refusals(made, dead_man=how is not None)))


def _watchdog_layer(dog: Judged) -> Layer:
    use = dog.use
    how = None if use is None else f"{use.module}, {use.timeout} s from the jump"
    return Layer(
        LayerName.WATCHDOG,
        how,
        "a kernel that hangs, however early, and a system that is never confirmed",
        "a machine whose power or firmware fails",
        dog.why_not or None,
    )


def _panic_layer() -> Layer:
    return Layer(
        LayerName.PANIC,
        " ".join(_PANIC),
        "a kernel that panics or oopses, and one that finds no root file system or no init",
        "a kernel that hangs without a word",
    )


def _initrd_layer(kind: Initramfs, words: tuple[str, ...]) -> Layer:
    covers = "an initrd that does not find the root file system"
    lacks = "one that waits for a passphrase"
    if kind in (Initramfs.INITRAMFS_TOOLS, Initramfs.DRACUT):
        return Layer(LayerName.INITRD, f"{kind}: {' '.join((_PANIC[0], *words))}", covers, lacks)
    why = "there is no initrd" if kind is Initramfs.NONE else f"the initrd is {kind}"
    return Layer(LayerName.INITRD, None, covers, lacks, f"{why}; only the others cover it")


def _dead_man_layer(how: str | None, why_not: str) -> Layer:
    return Layer(
        LayerName.DEAD_MAN,
        how,
        "a system that is not confirmed in time, with network and sshd down or in emergency mode",
        "a kernel that hangs, and one that does not come to systemd",
        why_not or None,
    )


def _not_covered(
    dog: WatchdogUse | None, target: TargetSystem, way_back: WayBack, *, dead_man: bool
) -> tuple[str, ...]:
    """Return what does not bring the machine back, a sentence each."""
    found = []
    if dog is None:
        found.append(
            "A kernel that hangs before its systemd runs will not come back: this machine has no "
            "usable watchdog."
        )
        if target.initramfs is not Initramfs.NONE and not target.initrd_systemd:
            found.append("Nor will an initrd that waits for a passphrase.")
        if (
            target.initramfs in (Initramfs.MKINITCPIO, Initramfs.OTHER)
            and not target.initrd_systemd
        ):
            found.append(
                f"Nor will an initrd that finds no root file system: it is {target.initramfs}, and "
                "what it does then is not known."
            )
    if not dead_man:
        found.append("Only the watchdog ends the trial: systemd of the new system does not.")
    if not way_back.certain:
        found.append(f"A reset may start another kernel than this one: {way_back.text}.")
    return tuple(found)


def _refusals(trial: TrialPlan, *, dead_man: bool) -> Iterator[Refusal]:
    """Yield what stands against it and was not accepted."""
    asked = trial.asked
    if trial.length > trial.limit:
        yield Refusal(
            f"The command line with the trial's words has {trial.length} bytes; the kernel takes "
            f"{trial.limit}",
            "Shorten it, or the command of --confirm-when; nothing was tried.",
        )
    reasons = {layer.name: layer.why_not for layer in trial.layers}
    if not dead_man and trial.watchdog is None:
        yield Refusal(
            "Nothing here would end the trial. Watchdog: "
            f"{reasons[LayerName.WATCHDOG]}. Dead-man timer: {reasons[LayerName.DEAD_MAN]}",
            "warmboot exec restarts without a trial.",
        )
    if asked.checks and not dead_man:
        yield Refusal(
            f"No health check can run in the new system: {reasons[LayerName.DEAD_MAN]}",
            "Confirm by hand: leave --confirm-when out.",
        )
    if not trial.way_back.certain and not asked.without_way_back:
        yield Refusal(
            f"The way back is not certain: {trial.way_back.text}",
            "Make the running kernel the boot loader's default, or accept it with "
            "--accept-no-way-back.",
            "--accept-no-way-back",
        )
    by_grub = any(choice.kind is OneShot.GRUB for choice in trial.way_back.choices)
    if by_grub and not asked.write_grubenv:
        yield Refusal(
            "GRUB would start another kernel after a reset; that it starts this one once has to be "
            "written into its environment block (grubenv)",
            "Allow that with --write-grubenv, or make this kernel GRUB's default.",
            "--write-grubenv",
        )
    if trial.watchdog is None and dead_man and not asked.without_watchdog:
        yield Refusal(
            f"{trial.not_covered[0]} ({reasons[LayerName.WATCHDOG]})",
            "To go on all the same: --accept-no-watchdog.",
            "--accept-no-watchdog",
        )
