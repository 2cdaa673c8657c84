"""How a machine stands, in the text format of Prometheus, for node_exporter's textfile collector.

Source: https://prometheus.io/docs/instrumenting/exposition_formats. Times in seconds since the
epoch, lengths in seconds; what is not known is left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from warmboot.core.host import Host
from warmboot.core.session.status import Status
from warmboot.core.values import NamedTuple


class _Metric(NamedTuple):
    name: str
    about: str
    value: float
    labels: dict[str, str] = {}


def metrics_text(host: Host, status: Status) -> str:
    """Return the metrics, one gauge each."""
    return "".join(map(_lines, _metrics(host, status)))


def _metrics(host: Host, status: Status) -> Iterator[_Metric]:
    running = {"release": host.release, "machine": host.machine, "boot_id": host.boot_id or ""}
    yield _Metric("info", "What runs; always 1.", 1, running)
    if status.staged is not None:
        staged = {"release": (status.what.release or "") if status.what else ""}
        yield _Metric("staged", "Whether a kernel is staged.", status.staged, staged)
    if host.crash_staged is not None:
        yield _Metric("crash_staged", "Whether a crash kernel is staged.", host.crash_staged)
    yield _Metric("load_disabled", "Whether kexec is switched off.", host.load_disabled)
    if host.load_limit is not None and host.load_limit >= 0:
        text = "Loads and unloads that the kernel still allows."
        yield _Metric("loads_left", text, host.load_limit)
    if status.countdown is not None:
        text = "When the restart that is set is due."
        yield _Metric("restart_due_timestamp_seconds", text, status.countdown.at)
    last = status.last_restart
    if last is None:
        return
    text = "Whether the last restart by warmboot ended in what was staged."
    yield _Metric("last_restart_arrived", text, last.arrived)
    yield _Metric("last_restart_timestamp_seconds", "When it began.", last.at)
    if last.away is not None:
        text = "How long the machine was away."
        yield _Metric("last_restart_away_seconds", text, last.away)


def _lines(metric: _Metric) -> str:
    name = f"warmboot_{metric.name}"
    labels = ",".join(f'{key}="{_escaped(value)}"' for key, value in metric.labels.items())
    shown = f"{{{labels}}}" if labels else ""
    head = f"# HELP {name} {metric.about}\n# TYPE {name} gauge\n"
    return f"{head}{name}{shown} {float(metric.value)!r}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
