"""What agents say to each other. Contract: rest 3, 5.10 to 5.12."""

import uuid
from collections.abc import Collection
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from dcm.lib.keys.limits import OfCaller
from projects.models import Project


class Topic(models.TextChoices):
    """What a message is about."""

    TASK_CREATED = "task.created"
    TASK_COMPLETED = "task.completed"
    TASK_FAILED = "task.failed"
    CONTEXT_REQUEST = "context.request"
    CONTEXT_RESPONSE = "context.response"
    ALERT_BLOCKING = "alert.blocking"
    AGENT_HEARTBEAT = "agent.heartbeat"
    WORKFLOW_PROGRESS = "workflow.progress"


CONTEXT_GENERATED = "context.generated"
"""Topic of the server's own notice after a restore; clients may not use it."""

MESSAGE_UNDELIVERABLE = "message.undeliverable"
"""Topic of the server's own notice that an addressee ended; clients may not use it."""


class MessageQuerySet(models.QuerySet["Message"]):
    def unexpired(self) -> Self:
        return self.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=Now()))

    def inbox_of(self, agent_id: str, *, broadcasts: bool = True) -> Self:
        """Unexpired messages to this agent and to everybody, most urgent first, then oldest."""
        addressed = Q(to_agent=agent_id)
        if broadcasts:
            addressed |= Q(to_agent__isnull=True)
        return self.unexpired().filter(addressed).order_by("-priority", "created_at", "id")

    def unread_by(self, agent_id: str) -> Self:
        return self.exclude(read_by__contains=[agent_id])


MessageManager = OfCaller.from_queryset(MessageQuerySet)


class Message(models.Model):
    """A note to one agent, or to all (to_agent null). priority: 0 to 10, high from 5."""

    HIGH_PRIORITY = 5

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    project = models.ForeignKey(
        Project,
        models.DO_NOTHING,
        related_name="messages",
        null=True,
        db_constraint=False,
        db_index=False,
    )
    from_agent = models.TextField(null=True)
    to_agent = models.TextField(null=True)
    message_type = models.TextField()  # a copy of the topic, as the original stores it
    topic = models.TextField(null=True)
    content = models.JSONField()
    priority = models.IntegerField(default=0)
    read_by = ArrayField(models.TextField(), default=list)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)
    objects = MessageManager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(priority__gte=0, priority__lte=10), name="message_priority"
            )
        ]
        indexes = [
            models.Index("to_agent", F("priority").desc(), "created_at", name="message_inbox"),
            models.Index("expires_at", name="message_expiry"),
            models.Index("project", name="message_project", condition=Q(project__isnull=False)),
            models.Index(F("created_at").desc(), "id", name="message_recent"),
        ]

    @classmethod
    def of_projects(cls, ids: Collection[uuid.UUID]) -> Q:
        return Q(project_id__in=ids)


class Subscription(models.Model):
    """An agent's interest in a topic: at most once per pair."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agent_id = models.TextField()
    topic = models.TextField(choices=Topic.choices)
    callback_url = models.TextField(null=True)  # kept, and never called
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agent_id", "topic"], name="subscription_pair"),
        ]
        indexes = [models.Index("topic", name="subscription_topic")]


class BlockQuerySet(models.QuerySet["Block"]):
    def against(self, agent_id: str) -> Self:
        """Blocks that ask this agent to wait, newest first."""
        return self.filter(blocked_agent=agent_id).order_by("-created_at", "id")


class Block(models.Model):
    """One agent asks another to wait: at most once per pair, and advisory."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    blocked_by = models.TextField()
    blocked_agent = models.TextField()
    reason = models.TextField(null=True)  # null: none given, which the wire tells from ""
    created_at = models.DateTimeField(default=timezone.now)
    objects = BlockQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["blocked_by", "blocked_agent"], name="block_pair"),
            models.CheckConstraint(condition=~Q(blocked_by=F("blocked_agent")), name="block_other"),
        ]
        indexes = [models.Index("blocked_agent", F("created_at").desc(), name="block_against")]


