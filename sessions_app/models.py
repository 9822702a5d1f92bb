"""Agent sessions and what belongs to one. Contract: rest 3, 5.9."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from projects.models import Project


class Session(models.Model):
    """One run of an agent host in a project. The counters count its tool calls."""

    id = models.TextField(primary_key=True)  # minted by the host
    project = models.ForeignKey(
        Project,
        models.DO_NOTHING,
        related_name="sessions",
        null=True,
        db_constraint=False,
        db_index=False,
    )
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)
    total_tools_used = models.IntegerField(default=0)
    total_success = models.IntegerField(default=0)
    total_errors = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(total_tools_used__gte=0, total_success__gte=0, total_errors__gte=0),
                name="session_counters",
            )
        ]
        indexes = [
            models.Index(F("started_at").desc(), "id", name="session_recent"),
            models.Index("project", F("started_at").desc(), name="session_project"),
            models.Index(
                F("started_at").desc(), name="session_active", condition=Q(ended_at__isnull=True)
            ),
        ]


class ToolStart(models.Model):
    """When a tool call began: kept until it ends, so that its duration is known.

    The table is unlogged: a crash of the database empties it, which costs durations and no more.
    """

    tool_use_id = models.TextField(primary_key=True)  # minted by the host
    session_id = models.TextField()
    started_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index("started_at", name="tool_start_age")]


class AgentContext(models.Model):
    """What an agent wants to find again: its role, skills, tools and progress."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    project = models.ForeignKey(
        Project, models.DO_NOTHING, related_name="+", null=True, db_constraint=False, db_index=False
    )
    agent_id = models.TextField()
    agent_type = models.TextField()
    role_context = models.JSONField(default=dict)
    skills_to_restore = ArrayField(models.TextField(), default=list)
    tools_used = ArrayField(models.TextField(), default=list)
    progress_summary = models.TextField(null=True)
    last_updated = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "agent_id"], name="agent_context_pair"),
        ]
