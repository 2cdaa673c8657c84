"""Ansible's recap as one line of JSON at the end; failures on the way."""

from __future__ import annotations

import json
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: json_lines
type: stdout
short_description: the recap as one line of JSON
description: For the tests.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Prints failures, and the recap."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "json_lines"

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Print why a task failed."""
        print(f"{result._host.get_name()}: {result._result.get('msg')}")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Print the recap."""
        print(json.dumps({host: stats.summarize(host) for host in stats.processed}))
