"""The event log: what is announced, in the order it was committed."""

from django.contrib.postgres.fields import ArrayField
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
        indexes = [models.Index(fields=["created_at"], name="event_created")]
