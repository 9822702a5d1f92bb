"""Agents in the OpenAPI document."""

from rest_framework import serializers

from dcm.lib.api import Moment, Uuid
from dcm.lib.openapi import (
    STRING,
    in_path,
    operation,
    shape,
)
from messaging.models import Agent
from sessions_app.views.agents import list_agents, show_agent

KNOWN_AGENT = shape(
    "KnownAgent",
    agent_id=serializers.CharField(),
    agent_type=serializers.CharField(allow_null=True),
    online=serializers.BooleanField(),
    connections=serializers.IntegerField(help_text="Open sockets."),
    connected_since=Moment(allow_null=True),
    last_seen_at=Moment(allow_null=True),
    current_subtask=shape(
        "CurrentSubtask",
        id=Uuid(),
        description=serializers.CharField(),
        status=serializers.CharField(),
        started_at=Moment(allow_null=True),
    )(allow_null=True),
    unread_count=serializers.IntegerField(),
    is_blocked=serializers.BooleanField(),
    name=serializers.CharField(allow_null=True, help_text="What people call it."),
    session_id=serializers.CharField(allow_null=True),
    project_id=Uuid(allow_null=True),
    parent=serializers.CharField(allow_null=True, help_text="The agent that started it."),
    model=serializers.CharField(allow_null=True),
    machine=serializers.CharField(allow_null=True),
    state=serializers.ChoiceField(Agent.State.choices, allow_null=True),
    reason=serializers.CharField(allow_null=True, help_text="Why it is in that state."),
    state_since=Moment(allow_null=True),
    injections=serializers.IntegerField(
        allow_null=True, help_text="How often messages were put before it."
    ),
    injected_characters=serializers.IntegerField(allow_null=True),
    current_request=shape(
        "CurrentRequest",
        id=Uuid(),
        prompt=serializers.CharField(),
        created_at=Moment(),
    )(allow_null=True),
)

operation(
    "listKnownAgents",
    "Agents that are connected, or were heard of or had work within 24 hours",
    tag="Agents",
    description="What only hooks tell, `name` and all that follow, is null for others.",
    replies={
        200: shape(
            "KnownAgentList", agents=KNOWN_AGENT(many=True), count=serializers.IntegerField()
        )
    },
)(list_agents)

operation(
    "getKnownAgent",
    "One agent",
    tag="Agents",
    parameters=[in_path("agent_id", STRING, "The agent's id.")],
    replies={200: shape("KnownAgentReply", agent=KNOWN_AGENT())},
    errors={404: "Agent not found"},
)(show_agent)
