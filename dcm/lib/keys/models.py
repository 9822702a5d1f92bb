from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone


class ApiKey(models.Model):
    """Lets a program in. Never deleted, so the rows also tell who made and who revoked it.

    The key itself is shown once, and kept nowhere.
    """

    class Scope(models.TextChoices):
        AGENT = "agent"
        OPERATOR = "operator"

    id = models.TextField(primary_key=True)  # the part of the key that may be shown
    digest = models.BinaryField(max_length=32)  # SHA-256 of the key, which is random enough for it
    name = models.TextField()
    scope = models.TextField(choices=Scope.choices)
    projects = ArrayField(models.UUIDField(), null=True)  # null: all
    agents = ArrayField(models.TextField(), null=True)  # patterns of agent ids; null: all
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.TextField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.TextField(null=True)
    last_used_at = models.DateTimeField(null=True)  # to the minute

    class Meta:
        verbose_name = "API key"
        indexes = [models.Index(fields=["-created_at", "id"], name="api_key_age")]


class Keyring(models.Model):
    """One row, whose version grows with every change of a key: what server processes look at."""

    id = models.SmallIntegerField(primary_key=True)
    version = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="keyring_one_row")]
