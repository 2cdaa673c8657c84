"""Run in a guest: somebody else's login. What is written to its terminal goes to /run/heard.

It is a terminal and a record in utmp(5), which is all that wall(1) looks for; the process that
reads goes on in the background.
"""

from __future__ import annotations

import os
import pty
import struct
import tty

_RECORD = "hi32s4s32s256shhiii4i20x"  # struct utmp of utmp(5), on x86-64
_USER_PROCESS = 7


def main() -> None:
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    line = os.ttyname(theirs).removeprefix("/dev/").encode()
    if os.fork():
        return
    os.setsid()
    login = (_USER_PROCESS, os.getpid(), line, b"p0", b"operator", b"192.0.2.7")
    record = struct.pack(_RECORD, *login, 0, 0, os.getpid(), 1, 0, 0, 0, 0, 0)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    utmp, heard = os.open("/run/utmp", flags, 0o664), os.open("/run/heard", flags, 0o600)
    os.write(utmp, record)
    while said := os.read(ours, 4096):
        os.write(heard, said)


if __name__ == "__main__":
    main()
