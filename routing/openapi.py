"""Routing in the OpenAPI document. Contract: rest 5.7."""

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction, extend_schema_view
from rest_framework import serializers

from dcm.lib.openapi import (
    FLAG,
    STRING,
    UUID,
    InputSchema,
    Json,
    in_query,
    limits,
    operation,
    shape,
    success,
)
from routing import views
from routing.serializers import FeedbackInput


class FeedbackSchema(InputSchema):
    target_class = FeedbackInput
    priority = 1

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        schema = super().map_serializer(auto_schema, direction)
        words = {"type": "array", "items": STRING, "minItems": 1}
        schema["properties"]["keywords"] = {
            "anyOf": [words, {"type": "string", "pattern": r"[^,\s]"}],
            "description": "As one text: separated by commas.",
        }
        return schema


TOOL = {"tool_name": serializers.CharField(), "tool_type": serializers.CharField()}

Suggestion = shape(
    "Suggestion",
    **TOOL,
    score=serializers.FloatField(min_value=0.1, max_value=5),
    usage_count=serializers.IntegerField(),
    success_rate=serializers.IntegerField(help_text="Whole percent.", min_value=0, max_value=100),
    keyword_matches=serializers.ListField(child=serializers.CharField()),
    explanation=shape(
        "KeywordFigures",
        keyword=serializers.CharField(),
        score=serializers.FloatField(min_value=0.1, max_value=5),
        usage_count=serializers.IntegerField(),
        success_rate=serializers.IntegerField(min_value=0, max_value=100),
        last_used=serializers.DateTimeField(),
    )(many=True, required=False, help_text="With `explain`: by keyword, best first."),
)

operation(
    "suggestTools",
    "Tools that did best for these keywords, best first",
    tag="Routing",
    parameters=[
        in_query("keywords", STRING, "Separated by commas.", required=True, minLength=1),
        limits(10, 50),
        in_query(
            "min_score",
            {"type": "number", "default": 0.5},
            "The least score of a keyword to count; whatever is no number counts as 0.5.",
        ),
        in_query("tool_type", STRING, "Tools of this type only."),
        in_query(
            "project_id",
            UUID,
            "What was learned in this project; what all projects taught where that is nothing.",
        ),
        in_query("explain", FLAG, "Whether to add the figures of each keyword.", default=False),
    ],
    replies={
        200: shape(
            "SuggestionList",
            keywords=serializers.ListField(child=serializers.CharField()),
            suggestions=Suggestion(many=True),
            count=serializers.IntegerField(),
            scope=serializers.ChoiceField(
                ["project", "global"],
                required=False,
                help_text="With `project_id`: whose scores these are.",
            ),
            compat_output=serializers.CharField(help_text="A line `name|type|score` for each."),
        )
    },
    errors={400: "Missing required query parameter: keywords"},
)(views.suggest)

extend_schema_view(
    get=operation(
        "getRoutingStats",
        "What has been learned, in figures",
        tag="Routing",
        replies={
            200: shape(
                "RoutingStats",
                totals=shape(
                    "RoutingTotals",
                    total_records=serializers.IntegerField(),
                    unique_keywords=serializers.IntegerField(),
                    unique_tools=serializers.IntegerField(),
                    avg_score=serializers.FloatField(),
                    avg_usage=serializers.FloatField(),
                )(),
                top_by_score=shape("ToolScore", **TOOL, avg_score=serializers.FloatField())(
                    many=True
                ),
                top_by_usage=shape("ToolUsage", **TOOL, total_usage=serializers.IntegerField())(
                    many=True
                ),
                type_distribution=shape(
                    "ToolTypeCount",
                    tool_type=serializers.CharField(),
                    tool_count=serializers.IntegerField(),
                )(many=True),
            )
        },
    )
)(views.Stats)

extend_schema_view(
    post=operation(
        "giveRoutingFeedback",
        "Say whether a suggested tool was chosen",
        tag="Routing",
        body=FeedbackInput,
        replies={
            200: shape(
                "FeedbackReply",
                success=success(),
                message=serializers.CharField(),
                adjustment=serializers.FloatField(),
            )
        },
        errors={400: "Missing required fields: tool_name and keywords"},
    )
)(views.Feedback)
