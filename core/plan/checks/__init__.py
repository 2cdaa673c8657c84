"""Checks before anything is tried: each has a name, a verdict, what it saw and what to do.

One module for each group of checks; all are run by warmboot.core.plan.checks.registry, imported
where a plan or a machine is judged: listing what is installed does not wait for them.
"""
