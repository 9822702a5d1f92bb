"""The figures themselves: of this process, and of the database that all processes share."""

import re

from prometheus_client import ProcessCollector

from dcm import __version__
from dcm.lib import measures
from dcm.lib.batcher import Batcher
from dcm.lib.measures import Histogram
from dcm.lib.redaction.selectors import redactions_by_kind
from dcm.lib.threads import pool
from dcm.monitoring.families import BY_NAME, Sample
from realtime.fanout import hub
from realtime.selectors import head_of_log
from realtime.sockets import sockets

_process = ProcessCollector(registry=None)


def of_this_process() -> list[Sample]:
    batchers = Batcher.all()
    return [
        *_requests(),
        *_hooks("dcm_hook_duration_seconds", measures.hooks),
        *_hooks("dcm_hook_client_seconds", measures.hook_clients),
        *(Sample("dcm_hook_troubles_total", [k], n) for k, n in measures.hook_troubles.items()),
        *(Sample("dcm_sockets_open", [kind], n) for kind, n in measures.sockets.items()),
        Sample("dcm_delivery_lag_seconds", [], _state(measures.delivery_lag)),
        Sample("dcm_delivery_unacknowledged", [], sockets.unacknowledged),
        Sample("dcm_delivery_exhausted_total", [], sockets.exhausted),
        Sample("dcm_event_log_position", [], hub.position),
        *(Sample("dcm_batch_size", [each.name], _state(each.sizes)) for each in batchers),
        Sample("dcm_queue_depth", ["threads"], pool.waiting),
        *(Sample("dcm_queue_depth", [each.name], len(each)) for each in batchers),
        Sample("dcm_database_check_duration_seconds", [], _state(measures.database_checks)),
        *_of_the_system(),
    ]


def of_the_database() -> list[Sample]:
    """Counts that are kept, and the same whichever process tells them."""
    return [
        Sample("dcm_events_published_total", [], head_of_log()),
        *(
            Sample("dcm_redacted_secrets_total", [kind], count)
            for kind, count in redactions_by_kind().items()
        ),
    ]


def of_the_server(*, processes: int, healthy: bool) -> list[Sample]:
    return [
        Sample("dcm_build_info", [__version__], 1),
        Sample("dcm_processes", [], processes),
        Sample("dcm_database_up", [], int(healthy)),
    ]


def _requests() -> list[Sample]:
    # A copy: other requests are counted while this is read.
    counted = list(measures.requests.items())
    return [
        Sample(
            "dcm_http_request_duration_seconds",
            [readable(route), method, f"{status}xx"],
            _state(taken),
        )
        for (route, method, status), taken in counted
    ]


def _hooks(family: str, taken: dict[str, Histogram]) -> list[Sample]:
    return [Sample(family, [name], _state(each)) for name, each in list(taken.items())]


def _of_the_system() -> list[Sample]:
    """None where the system has no /proc."""
    return [
        Sample(sample.name, [], sample.value)
        for family in _process.collect()
        for sample in family.samples
        if sample.name in BY_NAME
    ]


def readable(route: str | None) -> str:
    """A URL pattern as OpenAPI writes it; all that no route knows is one."""
    if route is None:
        return "unknown"
    named = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)|<(?:\w+:)?(\w+)>", r"{\1\2}", route)
    return "/" + re.sub(r"[\^$]|\\Z", "", named).replace("{pk}", "{id}")


def _state(histogram: Histogram) -> tuple[list[float], list[int], float]:
    return [*histogram.bounds], [*histogram.counts], histogram.total
