"""The OpenAPI document: whole, valid, and served from here."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.urls import URLPattern, URLResolver, get_resolver
from jsonschema import Draft202012Validator
from pytest_django.fixtures import Settings

from dcm.lib.api import is_page
from dcm.openapi_document import document, operations
from tests.conftest import Api

COMMITTED = Path(__file__).parents[2] / "docs" / "openapi.yaml"
CONTRACT_ROUTES = 57
OURS = {
    "getSchema",
    "getLiveness",
    "getMetrics",
    "getAction",
    "getCompactHistory",
    "listEvents",
    "listKnownAgents",
    "getKnownAgent",
    "recordActions",
    "markMessageRead",
    "takeHookEvent",
    "listAgents",
    "joinSession",
    "leaveSession",
    "listContext",
    "getContextEntry",
    "shareContext",
    "deleteContextEntry",
    "listQuestions",
    "askQuestion",
    "answerQuestion",
    "listDecisions",
    "logDecision",
    "search",
    "claimNext",
    "listClaims",
    "renewClaim",
    "releaseClaim",
    "takeLeases",
    "listLeases",
    "renewLease",
    "releaseLease",
    "checkLeases",
    "getLeaseMode",
    "setLeaseMode",
    "getHookHealth",
    "listDeliveries",
    "getDelivery",
    "acknowledgeMessage",
}


def test_the_committed_document_is_that_of_the_code() -> None:
    committed = yaml.safe_load(COMMITTED.read_text())

    assert committed == document(), "make openapi"


def test_it_has_the_routes_of_the_contract_and_ours() -> None:
    names = [each["operationId"] for _, _, each in operations(document())]

    assert set(names) >= OURS
    assert len(names) == len(set(names)) == CONTRACT_ROUTES + len(OURS)


def test_every_route_is_in_it() -> None:
    routes = {route.replace("{pk}", "{id}") for route in _routes(get_resolver())}

    assert {route for route in routes if not is_page(route)} == set(document()["paths"])


def test_every_operation_says_what_it_is_for() -> None:
    for path, method, each in operations(document()):
        assert each["summary"], path
        assert len(each["tags"]) == 1, path
        assert all("description" in known for known in _parameters(each)), (method, path)


def test_every_example_follows_its_schema() -> None:
    problems = [
        f"{name}: {problem.message}"
        for name, schema, example in _examples()
        for problem in _validator(schema).iter_errors(example)
    ]

    assert problems == []


@pytest.mark.parametrize(
    ("query", "accept", "content_type"),
    [
        ("", "*/*", "application/json"),
        ("", "application/yaml", "application/yaml"),
        ("?format=yaml", "application/json", "application/yaml"),
    ],
)
async def test_it_is_served_as_json_or_yaml(
    api: Api, query: str, accept: str, content_type: str
) -> None:
    response = await api.get(f"/api/schema{query}", headers={"Accept": accept})

    assert response.headers["content-type"].startswith(content_type)
    assert yaml.safe_load(response.text)["openapi"].startswith("3.1")


@pytest.mark.parametrize("path", ["/api/docs", "/api/docs/redoc"])
async def test_the_pages_ask_no_other_host(api: Api, path: str) -> None:
    page = await api.get(path)

    assert page.headers["content-type"].startswith("text/html")
    assert "//" not in re.sub(r"^ *//.*$", "", page.text, flags=re.MULTILINE)
    for asset in re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text):
        assert (await api.get(asset)).status_code == 200, asset


async def test_with_a_key_the_document_needs_it_and_the_pages_do_not(
    api: Api, settings: Settings
) -> None:
    settings.API_KEY = "a key of the test"

    refused = await api.get("/api/schema")
    page = await api.get("/api/docs")

    assert (refused.status_code, page.status_code) == (401, 200)


def _routes(resolver: URLResolver, prefix: str = "/") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern).removeprefix("^").removesuffix("$")
        if isinstance(pattern, URLPattern):
            named = re.sub(r"\(\?P<(\w+)>\(\?s:\.\+\??\)\)|\(\?P<(\w+)>[^)]+\)", r"{\1\2}", route)
            yield re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", named)
        else:
            yield from _routes(pattern, route)


def _parameters(operation: Any) -> list[Any]:
    return [each for each in operation.get("parameters", []) if "$ref" not in each]


def _examples() -> Iterator[tuple[str, Any, Any]]:
    for path, method, each in operations(document()):
        for parameter in _parameters(each):
            yield f"{path} {parameter['name']}", parameter["schema"], parameter["example"]
        for part in [each.get("requestBody", {}), *each["responses"].values()]:
            for content in part.get("content", {}).values():
                yield f"{method} {path}", content["schema"], content["example"]


def _validator(schema: Any) -> Any:
    return Draft202012Validator({**schema, "components": document()["components"]})
