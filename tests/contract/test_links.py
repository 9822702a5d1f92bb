"""Each link of the OpenAPI document leads from what was made to a route that knows it."""

import re
from typing import Any

import httpx
import pytest

from dcm.lib.threads import in_thread
from dcm.openapi_document import LINKS, document, operations
from tests.conftest import Api, delete_rows

OPERATIONS = {
    each["operationId"]: (method, path, each) for path, method, each in operations(document())
}
FOLLOWED = [(name, to) for name, links in LINKS.items() for each in links.values() for to in each]


@pytest.mark.parametrize(("name", "follower"), FOLLOWED)
async def test_what_was_made_can_be_used(api: Api, name: str, follower: str) -> None:
    made = await _make(api, name)

    reply = await _follow(api, made, name, follower)

    assert reply.is_success, reply.text


async def _make(api: Api, name: str) -> httpx.Response:
    """What this operation makes from its example, and before that what it needs."""
    needed = next((maker for maker, to in FOLLOWED if to == name), None)
    if needed is not None:
        return await _follow(api, await _make(api, needed), needed, name)
    await in_thread(delete_rows)
    return await _call(api, name, {}, {})


async def _follow(api: Api, made: httpx.Response, name: str, follower: str) -> httpx.Response:
    link = OPERATIONS[name][2]["responses"]["201"]["links"][follower]
    given = {key: _value(made, name, text) for key, text in link.get("parameters", {}).items()}
    body = {key: _value(made, name, text) for key, text in link.get("requestBody", {}).items()}
    return await _call(api, follower, given, body)


async def _call(api: Api, name: str, given: dict[str, Any], body: dict[str, Any]) -> httpx.Response:
    method, path, operation = OPERATIONS[name]
    known = {each["name"]: each for each in operation.get("parameters", []) if "name" in each}
    places = re.findall(r"{(\w+)}", path)
    url = path.format(**{each: given.get(each, known[each]["example"]) for each in places})
    query = {key: value for key, value in given.items() if key not in places}
    return await api.request(method, url, params=query, json=_smallest(operation) | body)


def _smallest(operation: Any) -> dict[str, Any]:
    """The required fields of the example, or one where any will do."""
    if "requestBody" not in operation:
        return {}
    content = operation["requestBody"]["content"]["application/json"]
    schema = document()["components"]["schemas"][content["schema"]["$ref"].rsplit("/", 1)[1]]
    names = schema.get("required") or [next(iter(schema["properties"]))]
    return {name: content["example"][name] for name in names}


def _value(made: httpx.Response, name: str, expression: str) -> Any:
    """What a runtime expression of OpenAPI stands for."""
    if expression == "$request.path.session_id":
        return OPERATIONS[name][2]["parameters"][0]["example"]
    value = made.json()
    for key in expression.removeprefix("$response.body#/").split("/"):
        value = value[key]
    return value
