#!/usr/bin/python
# GNU General Public License v2.0 or later
"""Module warmboot.kexec.restart: documentation; the work is done by the action of its name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: restart
short_description: Restart a machine into what is staged, and wait until it is back
description:
  - Restarts the machine by kexec, waits for it, and fails where it does not come back, or not in what was staged.
  - Where nothing is staged, nothing is done.
options:
  timeout:
    description: Seconds in which the machine must be back.
    type: int
    default: 600
  delay:
    description: Seconds between the order and the restart, in which the connection is closed. With O(trial) there are none.
    type: int
    default: 3
  trial:
    description: Restart on trial for this long (V(10m)); the machine is confirmed once it is back in what was staged.
    type: str
  root:
    description: The boot root; that of a simulated machine in tests.
    type: path
    default: /
  executable:
    description: Name or path of the program.
    type: str
    default: warmboot
author: warmboot contributors (@warmboot)
attributes:
  check_mode:
    support: full
    description: Tells whether there would be a restart.
"""

EXAMPLES = r"""
- name: Restart into it, and be sure that it is back
  warmboot.kexec.restart:
    timeout: 300
"""

RETURN = r"""
release:
  description: The kernel that runs afterwards.
  type: str
  returned: success
away:
  description: Seconds that the machine was away, as it says itself.
  type: float
  returned: where known
boot_id:
  description: Names the boot that the machine is in afterwards.
  type: str
  returned: success
"""
