from django.db import models


class RedactionCount(models.Model):
    """How many secrets of one kind were taken out of what came in: a handful of rows for good."""

    kind = models.TextField(primary_key=True)
    count = models.BigIntegerField()

    class Meta:
        db_table = "redaction_count"
