"""What holds for every route. Contract: rest 1.1 to 1.4, quirks R02 to R08, R11."""

import json
from typing import Any

import httpx
import pytest
from django.conf import settings

from tests.conftest import Api, Server
from tests.contract.rest import (
    NOT_UUIDS,
    UNKNOWN,
    bad_fields,
    bad_parameters,
    error_of,
    get,
    ids,
    is_wire_time,
    post_action,
    post_project,
)

# Routes of both kinds of views: the usual ones, and those that run on the event loop.
GETS = ["/api/projects", "/api/actions", "/api/messages/ag-7", "/api/routing/suggest?keywords=a"]
POSTS = ["/api/projects", "/api/actions", "/api/messages", "/api/sessions", "/api/subscribe"]
JSON = "application/json"


@pytest.mark.parametrize("path", [*GETS, "/nothing", f"/api/projects/{UNKNOWN}", "/health"])
async def test_pages_of_any_origin_may_read_every_reply(api: Api, path: str) -> None:
    response = await api.get(path, headers={"Origin": "http://elsewhere.test"})

    assert response.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("path", [*POSTS, "/nothing", "/api/projects/x/y/z"])
async def test_preflight_allows_every_path(api: Api, path: str) -> None:
    asked = {"Origin": "http://elsewhere.test", "Access-Control-Request-Headers": "x-a, x-b"}

    response = await api.options(path, headers=asked)

    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["access-control-allow-origin"] == "*"
    methods = response.headers["access-control-allow-methods"]
    assert methods == "GET,HEAD,PUT,POST,DELETE,PATCH,QUERY"
    assert response.headers["access-control-allow-headers"] == "x-a, x-b"
    assert response.headers["vary"] == "Access-Control-Request-Headers"


@pytest.mark.parametrize("path", GETS)
async def test_head_answers_like_get_without_a_body(api: Api, path: str) -> None:
    got, head = await api.get(path), await api.head(path)

    assert (got.status_code, head.status_code, head.content) == (200, 200, b"")
    assert head.headers["content-type"] == got.headers["content-type"]


async def test_head_of_a_missing_row_is_404_without_a_body(api: Api) -> None:
    response = await api.head(f"/api/projects/{UNKNOWN}")

    assert (response.status_code, response.content) == (404, b"")


@pytest.mark.parametrize("path", [*GETS, "/nothing"])
async def test_replies_are_json_without_a_charset(api: Api, path: str) -> None:
    response = await api.get(path, headers={"Accept": "text/html"})

    assert response.headers["content-type"] == JSON


@pytest.mark.parametrize("path", ["/nothing", "/api", "/api/nothing", "/api/projects/a/b", "/api/"])
async def test_an_unknown_route_is_a_404_in_json(api: Api, path: str) -> None:
    response = await api.get(path)

    assert (response.status_code, response.json()) == (404, {"error": "Not Found"})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/api/projects"),
        ("PATCH", f"/api/projects/{UNKNOWN}"),
        ("POST", f"/api/projects/{UNKNOWN}"),
        ("DELETE", "/api/actions"),
        ("PATCH", "/api/actions"),
        ("PUT", f"/api/actions/{UNKNOWN}"),
        ("POST", "/api/actions/hourly"),
        ("GET", "/api/messages"),
        ("POST", "/api/routing/suggest"),
        ("GET", "/api/subscribe"),
        ("POST", "/api/blocking/check"),
        ("GET", "/api/auth/token"),
        ("QUERY", "/api/projects"),
    ],
)
async def test_a_method_that_a_route_has_not_is_a_404(api: Api, method: str, path: str) -> None:
    response = await api.request(method, path)

    assert (response.status_code, response.json()) == (404, {"error": "Not Found"})


@pytest.mark.parametrize("path", [path.replace("?", "/?") for path in GETS[1:]])
async def test_a_trailing_slash_is_accepted_and_never_redirected(api: Api, path: str) -> None:
    with_slash = path if "/?" in path else path + "/"

    response = await api.get(with_slash)

    assert response.status_code == 200


async def test_a_post_with_a_trailing_slash_does_its_work(api: Api) -> None:
    response = await api.post("/api/projects/", json={"path": "/srv/shop"})

    assert response.status_code == 201


@pytest.mark.parametrize("path", ["/api/projects//", "/api//projects"])
async def test_more_slashes_lead_nowhere(api: Api, path: str) -> None:
    response = await api.get(path)

    assert (response.status_code, response.json()) == (404, {"error": "Not Found"})


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "nonsense"])
@pytest.mark.parametrize("path", ["/api/projects", "/api/actions"])
async def test_a_body_is_json_whatever_its_content_type_says(
    api: Api, path: str, kind: str
) -> None:
    body = json.dumps({"path": "/srv/shop", "tool_name": "Edit", "tool_type": "builtin"})

    response = await api.post(path, content=body, headers={"Content-Type": kind})

    assert response.status_code == 201


