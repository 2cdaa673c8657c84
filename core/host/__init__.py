"""What machine is this? Facts read from /proc and /sys, nothing else."""

from warmboot.core.host.facts import Host, read_host, read_staged
from warmboot.core.host.sessions import Session

__all__ = ["Host", "Session", "read_host", "read_staged"]
