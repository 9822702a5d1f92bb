from django.db import models
from django.utils import timezone


class StoredReply(models.Model):
    """What was answered to the request with this key. status null: not answered yet."""

    key = models.TextField(primary_key=True)  # chosen by the client
    fingerprint = models.BinaryField(max_length=32)  # SHA-256 of the request
    status = models.SmallIntegerField(null=True)
    body = models.BinaryField(default=b"")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "stored replies"
        indexes = [models.Index("created_at", name="stored_reply_age")]
