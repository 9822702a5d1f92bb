"""The search in the OpenAPI document."""

from drf_spectacular.utils import extend_schema_view
from rest_framework import serializers

from dcm.lib.openapi import COUNT, SINCE, STRING, UNTIL, UUID, in_query, next_page, operation, shape
from sessions_app.search import KINDS, LONGEST_QUERY
from sessions_app.views.search import MOST_FOUND, Search

_PART = shape(
    "ExcerptPart",
    text=serializers.CharField(help_text="As it was stored: escape it before it becomes HTML."),
    is_match=serializers.BooleanField(help_text="Whether it is a word that was looked for."),
)
_FOUND = shape(
    "Found",
    kind=serializers.ChoiceField(list(KINDS)),
    id=serializers.CharField(),
    score=serializers.FloatField(help_text="Comparable within one search only."),
    at=serializers.DateTimeField(help_text="When it was made, or last shared."),
    session_id=serializers.CharField(allow_null=True),
    project_id=serializers.UUIDField(allow_null=True),
    agent_id=serializers.CharField(allow_null=True),
    label=serializers.CharField(
        allow_null=True,
        help_text="A status, an action's tool, a message's topic, an entry's key, the question"
        " of an answer.",
    ),
    excerpt=_PART(many=True),
)

_ANY = "|".join(KINDS)

extend_schema_view(
    get=operation(
        "search",
        "Find what was asked, done, said, shared or decided, best first",
        tag="Search",
        parameters=[
            in_query(
                "q",
                STRING,
                'Words that must all be there; "a phrase"; `or` between words; `-word` excludes.',
                required=True,
                minLength=1,
                maxLength=LONGEST_QUERY,
                examples=["src/api/users.py -test"],
            ),
            in_query(
                "kinds",
                {"type": "string", "pattern": f"^({_ANY})(,({_ANY}))*$"},
                f"Separated by commas: {', '.join(KINDS)}; all of them by default.",
                examples=["action,decision"],
            ),
            in_query("project_id", UUID, "What belongs to this project."),
            in_query("session_id", STRING, "What belongs to this session."),
            in_query("agent_id", STRING, "What this agent did, sent, received or decided."),
            in_query(
                "reader",
                STRING,
                "The agent whose direct messages are found, too; by default that of `agent_id`.",
            ),
            SINCE,
            UNTIL,
            in_query("limit", COUNT, "How many.", minimum=1, maximum=MOST_FOUND, default=20),
            next_page(
                "WyIyMDI2LTAzLTA0VDA1OjA2OjA3LjA4OTAwMCswMDowMCIsMC4wNiwi"
                "MjAyNi0wMy0wNFQwNTowNjowNy4wODkwMDArMDA6MDAiLCJhY3Rpb24iLCIxIl0"
            ),
        ],
        replies={
            200: shape(
                "FoundPage",
                results=_FOUND(many=True),
                count=serializers.IntegerField(),
                next_cursor=serializers.CharField(allow_null=True),
            )
        },
        errors={400: "Missing required query parameter: q"},
    )
)(Search)
