"""The protocol by itself: what is read, and how things are written."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcm.lib.errors import NotFound
from sessions_app.trpc.frames import (
    MISSING,
    Call,
    Stop,
    Unreadable,
    error_envelope,
    event_frame,
    parse_connection_params,
    parse_frame,
    result_frame,
    unreadable_frame,
)
from tests.trpc.client import request

CALL = Call(7, False, "query", "context.get", MISSING)


def parse(value: Any) -> list[Call | Stop]:
    return parse_frame(json.dumps(value))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "NaN",
        "5",
        "null",
        '"PING"',
        "ping",
        '{"id":NaN,"method":"query","params":{"path":"p"}}',
        '{"id":1e999,"method":"query","params":{"path":"p"}}',
        "[" * 100_000,
        '{"id":' + "9" * 5000 + ',"method":"subscription.stop"}',
    ],
)
def test_what_is_no_json_object_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        parse_frame(text)


@pytest.mark.parametrize(
    "change",
    [
        {"id": None},
        {"id": True},
        {"id": {}},
        {"id": [1]},
        {"jsonrpc": "1.0"},
        {"jsonrpc": None},
        {"method": "reconnect"},
        {"method": None},
        {"method": ["query"]},
        {"params": None},
        {"params": []},
        {"params": {}},
        {"params": {"path": 1}},
        {"params": {"path": "p", "lastEventId": 7}},
        {"params": {"path": "p", "lastEventId": None}},
    ],
)
def test_a_bad_envelope_is_unreadable(change: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        parse({**request(1, "query", "p"), **change})


def test_a_missing_id_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        parse({"method": "query", "params": {"path": "p"}})


def test_one_bad_element_spoils_the_whole_array() -> None:
    with pytest.raises(Unreadable):
        parse([request(1, "query", "p"), [request(2, "query", "p")]])


def test_an_array_is_read_in_order_and_an_empty_one_asks_nothing() -> None:
    calls = parse([request(2, "query", "b"), {"id": "2", "method": "subscription.stop"}])

    assert [type(call) for call in calls] == [Call, Stop]
    assert [call.id for call in calls] == [2, "2"]
    assert parse([]) == []


@pytest.mark.parametrize(
    ("params", "merged"),
    [
        ({}, {"lastEventId": "7"}),
        ({"input": None}, {"lastEventId": "7"}),
        ({"input": {"a": 1}}, {"a": 1, "lastEventId": "7"}),
        ({"input": [1]}, [1]),
    ],
)
def test_the_last_event_id_is_merged_into_the_input(params: dict[str, Any], merged: Any) -> None:
    frame = request(1, "subscription", "p")
    frame["params"] |= params | {"lastEventId": "7"}

    (call,) = parse(frame)

    assert isinstance(call, Call)
    assert call.input == merged


@given(
    st.one_of(st.text(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)),
    st.recursive(st.none() | st.booleans() | st.text(), lambda inner: st.lists(inner)),
)
def test_ids_and_data_come_back_as_they_were(request_id: Any, data: Any) -> None:
    (call,) = parse(request(request_id, "query", "p"))
    assert isinstance(call, Call)

    frame = result_frame(call, data)

    assert json.loads(frame) == {"id": request_id, "result": {"type": "data", "data": data}}


def test_an_id_of_half_a_character_comes_back_in_ascii() -> None:
    (call,) = parse_frame('{"id":"\\ud83d","method":"query","params":{"path":"p"}}')
    assert isinstance(call, Call)

    assert result_frame(call, 1).isascii()
    assert '"\\ud83d"' in result_frame(call, 1)


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_any_text_is_read_or_unreadable(text: str) -> None:
    with contextlib.suppress(Unreadable):
        parse_frame(text)


def test_an_unreadable_frame_is_answered_without_id_and_path() -> None:
    frame = json.loads(unreadable_frame(Unreadable("Not an object")))

    data = {"code": "PARSE_ERROR", "httpStatus": 400}
    error = {"message": "Not an object", "code": -32700, "data": data}
    assert frame == {"id": None, "error": error}


def test_jsonrpc_is_carried_along_when_the_client_has_it() -> None:
    (call,) = parse({**request(1, "query", "p"), "jsonrpc": "2.0"})

    assert json.loads(result_frame(call, 1))["jsonrpc"] == "2.0"
    assert "jsonrpc" not in json.loads(result_frame(CALL, 1))


def test_an_event_has_its_number_as_text_and_bare_data() -> None:
    assert json.loads(event_frame(CALL, 319, '{"key":"k"}')) == {
        "id": 7,
        "result": {"type": "data", "id": "319", "data": {"key": "k"}},
    }


def test_an_unexpected_error_says_nothing_of_itself() -> None:
    envelope = error_envelope(RuntimeError("/srv/secret.py broke"), path="context.get")

    assert envelope == {
        "message": "Internal server error",
        "code": -32603,
        "data": {"code": "INTERNAL_SERVER_ERROR", "httpStatus": 500, "path": "context.get"},
    }


def test_an_unknown_row_is_an_internal_error_with_its_text() -> None:
    envelope = error_envelope(NotFound("Question not found: 5"), path="questions.answer")

    assert (envelope["message"], envelope["data"]["httpStatus"]) == ("Question not found: 5", 500)


@pytest.mark.parametrize(
    "text", ["5", "{}", '{"data":5}', '{"data":{"token":5}}', '{"data":["a"]}', "{"]
)
def test_bad_connection_parameters_are_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        parse_connection_params(text)


def test_connection_parameters_may_be_null_and_of_any_method() -> None:
    assert parse_connection_params('{"method":"whatever","data":null}') == {}
    assert parse_connection_params('{"data":{"token":"abc"}}') == {"token": "abc"}
