"""Every metric. docs/operations.md has the same list for readers; a test holds them together."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

Kind = Literal["counter", "gauge", "histogram"]


class Family(NamedTuple):
    """One metric. of_process: each process has its own, told apart by the label `process`."""

    name: str
    kind: Kind
    about: str
    labels: Sequence[str] = ()
    of_process: bool = True


FAMILIES = [
    Family(
        "dcm_http_request_duration_seconds",
        "histogram",
        "from the whole request to the first byte of the reply",
        ("route", "method", "status"),
    ),
    Family(
        "dcm_hook_duration_seconds",
        "histogram",
        "from a hook's arrival to its answer, by kind of event",
        ("event",),
    ),
    Family(
        "dcm_hook_client_seconds",
        "histogram",
        "what dcm-hook needed before it sent a hook, as it says",
        ("event",),
    ),
    Family(
        "dcm_hook_troubles_total",
        "counter",
        "hooks that came late, were refused as no events, or failed to be recorded",
        ("trouble",),
    ),
    Family("dcm_sockets_open", "gauge", "open WebSockets", ("kind",)),
    Family(
        "dcm_delivery_lag_seconds",
        "histogram",
        "from an event's entry in the log to its frames being written; one sample per read",
    ),
    Family("dcm_delivery_unacknowledged", "gauge", "events sent to a socket and not acknowledged"),
    Family(
        "dcm_delivery_exhausted_total",
        "counter",
        "events given up on one socket after the last attempt; kept for the agent's return",
    ),
    Family("dcm_event_log_position", "gauge", "number of the last event that was read"),
    Family("dcm_batch_size", "histogram", "callers that shared one commit", ("batcher",)),
    Family("dcm_queue_depth", "gauge", "calls that wait for a thread or a batch", ("queue",)),
    Family(
        "dcm_database_check_duration_seconds",
        "histogram",
        "what the health check waited for an answer of the database",
    ),
    Family("process_cpu_seconds_total", "counter", "processor time, of user and system"),
    Family("process_resident_memory_bytes", "gauge", "memory in use"),
    Family("process_open_fds", "gauge", "open files and connections"),
    Family("process_start_time_seconds", "gauge", "when it started, as Unix time"),
    Family("dcm_build_info", "gauge", "always 1", ("version",), of_process=False),
    Family("dcm_processes", "gauge", "server processes that told their figures", (), False),
    Family("dcm_database_up", "gauge", "1 while the database answers, else 0", (), False),
    Family("dcm_events_published_total", "counter", "events in the log, ever", (), False),
    Family(
        "dcm_redacted_secrets_total",
        "counter",
        "secrets taken out of what came in",
        ("kind",),
        False,
    ),
]
BY_NAME = {family.name: family for family in FAMILIES}


class Sample(NamedTuple):
    """labels: values in the family's order. value: of a histogram (bounds, counts, total)."""

    family: str
    labels: Sequence[str]
    value: Any
