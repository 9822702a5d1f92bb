"""The work tree: Project > Request > Task (a wave) > Subtask > Action. Contract: rest 3.

Deleting a row takes everything below it along. The database does that (`ON DELETE CASCADE`, see the
migration): only it can also catch a child that is being added at that moment.
"""

import uuid
from collections.abc import Collection
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now
from django.utils import timezone

from dcm.lib.keys.limits import OfCaller
from projects.path_patterns import above, stem_of


class Project(models.Model):
    """A working directory, known by its path."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    path = models.TextField(unique=True)
    name = models.TextField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    metadata = models.JSONField(default=dict)

    objects = OfCaller["Project"]()

    class Meta:
        indexes = [models.Index(F("updated_at").desc(), "id", name="project_recent")]

    @classmethod
    def of_projects(cls, ids: Collection[uuid.UUID]) -> Q:
        return Q(id__in=ids)


class Request(models.Model):
    """What the user asked, in one session."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        COMPLETED = "completed"
        FAILED = "failed"
        CANCELLED = "cancelled"

    class PromptType(models.TextChoices):
        FEATURE = "feature"
        DEBUG = "debug"
        EXPLAIN = "explain"
        SEARCH = "search"
        REFACTOR = "refactor"
        TEST = "test"
        REVIEW = "review"
        OTHER = "other"

    TERMINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    project = models.ForeignKey(
        Project, models.DO_NOTHING, related_name="requests", db_constraint=False, db_index=False
    )
    session_id = models.TextField()  # needs no row to exist
    prompt = models.TextField()
    prompt_type = models.TextField(null=True, choices=PromptType.choices)
    status = models.TextField(default=Status.ACTIVE, choices=Status.choices)
    created_at = models.DateTimeField(default=timezone.now)
    completed_at = models.DateTimeField(null=True)
    metadata = models.JSONField(default=dict)

    objects = OfCaller["Request"]()

    class Meta:
        indexes = [
            models.Index("project", F("created_at").desc(), name="request_project"),
            models.Index("session_id", F("created_at").desc(), name="request_session"),
            models.Index(F("created_at").desc(), "id", name="request_recent"),
        ]

    @classmethod
    def of_projects(cls, ids: Collection[uuid.UUID]) -> Q:
        return Q(project_id__in=ids)


