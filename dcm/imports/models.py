"""How far an import has come: written with each batch, so that a kill costs no more than one."""

from django.db import models


class ImportedTable(models.Model):
    """One table of one source. The figures are of its last pass, over however many runs."""

    source = models.TextField()  # host:port/database
    table = models.TextField()
    position = models.TextField(null=True)  # key of the last row that was read; null: none yet
    read = models.BigIntegerField(default=0)
    copied = models.BigIntegerField(default=0)
    known = models.BigIntegerField(default=0)  # they were here already, and stay as they are
    mended = models.BigIntegerField(default=0)
    left_out = models.JSONField(default=dict)  # {why: how many}
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "table"], name="imported_table_once")
        ]
