"""How the hooks of all machines fare, as the server has seen them."""

from collections.abc import Iterator
from typing import Any

from dcm_client.cli.doctor.findings import Finding, ok, warning
from dcm_client.errors import DCMError
from dcm_client.rest import DCMClient
from dcm_client.results import HookHealth

SLOW_MS = 250
MOST_SKEW_MS = 5_000


def check_hook_health(dcm: DCMClient) -> Iterator[Finding]:
    try:
        health = dcm.get_hook_health()
    except DCMError as error:
        yield warning("health", str(error), "a server of this version tells how hooks fare")
        return
    yield _latency(health)
    if health.refused or health.failed:
        text = f"{health.refused} hooks were refused and {health.failed} failed to be recorded"
        yield warning("health", text, "the server's log says why")
    if health.late:
        text = f"{health.late} hooks came late, from a spool or a record"
        yield warning("health", text, "was the server away? `dcm import` causes this, too")
    if count := health.calls_without_end["count"]:
        text = f"{count} tool calls began ten minutes ago or more, and no hook told of their end"
        yield warning("health", text, "hosts were killed, or do not tell PostToolUse")
    yield from filter(None, map(_skew, health.sessions))


def _latency(health: HookHealth) -> Finding:
    told = [each for each in health.events if each.p95_ms is not None]
    if not told:
        return ok("health", "no hook has come since the server started: nothing is known")
    slowest = max(told, key=lambda each: each.p95_ms or 0)
    count = sum(each.count for each in health.events)
    longest = f"{slowest.event}, 95 of 100 at most {slowest.p95_ms:g} ms"
    text = f"{count} hooks since the server started; the slowest: {longest}"
    if (slowest.p95_ms or 0) <= SLOW_MS:
        return ok("health", text)
    return warning("health", text, "hosts wait for them: look at the server's load and its log")


def _skew(session: dict[str, Any]) -> Finding | None:
    skew_ms = session["skew_ms"]
    if skew_ms is None or abs(skew_ms) <= MOST_SKEW_MS:
        return None
    where = "behind" if skew_ms > 0 else "ahead of"
    text = f"the clock of {session['machine']} is {abs(skew_ms) / 1000:.0f} s {where} the server's"
    return warning("health", text, "set it by NTP")
