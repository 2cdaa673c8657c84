"""Action warmboot.kexec.restart: order the restart, wait for the machine, judge what runs."""

from __future__ import annotations

import shlex
import time
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible_collections.warmboot.kexec.plugins.module_utils.warmboot import answer_in

from ansible.plugins.action import ActionBase

_PAUSE = 2.0  # seconds between two questions


class ActionModule(ActionBase):  # type: ignore[misc]
    """Runs on the controller, as the machine is away meanwhile."""

    _supports_check_mode = True

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Do it and return what came of it."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        options = {"timeout": 600, "delay": 3, "trial": None, "root": "/", "executable": "warmboot"}
        unknown = set(self._task.args) - set(options)
        if unknown:
            raise AnsibleActionFail(f"unknown options: {', '.join(sorted(unknown))}")
        self._options = {**options, **self._task.args}
        before = self._ask("status")
        if not before["staged"]:
            return {**result, "changed": False, "msg": "nothing is staged"}
        if self._task.check_mode:
            return {**result, "changed": True, "msg": "would restart"}
        self._order()
        return {**result, **self._await(before["host"]["boot_id"])}

    def _order(self) -> None:
        """Order the restart; raises AnsibleActionFail where the machine refuses it.

        One on trial cannot be set for later, so that the connection may end before the answer.
        """
        if not self._options["trial"]:
            self._ask("exec", "--yes", "--in", str(self._options["delay"]))
            return
        try:
            self._ask("exec", "--yes", "--trial", str(self._options["trial"]))
        except AnsibleConnectionFailure:
            return

    def _await(self, boot: str) -> dict[str, Any]:
        """Wait for another boot than `boot` and judge it."""
        end = time.monotonic() + float(self._options["timeout"])
        while time.monotonic() < end:
            time.sleep(_PAUSE)
            try:
                self._connection.reset()
                now = self._ask("status")
            except (AnsibleConnectionFailure, AnsibleActionFail):
                continue
            if now["host"]["boot_id"] == boot:
                continue
            last = now["last_restart"] or {}
            found = {
                "changed": True,
                "release": now["host"]["release"],
                "boot_id": now["host"]["boot_id"],
                "away": last.get("away"),
            }
            if last.get("arrived") is not True:
                why = last.get("text") or "no restart by warmboot is on record"
                return {**found, "failed": True, "msg": f"Back, but not in what was staged: {why}"}
            if self._options["trial"]:
                self._ask("confirm")
            return found
        return {
            "changed": True,
            "failed": True,
            "msg": f"Not back within {self._options['timeout']} s",
        }

    def _ask(self, *words: str) -> dict[str, Any]:
        """Run warmboot on the machine; raises AnsibleActionFail where it does not do it."""
        command = [self._options["executable"], "--root", self._options["root"], "--json", *words]
        done = self._low_level_execute_command(shlex.join(map(str, command)))
        try:
            answer = answer_in(done["stdout"])
        except ValueError:
            said = (done.get("stderr") or done["stdout"]).strip()
            raise AnsibleActionFail(f"warmboot gave no answer: {said}") from None
        if done["rc"] != 0:
            error = answer.get("error", {})
            text = " ".join(filter(None, (error.get("message"), error.get("hint"))))
            raise AnsibleActionFail(text or f"warmboot ended with {done['rc']}")
        return answer
