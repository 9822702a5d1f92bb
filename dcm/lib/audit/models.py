from django.db import models
from django.db.models.functions import Now


class AuditEntry(models.Model):
    """One administrative act. Rows are added and never changed; nothing prunes them."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_default=Now())
    by = models.TextField()  # "admin mia", "key AbCd1234", "mia on the command line"
    act = models.TextField()  # "apikey.create"
    about = models.TextField()  # what it was done to
    details = models.JSONField(default=dict)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["at"], name="audit_age")]
