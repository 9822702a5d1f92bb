"""The event log: what is announced, in the order it was committed."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Now


class EventHead(models.Model):
    """The last number given out: one row, locked by whoever publishes until the commit.

    That makes the numbers dense and in commit order, so a reader can neither step over a late
    event nor miss a hole. A new epoch says that earlier numbers mean nothing any more.
    """

    id = models.SmallIntegerField(primary_key=True)
    epoch = models.TextField()  # 12 characters of 0-9a-f
    seq = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="event_head_one_row")]


class LoggedEvent(models.Model):
    """One event, for all its channels. Only realtime.publish inserts here."""

    seq = models.BigIntegerField(primary_key=True)
    channels = ArrayField(models.TextField())
    type = models.TextField()
    data = models.JSONField()
    publisher = models.TextField(default="", db_default="")  # agent that sent it; "": the server
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["created_at"], name="event_created"),
            # For what waits for an agent; the bulk of the log, recorded actions, stays out of it.
            # By their hashes: names may be longer than an index takes.
            GinIndex(
                models.Func("channels", function="dcm_agent_channels"),
                name="event_tracked",
                condition=models.Q(type__regex=r"^(task|subtask|message)\."),
            ),
        ]


class Presence(models.Model):
    """One authenticated socket, for as long as its server process says so.

    A process that died cannot: its sockets are gone when their lease ends.
    """

    client_id = models.TextField(primary_key=True)
    agent_id = models.TextField()
    session_id = models.TextField(null=True)
    process = models.TextField()  # host and process id of the server
    connected_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "presence"
        indexes = [
            models.Index(fields=["agent_id"], name="presence_agent"),
            models.Index(fields=["expires_at"], name="presence_lease"),
        ]


class RememberedChannel(models.Model):
    """A channel that an agent took, for when it comes back; wanted false: one it left for good."""

    id = models.BigAutoField(primary_key=True)
    agent_id = models.TextField()
    channel = models.TextField()
    wanted = models.BooleanField(default=True)
    updated_at = models.DateTimeField(db_default=Now())  # when the agent was last there

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agent_id", "channel"], name="remembered_channel_pair")
        ]
        indexes = [models.Index(fields=["updated_at"], name="remembered_channel_age")]


class Acknowledged(models.Model):
    """The tracked events on its own channel that an agent has: all to `upto`, and some `beyond`."""

    agent_id = models.TextField(primary_key=True)
    epoch = models.TextField()
    upto = models.BigIntegerField(default=0)
    beyond = ArrayField(models.BigIntegerField())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "acknowledged"
        indexes = [models.Index(fields=["updated_at"], name="acknowledged_age")]
