"""GET /api/hooks/health: what all processes of the server know of hooks since they started."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse

from dcm.lib.api import hot_view, json_response
from dcm.lib.threads import in_thread
from dcm.monitoring.families import Sample
from dcm.monitoring.siblings import siblings
from sessions_app.hook_health import calls_without_end, last_events, quantile_ms

SERVER, CLIENT = "dcm_hook_duration_seconds", "dcm_hook_client_seconds"
TROUBLES = "dcm_hook_troubles_total"


@hot_view(failure="Failed to read the health of hooks", method="GET")
async def hook_health(request: HttpRequest) -> HttpResponse:
    return json_response(await health())


async def health() -> dict[str, Any]:
    processes = await siblings.figures()
    return summary(processes.values()) | await in_thread(_stored)


def health_now() -> dict[str, Any]:
    """The same for a thread that has no event loop."""
    return summary(asyncio.run(siblings.figures()).values()) | _stored()


def _stored() -> dict[str, Any]:
    return {"calls_without_end": calls_without_end(), "sessions": last_events()}


def summary(processes: Iterable[Sequence[Sample]]) -> dict[str, Any]:
    """{"events": [...], "late", "refused", "failed"}, the events that were told most first."""
    samples = [sample for each in processes for sample in each]
    server, client = _merged(samples, SERVER), _merged(samples, CLIENT)
    events = [
        {
            "event": name,
            "count": sum(counts),
            "p50_ms": quantile_ms(bounds, counts, 0.5),
            "p95_ms": quantile_ms(bounds, counts, 0.95),
            "client_p50_ms": quantile_ms(*client.get(name, ((), ())), 0.5),
            "client_p95_ms": quantile_ms(*client.get(name, ((), ())), 0.95),
        }
        for name, (bounds, counts) in server.items()
    ]
    troubles = {name: _count(samples, name) for name in ("late", "refused", "failed")}
    return {"events": sorted(events, key=lambda each: -each["count"]), **troubles}


Counted = tuple[Sequence[float], Sequence[int]]


def _merged(samples: Iterable[Sample], family: str) -> Mapping[str, Counted]:
    """Event -> bounds and counts of all processes together."""
    found: dict[str, Counted] = {}
    for sample in samples:
        if sample.family == family:
            bounds, counts, _ = sample.value
            _, before = found.get(sample.labels[0], (bounds, [0] * len(counts)))
            added = [a + b for a, b in zip(before, counts, strict=True)]
            found[sample.labels[0]] = (bounds, added)
    return found


def _count(samples: Iterable[Sample], trouble: str) -> int:
    return sum(
        sample.value
        for sample in samples
        if sample.family == TROUBLES and list(sample.labels) == [trouble]
    )
