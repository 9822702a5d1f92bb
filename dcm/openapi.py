"""The server's own routes in the OpenAPI document. Contract: rest 5.1."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema_view
from rest_framework import serializers

from dcm import health
from dcm.api_docs import Schema
from dcm.cleanup import CleanupStats
from dcm.lib.api import Moment
from dcm.lib.counting import MANY
from dcm.lib.openapi import OBJECT, STRING, in_query, operation, shape
from dcm.monitoring.hooks import hook_health
from dcm.monitoring.views import metrics

Features = shape(
    "Features", **{name: serializers.ChoiceField([it]) for name, it in health.FEATURES.items()}
)


def _health(name: str, status: str, database: Any) -> Any:
    return shape(
        name,
        status=serializers.ChoiceField([status]),
        timestamp=Moment(),
        version=serializers.CharField(),
        database=database,
        features=Features(),
    )


HealthyDatabase = shape(
    "HealthyDatabase",
    healthy=serializers.ChoiceField([True]),
    latencyMs=serializers.IntegerField(),
)
UnhealthyDatabase = shape(
    "UnhealthyDatabase",
    healthy=serializers.ChoiceField([False]),
    latencyMs=serializers.IntegerField(),
    error=serializers.CharField(),
)
Healthy = _health("Healthy", "healthy", HealthyDatabase())
Unhealthy = _health("Unhealthy", "unhealthy", UnhealthyDatabase())

operation(
    "getHealth",
    "Whether the server and its database answer",
    tag="Server",
    replies={200: Healthy, 503: OpenApiResponse(Unhealthy, "The database does not answer")},
)(health.health)

operation(
    "getLiveness",
    "Whether this process answers",
    tag="Server",
    replies={200: shape("Liveness", status=serializers.ChoiceField(["alive"]))},
)(health.livez)

operation(
    "getMetrics",
    "What the server counts, for Prometheus",
    tag="Server",
    replies={(200, "text/plain"): STRING},
    description="Metrics in the text format of Prometheus; docs/operations.md lists them.",
)(metrics)

MILLISECONDS: dict[str, Any] = {
    "allow_null": True,
    "help_text": "At most so long; null: not measured.",
}

operation(
    "getHookHealth",
    "How hooks fare: how long they take, which are missing",
    tag="Hooks",
    description="Of all processes since they started. Half, and 95 of 100, hooks took at most what"
    " `p50_ms` and `p95_ms` say; `client_…` is what dcm-hook needed before it sent one. Whatever"
    " nobody measured is null.",
    replies={
        200: shape(
            "HookHealth",
            events=shape(
                "HooksOfAKind",
                event=serializers.CharField(),
                count=serializers.IntegerField(),
                p50_ms=serializers.FloatField(**MILLISECONDS),
                p95_ms=serializers.FloatField(**MILLISECONDS),
                client_p50_ms=serializers.FloatField(**MILLISECONDS),
                client_p95_ms=serializers.FloatField(**MILLISECONDS),
            )(many=True),
            late=serializers.IntegerField(help_text="Told of a minute late, or from a spool."),
            refused=serializers.IntegerField(help_text="No events at all."),
            failed=serializers.IntegerField(help_text="Not recorded."),
            calls_without_end=shape(
                "CallsWithoutEnd",
                count=serializers.IntegerField(
                    help_text="Began ten minutes ago or more; may run still."
                ),
                oldest_at=Moment(allow_null=True),
            )(),
            sessions=shape(
                "LastHook",
                session_id=serializers.CharField(),
                seen_at=Moment(help_text="Ten seconds more or less."),
                state=serializers.CharField(),
                machine=serializers.CharField(allow_null=True),
                skew_ms=serializers.IntegerField(
                    allow_null=True, help_text="By how much its clock is behind the server's."
                ),
            )(many=True),
        )
    },
)(hook_health)

operation(
    "getStats",
    "How many rows there are",
    tag="Server",
    description=f"More than {MANY:,} rows together are counted once in a while.",
    replies={
        200: shape(
            "Stats",
            projectCount=serializers.IntegerField(),
            requestCount=serializers.IntegerField(),
            actionCount=serializers.IntegerField(),
            messageCount=serializers.IntegerField(),
            redactedCount=serializers.IntegerField(help_text="Secrets taken out of what came in."),
            timestamp=Moment(help_text="When these were counted."),
        )
    },
)(health.stats)

extend_schema_view(
    get=operation(
        "getToolsSummary",
        "How many tools the agent host of this machine has",
        tag="Server",
        replies={
            200: shape(
                "ToolsSummary",
                skills=serializers.IntegerField(),
                commands=serializers.IntegerField(),
                workflows=serializers.IntegerField(),
                plugins=serializers.IntegerField(),
                cached_at=Moment(),
                from_cache=serializers.BooleanField(),
            )
        },
    )
)(health.ToolsSummary)

extend_schema_view(
    get=operation(
        "getCleanupStats",
        "The last sweep of this process, and what messages there are",
        tag="Server",
        replies={
            200: shape(
                "CleanupStats",
                last_cleanup=shape(
                    "Sweep",
                    deletedMessages=serializers.IntegerField(),
                    deletedAt=Moment(),
                    durationMs=serializers.IntegerField(),
                )(allow_null=True),
                messages=shape(
                    "MessageCounts",
                    total=serializers.IntegerField(),
                    expired=serializers.IntegerField(help_text="Not yet swept."),
                    unread=serializers.IntegerField(help_text="Read by nobody."),
                    byTopic=serializers.DictField(child=serializers.IntegerField()),
                )(),
                timestamp=Moment(),
            )
        },
    )
)(CleanupStats)

extend_schema_view(
    get=operation(
        "getSchema",
        "This document",
        tag="Server",
        parameters=[
            in_query("format", STRING, "Instead of an Accept header.", enum=["json", "yaml"])
        ],
        replies={200: OBJECT},
        errors={404: "Not Found"},
    )
)(Schema)
