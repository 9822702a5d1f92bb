from dcm.lib.redaction.models import RedactionCount


def redactions_by_kind() -> dict[str, int]:
    return dict(RedactionCount.objects.values_list("kind", "count"))
