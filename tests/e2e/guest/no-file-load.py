"""Run a program as if the kernel had no kexec_file_load(2): a filter answers ENOSYS for it.

Source: Documentation/userspace-api/seccomp_filter.rst; the call's number is x86-64's.
"""

import ctypes
import os
import struct
import sys

CALL, ENOSYS = 320, 38
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
PR_SET_SECCOMP, FILTER = 22, 2
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
WORDS = (
    (LOAD, 0, 0, 0),
    (EQUAL, 0, 1, CALL),
    (RETURN, 0, 0, ERRNO | ENOSYS),
    (RETURN, 0, 0, ALLOW),
)

code = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *word) for word in WORDS))
program = struct.pack("<HxxxxxxQ", len(WORDS), ctypes.addressof(code))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(PR_SET_SECCOMP, FILTER, program, 0, 0):
    sys.exit(f"no filter: {os.strerror(ctypes.get_errno())}")
os.execv(sys.argv[1], sys.argv[1:])
