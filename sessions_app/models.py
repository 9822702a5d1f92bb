"""Agent sessions and what belongs to one. Contract: rest 3, 5.9."""

import hashlib
import uuid
from collections.abc import Collection
from datetime import timedelta
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Case, F, Q, When
from django.db.models.functions import Now
from django.utils import timezone

from dcm.lib.keys.limits import OfCaller
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

    objects = OfCaller["Session"]()

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

    @classmethod
    def of_projects(cls, ids: Collection[uuid.UUID]) -> Q:
        return Q(project_id__in=ids)


class ToolStart(models.Model):
    """When a tool call began: kept until it ends, so that its duration is known.

    A call that starts a subagent also says what that is to do, which the subagent's own events do
    not. The table is unlogged: a crash of the database empties it, which costs no more than that.
    """

    tool_use_id = models.TextField(primary_key=True)  # minted by the host
    session_id = models.TextField()
    started_at = models.DateTimeField(default=timezone.now)
    agent_type = models.TextField(null=True)  # of the subagent that it starts
    description = models.TextField(null=True)  # null once a subagent has taken it

    class Meta:
        indexes = [
            models.Index("started_at", name="tool_start_age"),
            models.Index(
                "session_id",
                "started_at",
                name="tool_start_subagent",
                condition=Q(description__isnull=False),
            ),
        ]


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


class Coordination(models.Model):
    """What the agents of one session share, and the turns in which they write.

    Every write takes the next number here first. So the writes of a session happen one after
    another, and their numbers tell the order. Contract: coordinator 5.5, 6.
    """

    id = models.BigAutoField(primary_key=True)
    session_id = models.TextField(unique=True)  # needs no row to exist
    last_number = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)


class CoordinatedAgentQuerySet(models.QuerySet["CoordinatedAgent"]):
    def there(self, session_id: str) -> Self:
        """Agents of this session that have not left, in join order."""
        return self.filter(coordination__session_id=session_id, departure__isnull=True).order_by(
            "number"
        )

    def silent_for(self, silence: timedelta) -> Self:
        """Agents of any session that are there but were not heard of for so long."""
        return self.filter(departure__isnull=True, last_seen_at__lt=Now() - silence)


class CoordinatedAgent(models.Model):
    """An agent that joined, and whether it is still there.

    The id stays text: clients send it back as they please, and another spelling is another agent.
    """

    class Departure(models.TextChoices):
        LEFT = "left"
        ABSENT = "absent"

    class Role(models.TextChoices):
        SOURCE = "source"
        TARGET = "target"

    id = models.TextField(primary_key=True)
    coordination = models.ForeignKey(
        Coordination, models.DO_NOTHING, related_name="agents", db_constraint=False, db_index=False
    )
    number = models.BigIntegerField()  # its place in the list: when it joined, or came back
    name = models.TextField()
    role = models.TextField(choices=Role.choices)
    repo_path = models.TextField()
    owner = models.TextField(null=True)  # agent_id of the token that it joined with
    connected_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)
    departure = models.TextField(null=True, choices=Departure.choices)  # null: still there
    objects = CoordinatedAgentQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                "coordination", "number", name="agent_there", condition=Q(departure__isnull=True)
            ),
            models.Index("last_seen_at", name="agent_absent", condition=Q(departure__isnull=True)),
        ]


class ContextEntryQuerySet(models.QuerySet["ContextEntry"]):
    def of(self, session_id: str) -> Self:
        """Entries of this session, in order of their first share."""
        return self.filter(coordination__session_id=session_id).order_by("number")

    def with_key(self, key: str) -> Self:
        return self.filter(key_hash=ContextEntry.hash_of(key))


