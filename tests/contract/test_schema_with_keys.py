"""The same where keys are asked for: who may not is told so, and who may gets what is promised."""

from typing import Any

import hypothesis
import pytest
import schemathesis
from pytest_django.fixtures import Settings
from schemathesis.config import SchemathesisConfig

from dcm.lib.keys.services import create_key
from dcm.openapi_document import rule_for
from tests.conftest import Server
from tests.contract.test_schema import DOCUMENT, SETTINGS, inapplicable
from tests.factories import make_project

EXAMPLES = 2
# Good input only: what becomes of bad input is no matter of keys. One without a key is sent below.
CONFIG = SchemathesisConfig.from_dict(
    {
        **SETTINGS,
        "generation": {**SETTINGS["generation"], "mode": "positive"},
        "checks": {**SETTINGS["checks"], "ignored_auth": {"enabled": False}},
        "phases": {"coverage": {"enabled": False}},
    }
)
schema = schemathesis.openapi.from_path(str(DOCUMENT), config=CONFIG)


@pytest.fixture
def keys(server: Server, settings: Settings) -> dict[str, str]:
    """Kind of caller -> its key, in production."""
    settings.PRODUCTION = True
    made = {
        "operator": create_key(name="o", scope="operator", by="the test"),
        "agent": create_key(name="a", scope="agent", by="the test"),
        "limited": create_key(
            name="l",
            scope="agent",
            by="the test",
            projects=[make_project(path="/srv/of-key").id],
            agents=["web-*"],
        ),
    }
    return {kind: key.text for kind, key in made.items()}


@schema.parametrize()
@hypothesis.settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
def test_each_key_gets_what_it_may_and_no_more(
    case: Any, server: Server, keys: dict[str, str]
) -> None:
    rule = rule_for(case.method, case.operation.path)

    for kind, key in keys.items():
        response = case.call(base_url=server.url, headers={"X-API-Key": key})

        case.validate_response(response, excluded_checks=inapplicable(case, response))
        assert response.status_code != 401
        beyond = rule.scope == "operator" and kind != "operator"
        beyond |= rule.reach == "all" and rule.scope != "open" and kind == "limited"
        if beyond:
            assert response.status_code == 403
    response = case.call(base_url=server.url, headers={"X-API-Key": "wrong"})
    assert (response.status_code == 401) == (rule.scope != "open")
