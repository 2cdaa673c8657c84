"""What machine is this? Facts read from /proc, /sys and /run, nothing else.

Facts that take longer are in warmboot.core.host.live_state, imported where they are needed.
"""

from warmboot.core.host.host import Host, read_host, read_staged
from warmboot.core.host.sessions import Session

__all__ = ["Host", "Session", "read_host", "read_staged"]
