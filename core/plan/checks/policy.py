"""Which rule makes the kernel want signed images: one table, read by checks and simulator.

Sources, beside those of the rows: kernel/kexec_file.c (kimage_validate_signature), kernel/kexec.c
(kexec_load_check), kernel/Kconfig.kexec.
"""

from __future__ import annotations

import errno
from collections.abc import Callable

from warmboot.core.architecture import of_machine
from warmboot.core.bpf.dialects import facts_of
from warmboot.core.hints import TYPE_CHECKING
from warmboot.core.host import Host
from warmboot.core.plan.request import Call
from warmboot.core.text import printable
from warmboot.core.values import NamedTuple, dataclass

if TYPE_CHECKING:
    from warmboot.core.bpf.abi import Dialect


class Policy(NamedTuple):
    """What the rules look at. `sig`, `force` and the like are build options, None if not known.

    `old`: CONFIG_KEXEC_VERIFY_SIG, as it was called up to Linux 5.3 (and in kernels that took it
    over from there): what it verifies, it enforces.
    """

    lockdown: str | None
    secure_boot: bool
    ima: bool
    old: bool | None
    sig: bool | None
    force: bool | None
    arch_policy: bool | None
    trusted_boot: bool | None

    @property
    def locked(self) -> bool:
        """Whether lockdown is in force, at either level."""
        return self.lockdown not in (None, "none")


@dataclass(frozen=True)
class Guard:
    """One rule. `applies` says where it is in force, `cause` why; `source` is the kernel's code.

    `call` is the system call that it guards. `sure`: whether an image without a signature is
    refused for certain. `in_file`: whether it is the signature inside the PE file that counts, not
    IMA's, which lies beside it. `refusal` is the errno, None for that of the verification.
    """

    name: str
    call: Call
    cause: str
    source: str
    applies: Callable[[Policy], bool]
    sure: Callable[[Policy], bool] = lambda _: True
    in_file: Callable[[Policy], bool] = lambda _: True
    refusal: int | None = None