async def test_a_body_needs_no_content_type(api: Api) -> None:
    response = await api.post("/api/projects", content=b'{"path":"/srv/shop"}')

    assert response.status_code == 201


@pytest.mark.parametrize(
    "body", [b"", b" ", b"{", b"{'a':1}", b'{"a":1}x', b"\xff\xfe", b'{"path":"\xff"}', b"NaN"]
)
@pytest.mark.parametrize("path", POSTS)
async def test_a_body_that_is_no_json_is_refused(api: Api, path: str, body: bytes) -> None:
    response = await api.post(path, content=body)

    assert error_of(response) == (400, "Invalid JSON body")
    assert response.json()["message"]


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"null", b"5", b"true", b"[{}]"])
@pytest.mark.parametrize("path", POSTS)
async def test_a_body_that_is_no_object_has_no_details(api: Api, path: str, body: bytes) -> None:
    response = await api.post(path, content=body)

    assert (response.status_code, response.json()) == (
        400,
        {"error": "Validation failed", "details": {}},
    )


async def test_a_patch_whose_body_is_no_object_is_refused(api: Api) -> None:
    response = await api.patch(f"/api/requests/{UNKNOWN}", content=b"[]")

    assert bad_fields(response) == set()


@pytest.mark.parametrize("path", POSTS)
async def test_too_large_a_body_is_refused(api: Api, path: str) -> None:
    response = await api.post(path, content=b" " * (settings.MAX_BODY_BYTES + 1))

    assert error_of(response) == (413, "Request body too large")


async def test_a_body_of_the_largest_size_is_taken(api: Api) -> None:
    body = b'{"path":"/srv/shop"}'.ljust(settings.MAX_BODY_BYTES)

    response = await api.post("/api/projects", content=body)

    assert response.status_code == 201


async def test_unknown_keys_and_parameters_are_ignored(api: Api) -> None:
    body = {"path": "/srv/shop", "colour": "red", "id": UNKNOWN}

    response = await api.post("/api/projects", json=body, params={"unknown": 1})

    assert response.status_code == 201
    assert "colour" not in response.json()["project"]
    assert response.json()["project"]["id"] != UNKNOWN


async def test_an_authorization_header_is_ignored_when_no_key_is_set(api: Api) -> None:
    response = await api.get("/api/projects", headers={"Authorization": "Bearer whatever"})

    assert response.status_code == 200


async def test_the_first_of_repeated_parameters_wins(api: Api) -> None:
    response = await api.get("/api/projects?limit=7&limit=9")

    assert response.json()["limit"] == 7


NUL_BODIES: list[tuple[str, dict[str, Any], str]] = [
    ("/api/projects", {"path": "a\0b"}, "path"),
    ("/api/projects", {"path": "/a", "name": "\0"}, "name"),
    ("/api/projects", {"path": "/a", "metadata": {"a": {"b": ["\0"]}}}, "metadata"),
    ("/api/projects", {"path": "/a", "metadata": {"a\0": 1}}, "metadata"),
    ("/api/actions", {"tool_name": "a\0", "tool_type": "mcp"}, "tool_name"),
    ("/api/actions", {"tool_name": "a", "tool_type": "mcp", "input": "\0"}, "input"),
    ("/api/actions", {"tool_name": "a", "tool_type": "mcp", "file_paths": ["\0"]}, "file_paths"),
    (
        "/api/messages",
        {"from_agent": "a", "topic": "task.created", "content": {"a": "\0"}},
        "content",
    ),
    ("/api/messages", {"from_agent": "a", "topic": "task.created", "content": "\0"}, "content"),
    ("/api/sessions", {"id": "a\0"}, "id"),
    ("/api/subscribe", {"agent_id": "\0", "topic": "task.created"}, "agent_id"),
    ("/api/blocking", {"blocked_by": "\0", "blocked_agent": "b"}, "blocked_by"),
    ("/api/routing/feedback", {"tool_name": "\0", "keywords": ["a"]}, "tool_name"),
    ("/api/routing/feedback", {"tool_name": "a", "keywords": ["\0"]}, "keywords"),
]


@pytest.mark.parametrize(("path", "body", "field"), NUL_BODIES)
async def test_text_with_a_nul_is_refused_by_field(
    api: Api, path: str, body: dict[str, Any], field: str
) -> None:
    response = await api.post(path, json=body)

    assert bad_fields(response) == {field}


