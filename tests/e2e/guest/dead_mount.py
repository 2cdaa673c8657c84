"""Run in a guest: mount a file system at /mnt that answers nothing, as one of a dead server does.

It is FUSE on a block device: unmounting that asks its program once more (FUSE_DESTROY), and waits.
The program answers the first request only (FUSE_INIT, without which it would not be asked), and
calls itself a storage daemon, which is not ended at a restart. Source: include/uapi/linux/fuse.h.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct

LOOP_SET_FD = 0x4C00
DISK = 1 << 20

disk = os.open("/tmp/disk", os.O_RDWR | os.O_CREAT)
os.ftruncate(disk, DISK)
fcntl.ioctl(os.open("/dev/loop0", os.O_RDWR), LOOP_SET_FD, disk)
device = os.open("/dev/fuse", os.O_RDWR)
os.set_inheritable(device, True)
options = b"fd=%d,rootmode=40000,user_id=0,group_id=0" % device
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b"/dev/loop0", b"/mnt", b"fuseblk", ctypes.c_ulong(0), options) != 0:
    raise OSError(ctypes.get_errno(), "mount")
_, _, unique = struct.unpack_from("<IIQ", os.read(device, 1 << 17))
version = struct.pack("<IIIIHHI", 7, 31, 0, 0, 0, 0, 4096).ljust(64, b"\0")
os.write(device, struct.pack("<IiQ", 16 + len(version), 0, unique) + version)
if os.fork() == 0:
    os.setsid()
    os.execv("/usr/bin/python3.11", ["@dead-mount", "-c", "import time; time.sleep(1e6)"])
