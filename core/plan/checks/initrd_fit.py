"""Checks of an initrd against what the root file system stands on.

Sources: initramfs-tools(7), dracut.modules(7), mkinitcpio(8); btrfs(5) for device=, 64-btrfs.rules
of systemd.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from warmboot.core.boot.cmdline import Word, last_value
from warmboot.core.fit.initramfs import Initramfs
from warmboot.core.fit.kernel_fit import Place
from warmboot.core.host.essentials import Purpose
from warmboot.core.host.root_layers import Layer
from warmboot.core.plan.checks.base import Group, Result, fail, passed, warn
from warmboot.core.plan.checks.fit_subject import FitSubject, listed
from warmboot.core.text import printable

INITRD_FIT = Group[FitSubject]()

#: The programs that set up a layer; one of them is enough.
_PROGRAMS = {
    Layer.CRYPT: ("cryptsetup", "systemd-cryptsetup"),
    Layer.LVM: ("lvm",),
    Layer.RAID: ("mdadm",),
    Layer.VERITY: ("veritysetup", "systemd-veritysetup"),
    Layer.INTEGRITY: ("integritysetup", "systemd-integritysetup"),
    Layer.MULTIPATH: ("multipathd", "multipath"),
    Layer.BCACHE: ("bcache-register",),
    Layer.ZFS: ("zpool",),
    Layer.ISCSI: ("iscsistart", "iscsid"),
    Layer.FABRICS: ("nvme",),
    Layer.NBD: ("nbd-client",),
    Layer.BTRFS: ("btrfs", "64-btrfs.rules"),
}
_REMOTE = (Layer.ISCSI, Layer.FABRICS, Layer.NBD)
_PACKAGES = {
    Layer.CRYPT: "cryptsetup-initramfs",
    Layer.LVM: "lvm2",
    Layer.RAID: "mdadm",
    Layer.MULTIPATH: "multipath-tools-boot",
    Layer.BCACHE: "bcache-tools",
    Layer.ZFS: "zfs-initramfs",
    Layer.ISCSI: "open-iscsi",
    Layer.FABRICS: "nvme-cli",
    Layer.NBD: "nbd-client",
    Layer.BTRFS: "btrfs-progs",
}
_NETWORK_WORDS = ("ip", "nfsaddrs", "rd.neednet")
#: Programs of dracut of which one must be there, what they do, and the module that has them; each
#: but that for the network is for the file system of its name.
_DRACUT_NETWORK = (
    (
        ("NetworkManager", "systemd-networkd", "ifup", "dhclient", "connmand"),
        "brings the network up",
        "network",
    ),
    (("mount.nfs", "mount.nfs4"), "mounts it", "nfs"),
    (("mount.cifs",), "mounts it", "cifs"),
)
#: An initrd that does all of it in one program of its own.
_OF_ITS_OWN = ("etc/booster.init.yaml",)
#: What makes an initrd bring up the network: dracut's netroots, boot=nfs of initramfs-tools, and
#: what open-iscsi puts into an initrd.
_REMOTE_ROOTS = ("nfs:", "nfs4:", "/dev/nfs", "iscsi:", "nbd:", "dhcp", "dhcp6", "live:http")
_REMOTE_WORDS = ("netroot", "rd.iscsi", "iscsi_", "rd.nvmf", "nbdroot")
_ISCSI = "etc/iscsi.initramfs"
_REMOTE_SHELLS = ("dropbear", "tinysshd", "sshd")


@INITRD_FIT.check(
    "initrd-release",
    "Is the initrd made for this kernel?",
    "lib/modules in the initrd",
    forceable=True,
    for_crash=False,
    rule="a module is looked for in lib/modules/RELEASE of the kernel that runs (modprobe(8))",
)
def initrd_release(subject: FitSubject) -> Result | None:
    """Modules of another release are not even looked at."""
    initrd, release = subject.fit.initrd, subject.fit.release
    if initrd is None or release is None or not initrd.releases:
        return None
    if release in initrd.releases:
        return passed(f"The initrd has modules for {printable(release, 100)}")
    text = (
        f"The initrd has modules for {listed(initrd.releases)}, the kernel is "
        f"{printable(release, 100)}"
    )
    hint = "Choose the initrd that was made for this kernel, or make it again."
    root = subject.fit.of(Purpose.ROOT)
    if root and all(fit.place is Place.BUILT_IN for fit in root):
        return warn(f"{text}; what the root needs is built in", hint)
    return fail(text, hint)


@INITRD_FIT.check(
    "initrd-volumes",
    "Can the initrd set up the volumes below the root?",
    "device-mapper and RAID in /sys/block, /sys/fs/btrfs, programs and crypttab in the initrd, "
    "rd.luks.*, cryptdevice=, rootflags=, ip= on the command line",
    forceable=True,
    for_crash=False,
    rule="the kernel itself sets up neither LUKS nor LVM: programs of the initrd do "
    "(Documentation/admin-guide/device-mapper)",
)
def initrd_volumes(subject: FitSubject) -> Iterator[Result]:
    """Encryption, LVM and RAID are set up by programs, which must know what to set up."""
    initrd, stack = subject.fit.initrd, subject.essentials.root
    if initrd is not None and (initrd.problem or initrd.has(*_OF_ITS_OWN)):
        return  # not all of its files are known, or it has none of these programs
    if stack.network:
        yield from _network_root(subject)
    found = False
    for kind, programs in _PROGRAMS.items():
        for volume in stack.volumes_of(kind)[:1]:
            from warmboot.core.fit.volume_words import untold

            found = True
            name = printable(volume.name, 64)
            if kind is Layer.BTRFS and _devices_named(subject):
                yield passed(f"The command line names the disks of {name} ({kind})")
            elif initrd is None:
                text = f"The root file system is on {kind} ({name}), and there is no initrd"
                yield (warn if kind is Layer.RAID else fail)(text, "Give it an initrd.")
            elif not initrd.programs(*programs):
                package = f" ({_PACKAGES[kind]} in Debian)" if kind in _PACKAGES else ""
                yield (warn if kind is Layer.MULTIPATH else fail)(
                    f"The root file system is on {kind} ({name}); the initrd has no program that "
                    f"sets it up ({' or '.join(programs)})",
                    f"Install what brings it into initrds{package}, and make the initrd again.",
                )
            elif (lack := untold(volume, initrd, subject.kernel_words)) is not None:
                text = f"The root file system is on {kind} ({name}), which the initrd leaves alone"
                text += (
                    f": {lack.text}" if lack.certain else f", as far as can be seen: {lack.text}"
                )
                yield (fail if lack.certain else warn)(text, lack.hint)
            else:
                yield passed(f"The initrd can set up {kind} ({name})")
    if not found and not stack.network and stack.problem is None:
        yield passed("No volume has to be set up for the root file system")


@INITRD_FIT.check(
    "root-unlock",
    "Who types the passphrase of the root file system?",
    "dm-crypt in /sys/block, tokens in the LUKS2 header, crypttab and key files in the initrd",
    forceable=True,
    for_crash=False,
)
def root_unlock(subject: FitSubject) -> Result | None:
    """A prompt that nobody sees ends a restart from afar."""
    volumes = subject.essentials.root.volumes_of(Layer.CRYPT)
    initrd, crypt = subject.fit.initrd, subject.encryption
    if not volumes or initrd is None or initrd.problem:
        return None
    from warmboot.core.fit.crypttab import entry_of, key_file, key_word

    name = printable(volumes[0].name, 64)
    entry = entry_of(initrd.crypttab, volumes[0].name, volumes[0].uuid)
    key = key_file(entry.key) if entry and entry.key else None
    key = key_word((*initrd.own_words, *subject.kernel_words)) if entry is None else key
    if key is not None and key.device is not None:
        return warn(
            f"{name} (dm-crypt) is opened by a key file on {printable(key.device, 100)}",
            "Leave that attached to the machine.",
        )
    if key is not None and not initrd.has_key(volumes[0].name, key.path):
        return fail(
            f"{name} (dm-crypt) is opened by the key file {printable(key.path, 100)}, which the "
            "initrd has not",
            "Make the initrd again, with the key file in it.",
        )
    if key is not None:
        return passed(f"{name} (dm-crypt) is opened by a key file in the initrd")
    if entry is not None and entry.script:
        return warn(
            f"{name} (dm-crypt) is opened by a script: {printable(entry.script, 100)}",
            "Make sure that it needs nobody at the console.",
        )
    if crypt is not None and crypt.tpm2 and initrd.unlocks_by_token:
        return warn(
            f"{name} (dm-crypt) is unlocked by a token (TPM, Tang)",
            "The TPM's registers keep the values of this boot; be ready to type the passphrase.",
        )
    if initrd.programs(*_REMOTE_SHELLS):
        return warn(
            f"{name} (dm-crypt) waits for its passphrase; the initrd can be reached over SSH",
            "Log in to the initrd after the restart, and unlock it there.",
        )
    text = f"{name} (dm-crypt): the new kernel asks for its passphrase at the console"
    if subject.host.remote is None:
        return warn(text, "Be at the console to type it.")
    return fail(
        f"{text}, and over SSH nobody types it",
        "Enrol the TPM (systemd-cryptenroll --tpm2-device=auto) or Tang (clevis), or have somebody "
        "at the console.",
    )


@INITRD_FIT.check(
    "microcode",
    "Does the new kernel get the processor's microcode?",
    "vendor, family and microcode in /proc/cpuinfo, kernel/x86/microcode in the initrd, "
    "/usr/lib/firmware, CONFIG_EXTRA_FIRMWARE",
    for_crash=False,
    rule="early microcode is looked for in an archive in front of the initrd, or in the kernel "
    "itself (Documentation/arch/x86/microcode.rst); a kexec resets no processor, which keeps what "
    "was loaded",
)
def microcode(subject: FitSubject) -> Result | None:
    """Of no consequence at once: the revision that runs stays until the next power-on."""
    processor, initrd = subject.essentials.processor, subject.fit.initrd
    if processor is None:
        return None
    now = f"the processor runs {printable(processor.revision or 'an unknown revision', 40)} now"
    if initrd is not None and initrd.has(processor.early):
        return passed(f"The initrd has early microcode; {now}")
    if processor.file in ((subject.options or {}).get("EXTRA_FIRMWARE") or "").split():
        return passed(f"{subject.release} has the microcode built in; {now}")
    if (initrd is not None and initrd.problem) or subject.fit.microcode is None:
        return None
    lacks = "There is no initrd that brings early microcode"
    lacks = lacks if initrd is None else "The initrd has no early microcode for this processor"
    if not subject.fit.microcode:
        return passed(f"{lacks}, and none is installed; {now}, and keeps it through a kexec")
    return warn(
        f"{lacks}, though /usr/lib/firmware has it ({processor.file}): {now}, keeps it through a "
        "kexec, and has firmware's after the next power-on",
        "Make the initrd again, with intel-microcode or amd64-microcode (dracut: early_microcode).",
    )


def _network_root(subject: FitSubject) -> Iterator[Result]:
    initrd, stack = subject.fit.initrd, subject.essentials.root
    kinds = (one.kind.value for one in stack.volumes if one.kind in _REMOTE)
    over = next(kinds, printable(stack.type, 32))
    own = initrd.own_words if initrd is not None else ()
    if not _asks_for_network(subject, (*own, *subject.kernel_words)):
        yield warn(
            f"The root file system comes over the network ({over}), and "
            "nothing tells the initrd to bring the network up",
            "Add ip=dhcp, as the running system may have it in its initrd's configuration.",
        )
    if initrd is None or initrd.made_by is not Initramfs.DRACUT:
        return
    for programs, task, module in _DRACUT_NETWORK:
        serves = module == "network" or stack.type.startswith(module)
        if serves and not initrd.programs(*programs):
            yield fail(
                f"The root file system comes over the network ({over}); the initrd has no program "
                f"that {task} ({listed(programs)})",
                f"Make it again with dracut's module {module} (dracut-network in Debian).",
            )


def _asks_for_network(subject: FitSubject, words: Sequence[Word]) -> bool:
    """Whether words tell to bring up the network; an initrd does so by DHCP for a root there."""
    initrd = subject.fit.initrd
    if any(word.key in _NETWORK_WORDS for word in words):
        return True
    if initrd is None:
        return False
    if initrd.has(_ISCSI) or (last_value(words, "root") or "").startswith(_REMOTE_ROOTS):
        return True
    if last_value(words, "boot") == "nfs":
        return True
    return any(word.key.startswith(_REMOTE_WORDS) for word in words)


def _devices_named(subject: FitSubject) -> bool:
    """Whether rootflags= names the devices, so that the kernel needs no program to find them."""
    flags = last_value(subject.kernel_words, "rootflags") or ""
    return any(flag.startswith("device=") for flag in flags.split(","))