@pytest.mark.parametrize("path", ["/api/projects/by-path?path=%00", "/api/actions?tool_name=a%00"])
async def test_a_parameter_with_a_nul_is_refused(api: Api, path: str) -> None:
    response = await api.get(path)

    assert len(bad_parameters(response)) == 1


@pytest.mark.parametrize("path", ["/api/messages/a%00b", "/api/sessions/%FF", "/api/blocking/%00"])
async def test_a_path_that_is_no_text_is_a_bad_request(api: Api, path: str) -> None:
    response = await api.get(path)

    assert error_of(response) == (400, "Bad Request")


BIG = 2**31
TOOL = {"tool_name": "Edit", "tool_type": "builtin"}


@pytest.mark.parametrize("number", [BIG, -BIG - 1, 2**63, 2**64, 10**30])
@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/api/actions", TOOL, "exit_code"),
        ("/api/actions", TOOL, "duration_ms"),
        ("/api/sessions", {"id": "s-1"}, "total_tools_used"),
        ("/api/tasks", {"request_id": UNKNOWN}, "wave_number"),
    ],
)
async def test_an_integer_beyond_32_bits_is_refused_by_field(
    api: Api, path: str, body: dict[str, Any], field: str, number: int
) -> None:
    response = await api.post(path, json={**body, field: number})

    assert bad_fields(response) == {field}


@pytest.mark.parametrize("value", ["1", 1.5, True, [], {}])
async def test_numbers_are_numbers(api: Api, value: object) -> None:
    refused = await api.post("/api/actions", json={**TOOL, "exit_code": value})
    also = await api.post("/api/sessions", json={"id": "s-1", "total_errors": value})

    assert bad_fields(refused) == {"exit_code"}
    assert bad_fields(also) == {"total_errors"}


async def test_metadata_comes_back_as_the_json_that_was_sent(api: Api) -> None:
    sent = {"a": [1, 2.5, None, True, {"ü": "😀\u2028"}], "": {}, "big": 2**60, "n": -0.001}

    project = await post_project(api, metadata=sent)

    assert project["metadata"] == sent


async def test_integers_of_any_size_survive_in_metadata(api: Api) -> None:
    await api.post("/api/projects", content=b'{"path":"/a","metadata":{"n":%d}}' % 10**25)

    listed = await api.get("/api/projects")

    assert listed.status_code == 200
    assert listed.json()["projects"][0]["metadata"]["n"] == pytest.approx(10**25)


@pytest.mark.parametrize("depth", [101, 5000])
@pytest.mark.parametrize("path", ["/api/projects", "/api/messages"])
async def test_json_nested_beyond_measure_is_refused(api: Api, path: str, depth: int) -> None:
    nested = b'{"a":' * depth + b"1" + b"}" * depth
    body = b'{"path":"/a","from_agent":"a","topic":"task.created","metadata":%s,"content":%s}'

    response = await api.post(path, content=body % (nested, nested))

    assert response.status_code == 400
    assert response.json()["error"] in {"Validation failed", "Invalid JSON body"}


@pytest.mark.parametrize("text", NOT_UUIDS)
@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/api/projects/", "id"),
        ("DELETE", "/api/projects/", "id"),
        ("GET", "/api/requests/", "id"),
        ("PATCH", "/api/requests/", "id"),
        ("DELETE", "/api/requests/", "id"),
        ("GET", "/api/tasks/", "id"),
        ("PATCH", "/api/tasks/", "id"),
        ("DELETE", "/api/tasks/", "id"),
        ("GET", "/api/subtasks/", "id"),
        ("PATCH", "/api/subtasks/", "id"),
        ("DELETE", "/api/subtasks/", "id"),
        ("DELETE", "/api/actions/", "id"),
        ("GET", "/api/hierarchy/", "project_id"),
        ("DELETE", "/api/subscriptions/", "id"),
        ("DELETE", "/api/blocking/", "blocked_id"),
    ],
)
async def test_a_bad_id_in_the_path_is_refused(
    api: Api, method: str, path: str, name: str, text: str
) -> None:
    response = await api.request(method, path + text, json={"status": "completed"})

    assert bad_fields(response) == {name}
    assert response.json()["details"] == {name: ["Invalid UUID"]}


@pytest.mark.parametrize("text", NOT_UUIDS)
@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/requests", "project_id"),
        ("/api/tasks", "request_id"),
        ("/api/subtasks", "task_id"),
        ("/api/subtasks", "task_list_id"),
        ("/api/actions", "subtask_id"),
        ("/api/sessions", "project_id"),
    ],
)
async def test_a_bad_id_in_a_filter_is_refused(api: Api, path: str, name: str, text: str) -> None:
    response = await api.get(path, params={name: text})

    assert bad_parameters(response) == {name}
    assert response.json()["details"] == {name: ["Invalid UUID"]}


