"""What the OpenAPI document says is what the server does: generated requests, good ones and bad.

For a wider search: more examples, and no `derandomize`.
"""

from pathlib import Path
from typing import Any

import hypothesis
import schemathesis
from schemathesis.checks import CheckFunction
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from dcm.openapi_document import LINKS
from sessions_app.views.coordinator import InvalidCondition
from tests.conftest import Server, delete_rows

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.yaml"
SETTINGS: dict[str, Any] = {
    "generation": {
        "deterministic": True,
        # Refused everywhere (rest R08), which a schema could not say of objects' inner texts.
        "allow-x00": False,
    },
    "checks": {
        # An unknown method is a 404 like an unknown route, not a 405 (rest 1.1).
        "unsupported_method": {"enabled": False},
        "positive_data_acceptance": {
            # 412: nobody guesses the version. 422: the Idempotency-Key has come before.
            "expected-statuses": ["2xx", "401", "403", "404", "409", "412", "422"],
        },
    },
}
schema = schemathesis.openapi.from_path(
    str(DOCUMENT), config=SchemathesisConfig.from_dict(SETTINGS)
)

REFUSED_BY_RULE = (
    "An agent cannot block itself",
    "Give to or to_agent, not both",
    "Which project? Give project_id",
    "Missing required query params: blocker and blocked",
    "No valid keywords provided",
    "One or more blocking subtask IDs not found",
    "Not a cursor of this list",
    InvalidCondition.message.split('"')[0],
)
"""Refusals that are right although the document cannot say what they are about."""

FALL_BACK = frozenset({"limit", "offset", "min_score"})
"""Query parameters that count as their default when they are no numbers (rest R11, R22)."""

LINKED = {*LINKS, *(name for links in LINKS.values() for to in links.values() for name in to)}


@schema.parametrize()
@hypothesis.settings(max_examples=20, derandomize=True, database=None)
def test_the_server_does_what_the_document_says(case: Any, server: Server) -> None:
    response = case.call(base_url=server.url)

    case.validate_response(response, excluded_checks=inapplicable(case, response))


def test_what_one_reply_names_the_next_request_can_use(server: Server) -> None:
    machine: Any = schema.include(operation_id=sorted(LINKED)).as_state_machine()

    class Linked(machine):  # type: ignore[misc]
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"base_url": server.url}

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            case.validate_response(
                response,
                excluded_checks=inapplicable(case, response),
                recorder=self.recorder,  # of the steps before: what was deleted, say
            )

        def teardown(self) -> None:
            super().teardown()
            delete_rows()  # else the same steps would not have the same end

    Linked.run(
        settings=hypothesis.settings(
            max_examples=40, stateful_step_count=10, derandomize=True, database=None, deadline=None
        )
    )


def inapplicable(case: Any, response: Any) -> list[CheckFunction]:
    lenient = [negative_data_rejection] if _is_lenient(case) else []
    by_rule = any(rule in response.text for rule in REFUSED_BY_RULE)
    return lenient + ([positive_data_acceptance] if by_rule else [])


def _is_lenient(case: Any) -> bool:
    """Whether bad input may be taken here without a word."""
    name, query = case.operation.definition.raw["operationId"], case.query or {}
    if name == "recordActions":
        return True  # actions are refused one by one, in a reply with status 207
    if name != "readMessages" and not FALL_BACK.isdisjoint(query):  # it has a strict limit
        return True
    return "" in query.values()  # an empty filter is none (rest 1.4)
