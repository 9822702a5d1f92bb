"""Claims in the OpenAPI document."""

from drf_spectacular.utils import OpenApiResponse, extend_schema_view
from rest_framework import serializers

from dcm.lib.api import Uuid
from dcm.lib.openapi import (
    operation,
    own_id,
    page_of,
    shape,
    success,
)
from projects.models import Subtask
from projects.openapi.holding import HELD, ONLY_OF
from projects.serializers import ClaimInput, ClaimOutput, ClaimUpdate, SubtaskOutput
from projects.views.claims import Claims

NO_CLAIM = {404: "Claim not found"}
NOT_THE_HOLDER = {403: "This claim belongs to another agent", **NO_CLAIM}

Unblocked = shape(
    "Unblocked",
    id=Uuid(),
    description=serializers.CharField(),
    agent_type=serializers.CharField(allow_null=True),
    agent_id=serializers.CharField(allow_null=True),
    status=serializers.ChoiceField(Subtask.Status.values),
    is_last=serializers.BooleanField(help_text="It waits for nothing else."),
)
ClaimedSubtask = shape(
    "ClaimedSubtask",
    success=success(),
    claim=ClaimOutput(allow_null=True),
    subtask=SubtaskOutput(allow_null=True),
    unblocks=Unblocked(many=True, help_text="What waits for the subtask."),
    waiting=serializers.IntegerField(
        help_text="How many more the agent could claim if others were completed."
    ),
)

extend_schema_view(
    create=operation(
        "claimNext",
        "Take the next subtask that nothing stands in the way of",
        tag="Claims",
        description="It is the agent's from then on, and running, as long as the agent is heard"
        " of: by its hooks, the pings of its socket, changes of the subtask, or a renewal. Of"
        " what is meant for the agent itself the oldest request comes first, then of what is"
        " nobody's. `session_id` is the agent's own, `of_session` that of the request. Without"
        " `ttl_seconds` a claim lasts 15 minutes.",
        body=ClaimInput,
        replies={
            201: OpenApiResponse(ClaimedSubtask, "Claimed"),
            200: OpenApiResponse(ClaimedSubtask, "There is nothing to claim now"),
        },
    ),
    list=operation(
        "listClaims",
        "Claims that are held, newest first",
        tag="Claims",
        parameters=HELD,
        replies={200: page_of("ClaimList", "claims", ClaimOutput, cursor=True)},
    ),
    partial_update=operation(
        "renewClaim",
        "Hold a subtask from now on for another while",
        tag="Claims",
        parameters=own_id("subtask"),
        body=ClaimUpdate,
        replies={200: shape("ClaimReply", success=success(), claim=ClaimOutput())},
        errors=NOT_THE_HOLDER,
    ),
    destroy=operation(
        "releaseClaim",
        "Give a subtask back, so that others may claim it",
        tag="Claims",
        parameters=[*own_id("subtask"), ONLY_OF],
        replies={200: shape("ReleasedClaim", success=success(), released=ClaimOutput())},
        errors=NOT_THE_HOLDER,
    ),
)(Claims)