@pytest.mark.parametrize("text", [*NOT_UUIDS, "", 5, {}])
async def test_a_bad_id_in_a_body_is_refused(api: Api, text: object) -> None:
    on_a_thread = await api.post("/api/tasks", json={"request_id": text})
    on_the_loop = await api.post("/api/actions", json={**TOOL, "subtask_id": text})

    assert bad_fields(on_a_thread) == {"request_id"}
    assert bad_fields(on_the_loop) == {"subtask_id"}


async def test_any_hex_id_is_accepted_in_any_case_and_echoed_in_lower_case(api: Api) -> None:
    project = await post_project(api)

    upper = await api.get(f"/api/projects/{project['id'].upper()}")
    odd = await api.get("/api/projects/11111111-1111-1111-1111-111111111111")

    assert upper.json()["project"]["id"] == project["id"]
    assert error_of(odd) == (404, "Project not found")


async def test_times_have_three_digits_and_end_in_z(api: Api) -> None:
    project = await post_project(api)
    action = await post_action(api)

    assert is_wire_time(project["created_at"])
    assert is_wire_time(action["created_at"])


async def test_a_refusal_names_the_first_field_in_its_message(api: Api) -> None:
    response = await api.post("/api/actions", json={"tool_name": "Edit", "tool_type": "x"})

    assert response.json()["message"] == "Invalid tool_type"
    assert list(response.json()) == ["error", "details", "message"]


async def test_problems_of_elements_are_found_under_the_name_of_the_array(api: Api) -> None:
    body = {"task_id": UNKNOWN, "description": "a", "blocked_by": ["x", UNKNOWN, 5]}

    response = await api.post("/api/subtasks", json=body)

    assert response.json()["details"] == {"blocked_by": ["Invalid UUID", "Invalid UUID"]}


PAGES = [
    ("/api/projects", 100),
    ("/api/requests", 100),
    ("/api/tasks", 100),
    ("/api/subtasks", 100),
    ("/api/actions", 100),
    ("/api/sessions", 50),
]


@pytest.mark.parametrize(("path", "default"), PAGES)
@pytest.mark.parametrize(
    ("given", "shown"),
    [("5", 5), ("0", 0), ("1.9", 1), ("1x", 1), ("100", 100), ("101", 100), ("9" * 30, 100)],
)
async def test_a_limit_is_its_leading_integer_and_at_most_100(
    api: Api, path: str, default: int, given: str, shown: int
) -> None:
    assert (await get(api, path, limit=given))["limit"] == shown


@pytest.mark.parametrize(("path", "default"), PAGES)
@pytest.mark.parametrize("given", ["", "x", "-1", "-", "é", "\N{ARABIC-INDIC DIGIT THREE}"])
async def test_odd_limits_and_offsets_count_as_absent(
    api: Api, path: str, default: int, given: str
) -> None:
    page = await get(api, path, limit=given, offset=given)

    assert (page["limit"], page["offset"]) == (default, 0)


@pytest.mark.parametrize(("path", "default"), PAGES)
async def test_a_page_beyond_the_end_is_empty(api: Api, path: str, default: int) -> None:
    page = await get(api, path, offset="9" * 30)

    assert (page["count"], page["limit"]) == (0, default)


async def test_pages_follow_one_another_without_gap_or_repeat(api: Api) -> None:
    made = [(await post_action(api))["id"] for _ in range(7)]

    pages = [await ids(api, "/api/actions", "actions", limit=3, offset=n) for n in (0, 3, 6)]

    assert [len(page) for page in pages] == [3, 3, 1]
    assert [one for page in pages for one in page] == made[::-1]


async def test_limit_0_shows_nothing(api: Api) -> None:
    await post_action(api)

    page = await get(api, "/api/actions", limit=0)

    assert page == {"actions": [], "count": 0, "limit": 0, "offset": 0, "next_cursor": None}


async def test_a_host_that_is_not_ours_is_misdirected(api: Api) -> None:
    response = await api.get("/api/projects", headers={"Host": "evil.test"})

    assert error_of(response) == (421, "Host not allowed")


async def test_one_connection_serves_good_and_bad_requests_in_turn(server: Server) -> None:
    limits = httpx.Limits(max_connections=1)
    async with httpx.AsyncClient(base_url=server.url, limits=limits) as client:
        codes = [
            (await client.post("/api/projects", content=body)).status_code
            for body in (b'{"path":"/a"}', b"{", b" " * 2_000_000, b'{"path":"/a"}')
        ]

    assert codes == [201, 400, 413, 201]
