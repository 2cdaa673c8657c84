"""Checks of what is other in the new kernel: build options, modules, features it is too old for."""

from __future__ import annotations

from collections.abc import Iterator

from warmboot.core.architecture import kernel_version
from warmboot.core.fit.build_options import differences
from warmboot.core.plan.checks.base import Group, Result, passed, warn
from warmboot.core.plan.checks.fit_subject import FitSubject, listed
from warmboot.core.text import printable

KERNEL_CHANGES = Group[FitSubject]()

_SHOWN = 8


@KERNEL_CHANGES.check(
    "build-options",
    "Does the new kernel lack what is used here?",
    "build options of both kernels: /proc/config.gz, /boot/config-RELEASE, "
    "/usr/lib/modules/RELEASE/config",
    for_crash=False,
)
def build_options(subject: FitSubject) -> Iterator[Result]:
    """Only what matters; warmboot compare counts the others."""
    if subject.options is None or subject.host.config is None:
        return
    found = differences(subject.host.config, subject.options)
    for one in found[:_SHOWN]:
        yield warn(
            f"CONFIG_{one.name} is {one.new or 'not set'} in {subject.release}, "
            f"{one.old or 'not set'} here: {one.meaning}",
            "warmboot compare shows all that differs.",
        )
    if len(found) > _SHOWN:
        yield warn(
            f"{len(found) - _SHOWN} more build options differ that matter",
            "warmboot compare shows them.",
        )
    if not found:
        yield passed(f"{subject.release} has the build options that matter here")


@KERNEL_CHANGES.check(
    "out-of-tree",
    "Does the new kernel have the modules that were built beside the running one?",
    "updates, extra and weak-updates below /usr/lib/modules, /proc/modules",
    for_crash=False,
)
def out_of_tree(subject: FitSubject) -> Result | None:
    """DKMS builds for the kernels that were there when it ran."""
    if not subject.fit.left_behind:
        return None
    return warn(
        f"{subject.release} has no {listed(subject.fit.left_behind)}, which are loaded here and "
        "are not built with the kernel",
        f"Build them for it: dkms autoinstall -k {subject.release}.",
    )


@KERNEL_CHANGES.check(
    "root-features",
    "Does the new kernel know the features of the root file system?",
    "superblock of ext4 and XFS, /sys/fs/btrfs/*/features, the kernel's release",
    for_crash=False,
    rule="a file system with a feature that the kernel does not know is not mounted, or only for "
    "reading (fs/ext4/super.c, fs/xfs/xfs_super.c, fs/btrfs/disk-io.c)",
)
def root_features(subject: FitSubject) -> Result | None:
    """An older kernel may refuse what a newer mkfs switched on."""
    features, version = subject.essentials.features, kernel_version(subject.fit.release)
    if features is None or version is None:
        return None
    kind = printable(subject.essentials.root.type, 32)
    newer = [one for one in features if one.since > version]
    if not newer:
        return passed(f"{subject.release} knows the features of the root file system ({kind})")
    names = (f"{one.name} (Linux {one.since[0]}.{one.since[1]})" for one in newer)
    return warn(
        f"The root file system ({kind}) has features that are newer than {subject.release}: "
        f"{listed(names)}",
        "It will not be mounted, unless the kernel's distributor has added them.",
    )