#: In the order the kernel comes to them; the first that applies and is sure counts.
GUARDS = (
    Guard(
        "old-verify", Call.FILE,
        "the kernel takes signed images only (CONFIG_KEXEC_VERIFY_SIG)",
        "kernel/kexec_file.c of Linux 3.17 to 5.3",
        lambda p: p.old is True,
    ),
    Guard(
        "force", Call.FILE,
        "the kernel takes signed images only (CONFIG_KEXEC_SIG_FORCE)",
        "kernel/kexec_file.c since 5.4",
        lambda p: p.force is True,
    ),
    Guard(
        "arch-policy", Call.FILE,
        "secure boot is on, and CONFIG_IMA_ARCH_POLICY wants signatures with it",
        "security/integrity/ima/ima_efi.c since 5.0 (set_kexec_sig_enforced)",
        lambda p: p.secure_boot and p.arch_policy is True,
        in_file=lambda p: p.sig is True or p.old is True,
    ),
    Guard(
        "lockdown", Call.FILE,
        "the kernel is locked down ({lockdown})",
        "kernel/kexec_file.c since 5.4 (LOCKDOWN_KEXEC, only with CONFIG_KEXEC_SIG)",
        lambda p: p.locked,
        sure=lambda p: p.sig is not False,
        in_file=lambda p: not p.ima,
        refusal=errno.EPERM,
    ),
    Guard(
        "ima", Call.FILE,
        "IMA's policy wants a signature on every kernel",
        "security/integrity/ima/ima_policy.c (KEXEC_KERNEL_CHECK)",
        lambda p: p.ima,
        in_file=lambda _: False,
        refusal=errno.EACCES,
    ),
    Guard(
        "secure-boot", Call.FILE,
        "secure boot is on",
        "none of the kernel's: distributions couple it with lockdown",
        lambda p: p.secure_boot,
        sure=lambda _: False,
    ),
    Guard(
        "lockdown", Call.LOAD,
        "the kernel is locked down ({lockdown})",
        "kernel/kexec.c since 5.4 (LOCKDOWN_KEXEC)",
        lambda p: p.locked,
        refusal=errno.EPERM,
    ),
    Guard(
        "ima-secure-boot", Call.LOAD,
        "secure boot is on, and a kernel from memory has no signature",
        "security/integrity/ima/ima_main.c since 5.0 (ima_load_data, with CONFIG_KEXEC_SIG)",
        lambda p: p.secure_boot and p.trusted_boot is True and (p.sig is True or p.old is True),
        refusal=errno.EACCES,
    ),
    Guard(
        "ima", Call.LOAD,
        "IMA's policy wants a signature on every kernel",
        "security/integrity/ima/ima_main.c since 4.20 (ima_load_data)",
        lambda p: p.ima,
        refusal=errno.EACCES,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """`cause`: why a signature is wanted. `enforced`: an image without one is refused for sure.

    `in_file`: it is the one inside the PE file that counts, not IMA's, which lies beside it.
    `refusal` is the errno for an unsigned image, None for that of the verification.
    """

    cause: str
    enforced: bool
    in_file: bool = True
    refusal: int | None = None


def read_policy(host: Host, ima_appraises: bool | None) -> Policy:
    """Return what the rules look at on this machine."""
    return Policy(
        lockdown=host.lockdown,
        secure_boot=host.secure_boot is True,
        ima=bool(ima_appraises),
        old=host.option("KEXEC_VERIFY_SIG"),
        sig=host.option("KEXEC_SIG"),
        force=host.option("KEXEC_SIG_FORCE"),
        arch_policy=host.option("IMA_ARCH_POLICY"),
        trusted_boot=host.option("IMA_SECURE_AND_OR_TRUSTED_BOOT"),
    )


def rule_in(policy: Policy, call: Call) -> Rule | None:
    """Return the rule that guards a call, None where unsigned images are taken.

    The first that refuses for certain; where none does, the first that may.
    """
    guards = [guard for guard in GUARDS if guard.call is call and guard.applies(policy)]
    for guard in sorted(guards, key=lambda guard: not guard.sure(policy)):
        cause = guard.cause.format(lockdown=printable(policy.lockdown or "", 64))
        return Rule(cause, guard.sure(policy), guard.in_file(policy), guard.refusal)
    return None


def signature_rule(host: Host, ima_appraises: bool | None) -> Rule | None:
    """Return the rule for kexec_file_load(2) that is in force, None where unsigned are taken."""
    return rule_in(read_policy(host, ima_appraises), Call.FILE)


def memory_load_barred(host: Host, ima_appraises: bool | None) -> Rule | None:
    """Return why kexec_load(2) is refused: it brings no file whose signature could be checked."""
    return rule_in(read_policy(host, ima_appraises), Call.LOAD)


def cannot_verify(host: Host) -> bool:
    """Whether the kernel is known to check no signature in a file: it then refuses signed ones too.

    Source: kexec_image_verify_sig() in kernel/kexec_file.c; KEXEC_BZIMAGE_VERIFY_SIG on x86,
    KEXEC_IMAGE_VERIFY_SIG on arm64.
    """
    architecture = of_machine(host.machine)
    verifier = architecture.facts.verify_option if architecture else None
    no_files = host.option("KEXEC_FILE") is False
    return no_files or (verifier is not None and host.option(verifier) is False)


def signed_way(host: Host, dialect: Dialect | None = None) -> str:
    """Return what would work here, as a sentence; `dialect` is of the kernel's parser interface."""
    architecture = of_machine(host.machine)
    formats = architecture.facts.accepts if architecture else ()
    if cannot_verify(host):
        return "This kernel cannot check signatures of images at all. Reboot through firmware."
    kind = f" ({' or '.join(formats)})" if formats else ""
    parsers_run = host.lockdown != "confidentiality"
    if dialect is not None and not facts_of(dialect).whole:
        if not parsers_run:
            return "No parser may run under this lockdown. Reboot through firmware."
        return (
            "What works: an image that carries its parser and was signed with it (warmboot bpf "
            "envelope --sign) by a key this machine trusts; or reboot through firmware."
        )
    unpacked = dialect is not None and parsers_run
    bpf = ", or a signed zboot image or UKI, which this kernel unpacks itself" if unpacked else ""
    return (
        f"What works: a kernel{kind} signed by a key this machine trusts and loaded as it is{bpf}; "
        "or reboot through firmware."
    )
