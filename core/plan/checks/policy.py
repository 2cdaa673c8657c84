"""Which rule makes the kernel want signed images. Sources: kernel/kexec_file.c,
security/integrity/ima/ima_efi.c, security/lockdown/lockdown.c."""

from __future__ import annotations

from dataclasses import dataclass

from warmboot.core.architecture import of_machine
from warmboot.core.bpf.abi import Dialect
from warmboot.core.bpf.dialects import facts_of
from warmboot.core.host import Host
from warmboot.core.text import printable


@dataclass(frozen=True, slots=True)
class Rule:
    """`cause`: why a signature is wanted. `enforced`: an image without one is refused for sure.

    `in_file`: it is the one inside the PE file that counts, not IMA's, which lies beside it.
    """

    cause: str
    enforced: bool
    in_file: bool = True


def signature_rule(host: Host, ima_appraises: bool | None) -> Rule | None:
    """Return the rule in force, None where unsigned images are taken.

    Lockdown refuses what no signature stands for. With CONFIG_KEXEC_SIG_FORCE, or secure boot
    and IMA's architecture policy, a signature is wanted always. Secure boot by itself asks for
    none, but distributions couple it with lockdown.
    """
    if host.lockdown not in (None, "none"):
        level = f"the kernel is locked down ({printable(host.lockdown or '', 64)})"
        return Rule(level, host.option("KEXEC_SIG") is not False, not ima_appraises)
    if host.option("KEXEC_SIG_FORCE"):
        return Rule("the kernel takes signed images only (CONFIG_KEXEC_SIG_FORCE)", True)
    if host.secure_boot and host.option("IMA_ARCH_POLICY"):
        cause = "secure boot is on, and CONFIG_IMA_ARCH_POLICY wants signatures with it"
        return Rule(cause, True, host.option("KEXEC_SIG") is True)
    if ima_appraises:
        return Rule("IMA's policy requires a signature on every kernel", True, in_file=False)
    return Rule("secure boot is on", False) if host.secure_boot else None


def memory_load_barred(host: Host, ima_appraises: bool | None) -> bool:
    """Whether kexec_load(2) is refused: it brings no file whose signature could be checked.

    Sources: kernel/kexec.c, ima_load_data() in security/integrity/ima/ima_main.c.
    """
    locked = host.lockdown not in (None, "none")
    appraised = host.option("KEXEC_SIG") and host.option("IMA_SECURE_AND_OR_TRUSTED_BOOT")
    return locked or bool(ima_appraises) or bool(host.secure_boot and appraised)


def signed_way(host: Host, dialect: Dialect | None = None) -> str:
    """Return what would work here, as a sentence; `dialect` is of the kernel's parser interface."""
    architecture = of_machine(host.machine)
    formats = architecture.facts.accepts if architecture else ()
    verifier = architecture.facts.verify_option if architecture else None
    if host.option("KEXEC_FILE") is False or (verifier and host.option(verifier) is False):
        return "This kernel cannot check signatures of images at all. Reboot through firmware."
    kind = f" ({' or '.join(formats)})" if formats else ""
    if dialect is not None and host.lockdown == "confidentiality":
        return "No parser may run under this lockdown. Reboot through firmware."
    if dialect is not None and not facts_of(dialect).whole:
        return (
            "What works: an image that carries its parser and was signed with it (warmboot bpf "
            "envelope --sign) by a key this machine trusts; or reboot through firmware."
        )
    bpf = ", or a signed image with its own BPF parser" if host.option("KEXEC_BPF") else ""
    return (
        f"What works: a kernel{kind} signed by a key this machine trusts and loaded as it is{bpf}; "
        "or reboot through firmware."
    )
