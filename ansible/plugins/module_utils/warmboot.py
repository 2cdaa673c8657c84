"""What the modules share: calling warmboot on the machine, and the options of a plan."""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import Any

#: Options that say which plan is meant; they are those of ``warmboot stage``.
PLAN_OPTIONS: dict[str, dict[str, Any]] = {
    "entry": {"type": "str"},
    "kernel": {"type": "path"},
    "initrd": {"type": "list", "elements": "path"},
    "cmdline": {"type": "str"},
    "append": {"type": "str"},
    "preset": {"type": "list", "elements": "str"},
    "force": {"type": "list", "elements": "str"},
}
SHARED_OPTIONS: dict[str, dict[str, Any]] = {
    "root": {"type": "path", "default": "/"},
    "executable": {"type": "str", "default": "warmboot"},
}
_TRIED = 20  # lines that might begin the answer
_SELECTORS = ("@default", "@next", "@newest", "@running", "@previous")


def plan_words(params: dict[str, Any]) -> list[str]:
    """Return the words of ``warmboot stage`` for a module's options."""
    single = ("kernel", "cmdline", "append")
    words = [f"--{name}={params[name]}" for name in single if params.get(name) is not None]
    for name in ("initrd", "preset", "force"):
        words += [f"--{name}={value}" for value in params.get(name) or ()]
    entry = params.get("entry")
    if entry in _SELECTORS:
        words.append(f"--{entry[1:]}")
    elif entry is not None:
        words += ["--", entry]
    return words


def answer_in(said: str) -> dict[str, Any]:
    """Return warmboot's answer out of what was said; raises ValueError where there is none.

    On the terminal that Ansible asks SSH for, standard error is in it, too, such as sudo's.
    """
    for begin in islice(re.finditer(r"^\{", said, re.MULTILINE), _TRIED):
        try:
            found = json.JSONDecoder().raw_decode(said, begin.start())[0]
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) and "schema" in found:
            return found
    raise ValueError("there is no answer in it")


def ask(module: Any, *words: str, good: tuple[int, ...] = (0,)) -> dict[str, Any]:
    """Run warmboot on the machine and return its answer; the module fails with its error."""
    command = [module.params["executable"], "--root", module.params["root"], "--json", *words]
    code, out, err = module.run_command(command)
    try:
        answer = answer_in(out)
    except ValueError:
        module.fail_json(msg=f"warmboot gave no answer: {(err or out).strip()}", rc=code)
        raise
    if code not in good:
        error = answer.get("error", {})
        text = " ".join(filter(None, (error.get("message"), error.get("hint"))))
        module.fail_json(msg=text or f"warmboot ended with {code}", rc=code, answer=answer)
    return answer


def planned_release(plan: dict[str, Any], entries: list[dict[str, Any]]) -> str | None:
    """Return the release of the kernel that a plan is for, None where nothing tells it."""
    for entry in (listed["entry"] for listed in entries):
        if entry["id"] == plan["entry"] and entry["release"]:
            return str(entry["release"])
    release = plan["image"].get("release")
    return None if release is None else str(release)
