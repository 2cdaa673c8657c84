#!/usr/bin/python
# GNU General Public License v2.0 or later
"""Module warmboot.kexec.info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: info
short_description: Tell what a machine runs, has installed and staged
description:
  - Asks warmboot on the machine; nothing is changed.
options:
  plan:
    description: Make the plan for O(entry) or O(kernel) too, and return its digest.
    type: bool
    default: false
  entry:
    description: Id, title, release or path of an entry, or V(@default), V(@next), V(@newest), V(@running), V(@previous).
    type: str
  kernel:
    description: A kernel image by its path.
    type: path
  initrd:
    description: Initrds by their paths, joined in order.
    type: list
    elements: path
  cmdline:
    description: The whole command line.
    type: str
  append:
    description: Words to add to the command line.
    type: str
  preset:
    description: Presets of the command line.
    type: list
    elements: str
  force:
    description: Failed checks to go on against.
    type: list
    elements: str
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
    description: Changes nothing in any mode.
"""

EXAMPLES = r"""
- name: What would the newest kernel's plan be?
  warmboot.kexec.info:
    plan: true
    entry: "@newest"
  register: found
"""

RETURN = r"""
status:
  description: The answer of C(warmboot status --json); see warmboot-json(5).
  type: dict
  returned: always
entries:
  description: The entries of C(warmboot list --json).
  type: list
  elements: dict
  returned: always
needs_restart:
  description: The answer of C(warmboot needs-restart --json).
  type: dict
  returned: always
plan:
  description: The answer of C(warmboot stage --dry-run --json); its C(digest) tells it from every other plan.
  type: dict
  returned: when O(plan=true)
release:
  description: The release of the kernel that the plan is for; none where nothing tells it.
  type: str
  returned: when O(plan=true)
runs_already:
  description: Whether that release runs now.
  type: bool
  returned: when O(plan=true)
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.warmboot.kexec.plugins.module_utils.warmboot import (
    PLAN_OPTIONS,
    SHARED_OPTIONS,
    ask,
    plan_words,
    planned_release,
)


def main() -> None:
    """Ask, and answer."""
    options = {"plan": {"type": "bool", "default": False}, **PLAN_OPTIONS, **SHARED_OPTIONS}
    module = AnsibleModule(argument_spec=options, supports_check_mode=True)
    answer = {
        "status": ask(module, "status"),
        "entries": ask(module, "list", good=(0, 3))["entries"],
        "needs_restart": ask(module, "needs-restart", good=(0, 11)),
    }
    if module.params["plan"]:
        found = ask(module, "stage", "--dry-run", *plan_words(module.params))
        release = planned_release(found["plan"], answer["entries"])
        runs = release is not None and release == answer["status"]["host"]["release"]
        answer |= {"plan": found, "release": release, "runs_already": runs}
    module.exit_json(changed=False, **answer)


if __name__ == "__main__":
    main()