class Agent(models.Model):
    """An agent as the hooks of its host tell of it. It outlives restarts of its session.

    Known by session and id: a session's main agent goes by the session's own id. What nobody told
    is null.
    """

    class State(models.TextChoices):
        WORKING = "working"
        WAITING = "waiting"  # for the user
        IDLE = "idle"
        STALE = "stale"  # nothing was heard for long
        ENDED = "ended"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    session_id = models.TextField()
    agent_id = models.TextField()
    project = models.ForeignKey(
        Project, models.DO_NOTHING, related_name="agents", null=True, db_constraint=False
    )
    name = models.TextField()  # for people: quiet-otter
    agent_type = models.TextField(null=True)
    model = models.TextField(null=True)
    machine = models.TextField(null=True)
    parent = models.TextField(null=True)  # agent_id of who started it
    state = models.TextField(choices=State.choices)
    reason = models.TextField()
    state_since = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)  # some seconds more or less
    last_event = models.TextField()  # that brought the state
    skew_ms = models.IntegerField(null=True)  # of its machine's clock: positive when it is behind
    injected_characters = models.IntegerField(default=0)
    injections = models.IntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    objects = OfCaller["Agent"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["session_id", "agent_id"], name="agent_identity"),
            models.UniqueConstraint(fields=["project", "name"], name="agent_name"),
            models.UniqueConstraint(
                fields=["name"], name="agent_name_alone", condition=Q(project__isnull=True)
            ),
        ]
        indexes = [
            models.Index("agent_id", F("seen_at").desc(), name="agent_newest"),
            models.Index("state", "seen_at", name="agent_silence"),
            models.Index(F("seen_at").desc(), name="agent_seen"),
        ]

    @classmethod
    def of_projects(cls, ids: Collection[uuid.UUID]) -> Q:
        return Q(project_id__in=ids)


class Correspondence(models.Model):
    """How many messages one agent sent another. It gives out their numbers."""

    id = models.BigAutoField(primary_key=True)
    from_agent = models.TextField()  # "": the server
    to_agent = models.TextField()
    last_number = models.BigIntegerField()
    used_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["from_agent", "to_agent"], name="correspondence_pair"),
        ]
        indexes = [models.Index("used_at", name="correspondence_age")]


class Delivery(models.Model):
    """How far a message to one agent has come. It outlives the message, which expires.

    A broadcast has none: nobody knows whom it is for.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        INJECTED = "injected"  # put before the agent, by the reply to one of its hooks
        SEEN = "seen"  # a later hook shows that, or it was read from the inbox
        ACKNOWLEDGED = "acknowledged"
        DEAD = "dead"  # its addressee ended before

    OPEN = (State.QUEUED, State.INJECTED)

    message_id = models.UUIDField(primary_key=True)
    project = models.ForeignKey(
        Project, models.DO_NOTHING, related_name="+", null=True, db_constraint=False
    )
    from_agent = models.TextField()  # "": the server
    to_agent = models.TextField()
    number = models.BigIntegerField()  # among the messages of this sender to this agent, from 1
    in_reply_to = models.UUIDField(null=True)
    is_crossed = models.BooleanField(default=False)  # its sender had not seen a message from there
    state = models.TextField(choices=State.choices, default=State.QUEUED)
    reason = models.TextField(null=True)
    to_inject = models.BooleanField(default=True)  # false: it waits in the inbox only
    injections = models.IntegerField(default=0)
    carrier = models.TextField(null=True)  # the host's id of the event that it went out with
    queued_at = models.DateTimeField(default=timezone.now)
    injected_at = models.DateTimeField(null=True)  # the last time
    seen_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    objects = OfCaller["Delivery"]()

    class Meta:
        indexes = [
            models.Index(
                "to_agent",
                name="delivery_to_inject",
                condition=Q(state="injected") | Q(state="queued", to_inject=True),
            ),
            models.Index(
                "to_agent",
                "from_agent",
                name="delivery_open",
                condition=Q(state__in=["queued", "injected"]),
            ),
            models.Index("from_agent", F("queued_at").desc(), name="delivery_sent"),
            models.Index("queued_at", name="delivery_age"),
        ]

    @classmethod
    def of_projects(cls, ids: Collection[uuid.UUID]) -> Q:
        return Q(project_id__in=ids)
