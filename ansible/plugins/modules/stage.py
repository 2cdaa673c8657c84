#!/usr/bin/python
# GNU General Public License v2.0 or later
"""Module warmboot.kexec.stage."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stage
short_description: Stage a kernel for the next restart, or take it out again
description:
  - Loads a kernel with its initrd and command line by kexec; the running system goes on.
  - Where just this plan is staged already, the kernel is not asked again.
options:
  state:
    description: Whether a kernel is to be staged.
    type: str
    choices: [staged, absent]
    default: staged
  expect:
    description: The digest that the plan must have, as M(warmboot.kexec.info) returned it.
    type: str
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
    description: Does everything but the call.
  diff_mode:
    support: full
    description: Shows the staged release and command line before and after.
"""

EXAMPLES = r"""
- name: Stage the newest kernel
  warmboot.kexec.stage:
    entry: "@newest"
"""

RETURN = r"""
digest:
  description: The digest of the plan.
  type: str
  returned: when O(state=staged)
staged:
  description: What is staged, or would be; see warmboot-json(5). Empty without.
  type: dict
  returned: always
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.warmboot.kexec.plugins.module_utils.warmboot import (
    PLAN_OPTIONS,
    SHARED_OPTIONS,
    ask,
    plan_words,
    planned_release,
)


def main() -> None:
    """Stage or unload, and answer."""
    options = {
        "state": {"type": "str", "choices": ["staged", "absent"], "default": "staged"},
        "expect": {"type": "str"},
        **PLAN_OPTIONS,
        **SHARED_OPTIONS,
    }
    module = AnsibleModule(argument_spec=options, supports_check_mode=True)
    before = ask(module, "status")
    changed, answer = (_stage if module.params["state"] == "staged" else _unload)(module, before)
    diff = {"before": _text(before["what"]), "after": _text(answer["staged"])}
    module.exit_json(changed=changed, diff=diff, **answer)


def _stage(module: Any, before: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
    words = ["stage", "--if-needed"]
    if module.params["expect"]:
        words.append(f"--expect={module.params['expect']}")
    if module.check_mode:
        words.append("--dry-run")
    done = ask(module, *words, *plan_words(module.params))
    digest, staged, changed = done["digest"], done["staged"], done["changed"]
    if module.check_mode:
        changed = not before["staged"] or (before["what"] or {}).get("plan") != digest
        plan = done["plan"]
        entries = ask(module, "list", good=(0, 3))["entries"]
        staged = {"release": planned_release(plan, entries), "cmdline": plan["cmdline"]}
    return changed, {"digest": digest, "staged": staged}


def _unload(module: Any, before: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
    there = bool(before["staged"])
    if there and not module.check_mode:
        ask(module, "unload")
    return there, {"staged": {}}


def _text(staged: dict[str, Any] | None) -> str:
    if not staged:
        return "nothing is staged\n"
    return f"{staged.get('release') or 'a kernel'}\n{staged.get('cmdline')}\n"


if __name__ == "__main__":
    main()
