"""One set of rules for bodies, whichever of the two readers a view uses."""

import uuid
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcm.lib import wire
from dcm.lib.api import (
    Body,
    Boolean,
    Input,
    Integer,
    JsonObject,
    ListOf,
    Moment,
    Text,
    Uuid,
    read_body,
)
from dcm.lib.body import Instant, Int32, NonEmpty
from dcm.lib.errors import DomainError, InvalidJson, ValidationFailed

ID = "0a1b2c3d-4e5f-6789-abcd-ef0123456789"
ALIASES = {"agentId": "agent_id"}


class ToolInput(Input):
    aliases = ALIASES
    tool = Text()
    kind = Text(required=False, choices=["mcp", "agent"])
    agent_id = Text(required=False, allow_blank=True)
    count = Integer(required=False)
    done = Boolean(required=False)
    subtask_id = Uuid(required=False)
    at = Moment(required=False)
    metadata = JsonObject(required=False)
    paths = ListOf(child=Text(allow_blank=True), required=False)


class ToolBody(Body):
    aliases: ClassVar[dict[str, str]] = ALIASES
    tool: NonEmpty
    kind: Literal["mcp", "agent"] | None = None
    agent_id: str | None = None
    count: Int32 | None = None
    done: bool | None = None
    subtask_id: uuid.UUID | None = None
    at: Instant | None = None
    metadata: dict[str, Any] | None = None
    paths: list[str] = []


def by_input(body: bytes) -> dict[str, Any]:
    return ToolInput.read(wire.load(body))


def by_struct(body: bytes) -> dict[str, Any]:
    read = read_body(ToolBody, body)
    return {name: getattr(read, name) for name in read.__struct_fields__ if getattr(read, name)}


Reader = Callable[[bytes], dict[str, Any]]
both = pytest.mark.parametrize("read", [by_input, by_struct])


@both
def test_every_kind_is_read(read: Reader) -> None:
    body = {
        "tool": " Read ",
        "kind": "mcp",
        "agent_id": "é",
        "count": 2**31 - 1,
        "done": True,
        "subtask_id": ID.upper(),
        "at": "2026-03-04T05:06:07.5+02:00",
        "metadata": {"a": {"b": [None]}},
        "paths": ["/a", ""],
        "unknown": {"is": "ignored"},
    }

    found = read(orjson.dumps(body))

    assert found.pop("subtask_id") == uuid.UUID(ID)
    assert wire.wire_time(found.pop("at")) == "2026-03-04T03:06:07.500Z"
    assert found == {
        name: value for name, value in body.items() if name not in {"subtask_id", "at", "unknown"}
    }


@both
def test_null_counts_as_absent_where_a_field_is_optional(read: Reader) -> None:
    nulls = b'"kind":null,"count":null,"subtask_id":null,"metadata":null,"paths":null,"at":null'

    assert read(b'{"tool":"Read",' + nulls + b"}") == {"tool": "Read"}


@both
def test_other_names_are_understood_and_ours_wins(read: Reader) -> None:
    assert read(b'{"tool":"Read","agentId":"a"}')["agent_id"] == "a"
    assert read(b'{"tool":"Read","agentId":"a","agent_id":"b"}')["agent_id"] == "b"
    assert read(b'{"tool":"Read","agent_id":"b","agentId":"a"}')["agent_id"] == "b"
    assert read(b'{"tool":"Read","agent_id":null,"agentId":"a"}')["agent_id"] == "a"


@both
@pytest.mark.parametrize("body", [b"[]", b'"x"', b"null", b"5", b"true", b"[{}]"])
def test_a_body_that_is_no_object_fails_without_details(read: Reader, body: bytes) -> None:
    with pytest.raises(ValidationFailed) as refused:
        read(body)

    assert refused.value.extra == {"details": {}}


@both
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b'{"tool":"\\ud800"}',
        b'{"tool":"\xff"}',
        b'{"tool":"a","metadata":{"a":NaN}}',
        b'{"tool":' + b"[" * 5000,
        b'{"tool":"a","metadata":' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
    ],
)
def test_a_body_that_is_no_json_is_refused_with_the_parsers_words(
    read: Reader, body: bytes
) -> None:
    with pytest.raises(InvalidJson) as refused:
        read(body)

    assert refused.value.extra["message"]


@both
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tool", b'""'),
        ("tool", b"null"),
        ("tool", b"5"),
        ("tool", b'"a\\u0000b"'),
        ("kind", b'"other"'),
        ("kind", b'""'),
        ("agent_id", b"5"),
        ("agent_id", b'"\\u0000"'),
        ("count", b'"1"'),
        ("count", b"1.5"),
        ("count", b"true"),
        ("count", b"2147483648"),
        ("count", b"-2147483649"),
        ("count", b"9223372036854775808"),
        ("count", b"123456789012345678901234567890"),
        ("done", b"1"),
        ("done", b'"true"'),
        ("subtask_id", b'"not-a-uuid"'),
        ("subtask_id", b"5"),
        ("at", b'"2026-03-04"'),
        ("at", b'"2026-03-04T05:06:07"'),
        ("at", b"5"),
        ("metadata", b"[]"),
        ("metadata", b'"{}"'),
        ("metadata", b'{"a":{"\\u0000":1}}'),
        ("metadata", b'{"a":' * 150 + b"1" + b"}" * 150),
        ("paths", b'"/a"'),
        ("paths", b'["/a",5]'),
        ("paths", b'["\\u0000"]'),
        ("paths", b"{}"),
    ],
)
def test_a_bad_value_is_refused_by_name(read: Reader, field: str, value: bytes) -> None:
    others = b"" if field == "tool" else b'"tool":"Read",'

    with pytest.raises(ValidationFailed) as refused:
        read(b"{" + others + b'"' + field.encode() + b'":' + value + b"}")

    assert list(refused.value.extra["details"]) == [field]
    assert refused.value.extra["message"] == f"Invalid {field}"


@both
def test_all_bad_fields_are_listed(read: Reader) -> None:
    with pytest.raises(ValidationFailed) as refused:
        read(b'{"kind":"x","count":"1","paths":[1,2],"agentId":7}')

    details = refused.value.extra["details"]
    assert set(details) == {"tool", "kind", "count", "paths", "agent_id"}
    assert all(isinstance(text, str) for texts in details.values() for text in texts)


@both
def test_a_whole_number_is_an_integer_however_it_is_written(read: Reader) -> None:
    assert read(b'{"tool":"Read","count":3.0}')["count"] == 3


@both
def test_a_megabyte_of_text_is_read(read: Reader) -> None:
    assert len(read(b'{"tool":"' + b"x" * 1_000_000 + b'"}')["tool"]) == 1_000_000


@given(st.binary())
def test_no_bytes_break_the_readers(body: bytes) -> None:
    for read in (by_input, by_struct):
        with pytest.raises(DomainError):
            read(body)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*ToolBody.__struct_fields__, "agentId"]), values))
def test_both_readers_agree(given_body: dict[str, Any]) -> None:
    body = wire.dump(given_body)

    def outcome(read: Reader) -> object:
        try:
            found = read(body)
        except ValidationFailed as refused:
            return set(refused.extra["details"])
        return {name: value for name, value in found.items() if value}

    assert outcome(by_input) == outcome(by_struct)
