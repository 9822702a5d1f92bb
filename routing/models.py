from django.db import models
from django.utils import timezone


class ToolScore(models.Model):
    """How well a tool did when a keyword was in its input. Contract: rest 6.2."""

    keyword = models.TextField()
    tool_name = models.TextField()
    tool_type = models.TextField()  # as last recorded
    score = models.FloatField(default=1.0)  # 0.1 to 5.0
    usage_count = models.IntegerField(default=1)
    success_count = models.IntegerField(default=1)
    last_used = models.DateTimeField(default=timezone.now)

    class Meta:
        abstract = True


class KeywordToolScore(ToolScore):
    """In all projects together."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["keyword", "tool_name"], name="keyword_tool_pair"),
            models.CheckConstraint(
                condition=models.Q(score__gte=0.1, score__lte=5.0), name="keyword_tool_score_range"
            ),
        ]


class ProjectToolScore(ToolScore):
    """In one project. Kept only with ROUTING_PROJECT_SCORES, see decision 0011."""

    project_id = models.UUIDField()  # projects are a layer above: forget_project() deletes

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project_id", "keyword", "tool_name"], name="project_tool_triple"
            ),
            models.CheckConstraint(
                condition=models.Q(score__gte=0.1, score__lte=5.0), name="project_tool_score_range"
            ),
        ]
