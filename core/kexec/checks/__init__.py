"""Checks before anything is tried: each has a name, a verdict, what it saw and what to do.

The checks themselves are in warmboot.core.kexec.checks.registry, imported where a plan or a
machine is judged: listing what is installed does not wait for them.
"""

from warmboot.core.kexec.checks.base import Check, Finding, Verdict

__all__ = ["Check", "Finding", "Verdict"]
