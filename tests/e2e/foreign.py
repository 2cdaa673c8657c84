"""Programs of another architecture, run here: QEMU's user mode, for one command and what it starts.

The emulator is registered in a user namespace of its own, which has its own binfmt_misc since
Linux 6.7: the machine's registrations stay as they are, and nothing is left behind.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from .fetch import COMMAND_TIMEOUT, SUITE, Arch, FetchError, debian_tree

#: ELF's e_machine of what is emulated; the header is 64-bit, little-endian, ET_EXEC or ET_DYN.
MACHINES = {Arch.ARM64: 0xB7}
MAGIC = r"\x7fELF\x02\x01\x01" + r"\x00" * 9 + r"\x02\x00\x{:02x}\x00"
MASK = r"\xff" * 7 + r"\x00" + r"\xff" * 8 + r"\xfe\xff\xff\xff"
#: Waits for its user ids; F opens the emulator now, so that it is found from within a chroot.
ENTER = """\
echo ready && read -r _ && exec unshare --mount --pid --fork --kill-child --mount-proc sh -ec '
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
printf %s "$1" >/proc/sys/fs/binfmt_misc/register
shift
exec "$@"' - "$@"
"""


def run_foreign(arch: Arch, *command: str | Path, seconds: float = COMMAND_TIMEOUT) -> None:
    """Run a command of this machine that starts programs of `arch`; raises FetchError."""
    tree = debian_tree(Arch.AMD64, ["qemu-user-static"], SUITE)
    emulator = tree / f"usr/bin/qemu-{arch.machine}-static"
    magic = MAGIC.format(MACHINES[arch])
    entry = f":qemu-{arch.machine}:M::{magic}:{MASK}:{emulator}:F"
    words = ["unshare", "--user", "sh", "-c", ENTER, "-", entry, *map(str, command)]
    with subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            said = process.stdout.readline()
            if said == b"ready\n":
                for name in ("uid_map", "gid_map"):
                    Path(f"/proc/{process.pid}/{name}").write_text("0 0 4294967295\n", "ascii")
            said += process.communicate(b"\n", seconds)[0]
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode != 0:
        text = said.decode(errors="replace").strip()[-4000:]
        raise FetchError(f"{' '.join(map(str, command))}: exit code {process.returncode}\n{text}")
