from django.db.models import Sum

from dcm.lib.redaction.models import RedactionCount


def total_redactions() -> int:
    """How many secrets were taken out of what came in."""
    return RedactionCount.objects.aggregate(total=Sum("count"))["total"] or 0


def redactions_by_kind() -> dict[str, int]:
    return dict(RedactionCount.objects.values_list("kind", "count"))