class ContextEntry(models.Model):
    """A value that agents share under a key; the last writer wins."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    coordination = models.ForeignKey(
        Coordination, models.DO_NOTHING, related_name="entries", db_constraint=False, db_index=False
    )
    number = models.BigIntegerField()  # of its first share
    key = models.TextField()
    key_hash = models.BinaryField(max_length=32)  # SHA-256: a key may be longer than an index takes
    value = models.TextField()
    tags = ArrayField(models.TextField(), default=list)
    created_by = models.TextField()
    updated_by = models.TextField()
    version = models.BigIntegerField()  # number of the last share: no other value ever has it
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    objects = ContextEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "context entries"
        constraints = [
            models.UniqueConstraint(fields=["coordination", "key_hash"], name="context_key"),
        ]
        indexes = [models.Index("coordination", "number", name="context_order")]

    @staticmethod
    def hash_of(key: str) -> bytes:
        return hashlib.sha256(key.encode()).digest()


class QuestionQuerySet(models.QuerySet["Question"]):
    def of(self, session_id: str) -> Self:
        """Questions of this session with their newest answers, in asking order."""
        questions = self.filter(coordination__session_id=session_id)
        return questions.select_related("newest_answer").order_by("number")

    def pending(self) -> Self:
        return self.filter(newest_answer__isnull=True)

    def open_to(self, agent_id: str) -> Self:
        """Questions to this agent or to nobody in particular."""
        return self.filter(Q(to_agent__isnull=True) | Q(to_agent=agent_id))


class Question(models.Model):
    """What one agent asks another, or all. It is pending until there is an answer."""

    id = models.TextField(primary_key=True)
    coordination = models.ForeignKey(
        Coordination,
        models.DO_NOTHING,
        related_name="questions",
        db_constraint=False,
        db_index=False,
    )
    number = models.BigIntegerField()
    question = models.TextField()
    asked_by = models.TextField()
    to_agent = models.TextField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    newest_answer = models.OneToOneField(
        "Answer", models.DO_NOTHING, related_name="+", null=True, db_constraint=False
    )
    objects = QuestionQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index("coordination", "number", name="question_order"),
            models.Index(
                "coordination",
                "number",
                name="question_pending",
                condition=Q(newest_answer__isnull=True),
            ),
        ]


class Answer(models.Model):
    """One answer to a question. Earlier ones are kept; the newest is the one that shows."""

    id = models.BigAutoField(primary_key=True)
    question = models.ForeignKey(
        Question, models.DO_NOTHING, related_name="answers", db_constraint=False
    )
    answer = models.TextField()
    answered_by = models.TextField()
    answered_at = models.DateTimeField(default=timezone.now)


class DecisionQuerySet(models.QuerySet["Decision"]):
    def of(self, session_id: str) -> Self:
        """Decisions of this session, in logging order."""
        return self.filter(coordination__session_id=session_id).order_by("number")


class Decision(models.Model):
    """What an agent decided, for the others to know."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    coordination = models.ForeignKey(
        Coordination,
        models.DO_NOTHING,
        related_name="decisions",
        db_constraint=False,
        db_index=False,
    )
    number = models.BigIntegerField()
    decision = models.TextField()
    rationale = models.TextField(null=True)
    decided_by = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)
    objects = DecisionQuerySet.as_manager()

    class Meta:
        indexes = [models.Index("coordination", "number", name="decision_order")]


class CompactionQuerySet(models.QuerySet["Compaction"]):
    def newest_of(self, session_id: str, agent_id: str) -> "Compaction | None":
        """Its own, else that of the session's main agent, which hosts tell by the session's id."""
        own = self.filter(session_id=session_id, agent_id__in={agent_id, session_id})
        return own.order_by(Case(When(agent_id=agent_id, then=0), default=1), "-number").first()


class Compaction(models.Model):
    """One time that a host shortened an agent's memory, and how things stood then.

    It is begun by the host's PreCompact or, where there is none, by the restore itself.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    session_id = models.TextField()
    number = models.IntegerField()  # within the session, from 1
    agent_id = models.TextField()
    trigger = models.TextField(null=True)  # the host's word: manual, auto
    position = models.TextField()  # id of the newest event then
    snapshot = models.JSONField(default=dict)  # see services.compact
    summary = models.TextField(null=True)  # the host's own
    begun_at = models.DateTimeField(default=timezone.now)
    compacted_at = models.DateTimeField(null=True)  # null: begun, and not heard of again
    restored_at = models.DateTimeField(null=True)  # the last time
    restores = models.IntegerField(default=0)
    objects = CompactionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["session_id", "number"], name="compaction_number"),
        ]
        indexes = [models.Index("begun_at", name="compaction_age")]

    @property
    def is_open(self) -> bool:
        """Begun, and neither ended nor restored yet."""
        return self.compacted_at is None and self.restored_at is None
