"""What the kernel's answers mean to an operator; one table per request."""

from __future__ import annotations

import errno
import os

from warmboot.core.debug import debug
from warmboot.core.errors import NothingStaged, Refused, WarmbootError

#: kexec_file_load(2): errno → (what it means, what to do next). Sources: kexec_file_load(2),
#: kernel/kexec_file.c, arch/*/kernel/*kexec*.c.
LOAD = {
    errno.EPERM: (
        "loading and unloading kernels is not permitted",
        "It takes root, kexec not switched off, and a limit that is not used up: warmboot status.",
    ),
    errno.EBUSY: (
        "kexec is busy: a load is running or has crashed, or a processor cannot be stopped",
        "Try again in a moment. If that does not help, reboot through firmware.",
    ),
    errno.ENOSYS: (
        "this kernel has no such call",
        "It was built without it. Try another --loader, or reboot through firmware.",
    ),
    errno.ENOEXEC: (
        "the kernel does not know the format of this image",
        "Check that the image is for this architecture. warmboot inspect shows what it is.",
    ),
    errno.EINVAL: (
        "the kernel rejects the image, the command line or a flag",
        "Most often the command line is too long, or the image is of another architecture.",
    ),
    errno.ENODATA: (
        "the image carries no signature, and this machine accepts signed kernels only",
        "Choose a signed kernel that is loaded as it is, or reboot through firmware.",
    ),
    errno.EKEYREJECTED: (
        "the image's signature is missing or not trusted here",
        "Choose a kernel signed by a key of this machine, or reboot through firmware.",
    ),
    errno.ENOKEY: (
        "the image is signed by a key this machine does not know",
        "Enrol the signer's key, choose another kernel, or reboot through firmware.",
    ),
    errno.ENOPKG: (
        "the kernel lacks the crypto that the signature needs",
        "Load the module of that hash or key type, then try again.",
    ),
    errno.ELIBBAD: (
        "the image's signature is malformed, or it is not a PE file where one is required",
        "Choose a signed kernel that is loaded as it is, or reboot through firmware.",
    ),
    errno.EBADMSG: (
        "the signature does not match the image",
        "The file was changed after it was signed. Install it again.",
    ),
    errno.EADDRNOTAVAIL: (
        "there is no room in memory where the new kernel must go",
        "Free memory, or use a smaller initrd. A crash kernel needs crashkernel= at boot.",
    ),
    errno.ENOMEM: (
        "not enough memory for the kernel and its initrd",
        "Free memory, or use a smaller initrd. Swap does not count.",
    ),
    errno.EFBIG: ("the kernel or initrd is larger than the kernel accepts", "Use a smaller one."),
    errno.ETXTBSY: (
        "the image file is still open for writing",
        "An update may be running. Wait until it has finished.",
    ),
    errno.EFAULT: (
        "a file became shorter while the kernel read it",
        "Something else is writing to it. Try again when it has finished.",
    ),
    errno.EBADF: ("the kernel cannot read the image's descriptor", "Report this as a bug."),
}

_SIGNED = (
    "Choose an image that is signed by a key this machine trusts, with its parser where it carries "
    "one: see warmboot-bpf(7)."
)
#: The same call where the kernel runs parsers over what it is given.
LOAD_BY_PARSER = LOAD | {
    **{
        code: (LOAD[code][0], _SIGNED)
        for code in (errno.ENODATA, errno.EKEYREJECTED, errno.ELIBBAD)
    },
    errno.EINVAL: (
        "the kernel, or the parser that it ran, rejects the image",
        "Is it signed by a key this machine trusts, where that counts? See dmesg.",
    ),
    errno.EPERM: (
        "loading this image is not permitted",
        "For root: a signature by a key this machine trusts is wanted; see warmboot status.",
    ),
}

EXECUTE = {
    errno.EPERM: ("restarting is not permitted", "Run warmboot as root (sudo warmboot)."),
    errno.EINVAL: ("no kernel is staged", "Stage one first: warmboot stage."),
    errno.EBUSY: ("a load is running at this moment", "Wait a moment and try again."),
}


def refusal(code: int, table: dict[int, tuple[str, str]], request: str) -> WarmbootError:
    """Return the error for errno `code`; `request` says what was asked ("Staging", "Unload")."""
    name = errno.errorcode.get(code, str(code))
    debug("%s: the kernel answered %s", request, name)
    meaning, hint = table.get(code, (os.strerror(code), None))
    message = f"{request} was refused: {meaning} ({name})"
    if table is EXECUTE and code == errno.EINVAL:
        return NothingStaged(message, hint=hint)
    return Refused(message, errno=code, hint=hint)