class Task(models.Model):
    """One wave of a request; numbers may repeat when given explicitly."""

    class Status(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        COMPLETED = "completed"
        FAILED = "failed"
        BLOCKED = "blocked"

    TERMINAL = frozenset({Status.COMPLETED, Status.FAILED})

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    request = models.ForeignKey(
        Request, models.DO_NOTHING, related_name="tasks", db_constraint=False, db_index=False
    )
    name = models.TextField(null=True)
    wave_number = models.IntegerField(default=0)
    status = models.TextField(default=Status.PENDING, choices=Status.choices)
    created_at = models.DateTimeField(default=timezone.now)
    completed_at = models.DateTimeField(null=True)

    objects = OfCaller["Task"]()

    class Meta:
        indexes = [
            models.Index("request", "wave_number", "created_at", name="task_request"),
            models.Index(F("created_at").desc(), "id", name="task_recent"),
        ]

    @classmethod
    def of_projects(cls, ids: Collection[uuid.UUID]) -> Q:
        return Q(request__in=Request._base_manager.filter(project_id__in=ids))


class SubtaskQuerySet(models.QuerySet["Subtask"]):
    def of_agent(self, agent_id: str) -> Self:
        """Subtasks of this agent, named by its id or by its type. Contract: context-briefs 3."""
        return self.filter(Q(agent_id=agent_id) | Q(agent_type=agent_id))


SubtaskManager = OfCaller.from_queryset(SubtaskQuerySet)


class Subtask(models.Model):
    """One agent's share of a wave."""

    class Status(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        PAUSED = "paused"
        BLOCKED = "blocked"
        COMPLETED = "completed"
        FAILED = "failed"

    TERMINAL = frozenset({Status.COMPLETED, Status.FAILED})
    AT_WORK = frozenset({Status.RUNNING, Status.PAUSED, Status.BLOCKED})

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    task = models.ForeignKey(
        Task, models.DO_NOTHING, related_name="subtasks", db_constraint=False, db_index=False
    )
    agent_type = models.TextField(null=True)
    agent_id = models.TextField(null=True)
    description = models.TextField()
    status = models.TextField(default=Status.PENDING, choices=Status.choices)
    blocked_by = ArrayField(models.UUIDField(), default=list)  # other subtasks; may dangle
    is_claimable = models.BooleanField(default=True, db_default=True)  # not: a host sees to it
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    context_snapshot = models.JSONField(null=True)
    result = models.JSONField(null=True)
    objects = SubtaskManager()

    class Meta:
        indexes = [
            models.Index("task", "created_at", name="subtask_task"),
            models.Index("agent_id", F("created_at").desc(), name="subtask_agent"),
            models.Index("agent_type", F("created_at").desc(), name="subtask_agent_type"),
            models.Index(F("created_at").desc(), "id", name="subtask_recent"),
            models.Index(
                "status",
                F("started_at").desc(),
                name="subtask_at_work",
                condition=Q(status__in=["running", "paused", "blocked", "pending"]),
            ),
            GinIndex(fields=["blocked_by"], name="subtask_blocked_by", condition=~Q(blocked_by=[])),
        ]

    @classmethod
    def of_projects(cls, ids: Collection[uuid.UUID]) -> Q:
        return Q(task__in=Task._base_manager.filter(request__project_id__in=ids))


class ClaimQuerySet(models.QuerySet["Claim"]):
    def live(self) -> Self:
        return self.filter(expires_at__gt=RawSQL("clock_timestamp()", ()))


ClaimManager = OfCaller.from_queryset(ClaimQuerySet)


class Claim(models.Model):
    """An agent's hold on the subtask that it works on. It ends by itself."""

    subtask = models.OneToOneField(
        Subtask,
        models.DO_NOTHING,
        related_name="claim",
        primary_key=True,
        db_constraint=False,
    )
    agent_id = models.TextField()
    session_id = models.TextField(null=True)  # needs no row to exist
    token = models.BigIntegerField()  # of its project's leases and claims, later: higher
    ttl_seconds = models.IntegerField()
    claimed_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()

    objects = ClaimManager()

    class Meta:
        indexes = [
            models.Index("agent_id", name="claim_agent"),
            models.Index("session_id", name="claim_session"),
            models.Index("expires_at", name="claim_expiry"),
        ]

    @classmethod
    def of_projects(cls, ids: Collection[uuid.UUID]) -> Q:
        return Q(subtask__in=Subtask._base_manager.filter(Subtask.of_projects(ids)))


class Action(models.Model):
    """One tool call. exit_code 0 is success."""

    class ToolType(models.TextChoices):
        BUILTIN = "builtin"
        AGENT = "agent"
        SKILL = "skill"
        COMMAND = "command"
        MCP = "mcp"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    subtask = models.ForeignKey(
        Subtask,
        models.DO_NOTHING,
        related_name="actions",
        null=True,
        db_constraint=False,
        db_index=False,
    )
    session_id = models.TextField(null=True)  # needs no row to exist
    project_path = models.TextField(null=True)
    tool_name = models.TextField()
    tool_type = models.TextField(choices=ToolType.choices)
    input = models.TextField(null=True)
    output = models.TextField(null=True)
    file_paths = ArrayField(models.TextField(), default=list)
    exit_code = models.IntegerField(default=0)
    duration_ms = models.IntegerField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = OfCaller["Action"]()

    class Meta:
        indexes = [
            models.Index(F("created_at").desc(), "id", name="action_recent"),
            models.Index("session_id", F("created_at").desc(), name="action_session"),
            models.Index(
                "subtask",
                F("created_at").desc(),
                name="action_subtask",
                condition=Q(subtask__isnull=False),
            ),
        ]

    @classmethod
    def of_projects(cls, ids: Collection[uuid.UUID]) -> Q:
        """Those without a subtask by their path; those with neither belong to no project."""
        within = Q(subtask__in=Subtask._base_manager.filter(Subtask.of_projects(ids)))
        paths = Project._base_manager.filter(id__in=ids).values("path")
        return within | Q(subtask__isnull=True, project_path__in=paths)


class LeaseBook(models.Model):
    """What goes for all leases and claims of a project.

    Who takes one holds this row until the commit.
    """

    class Mode(models.TextChoices):
        """What becomes of an edit that another agent's lease speaks against."""

        OFF = "off"
        WARN = "warn"
        ENFORCE = "enforce"

    project = models.OneToOneField(
        Project,
        models.DO_NOTHING,
        related_name="lease_book",
        primary_key=True,
        db_constraint=False,
    )
    mode = models.TextField(default=Mode.WARN, choices=Mode.choices)
    last_token = models.BigIntegerField(default=0)
    room = models.IntegerField(default=0, db_default=0)  # at least so many leases more are allowed


class LeaseQuerySet(models.QuerySet["Lease"]):
    def live(self) -> Self:
        return self.filter(expires_at__gt=RawSQL("clock_timestamp()", ()))

    def near(self, key: str) -> Self:
        """Those whose pattern overlaps this one are among them."""
        stem = stem_of(key)
        around = Q(stem__in=above(stem)) | Q(stem__startswith=f"{stem}/")
        return self.filter(around) if stem else self.all()


class Lease(models.Model):
    """An agent's claim on the paths of a project that a pattern names. It ends by itself."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    project = models.ForeignKey(
        Project, models.DO_NOTHING, related_name="leases", db_constraint=False, db_index=False
    )
    agent_id = models.TextField()
    session_id = models.TextField(null=True)  # needs no row to exist
    pattern = models.TextField()
    key = models.TextField()  # the pattern as it is compared, and two indexes into it:
    stem = models.TextField()
    likeness = models.TextField()
    is_shared = models.BooleanField(default=False)  # with all who hold it shared, too
    is_implicit = models.BooleanField(default=False)  # taken by an edit of one file
    reason = models.TextField(null=True)
    token = models.BigIntegerField()  # of its project's leases, later ones have higher ones
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    objects = LeaseQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["project", "stem"],
                opclasses=["uuid_ops", "text_pattern_ops"],
                name="lease_stem",
            ),
            models.Index("project", "token", name="lease_token"),
            models.Index("session_id", "agent_id", name="lease_session"),
            models.Index("agent_id", name="lease_agent"),
            models.Index("expires_at", name="lease_expiry"),
        ]
