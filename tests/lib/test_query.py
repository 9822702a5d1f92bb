"""Query parameters: lenient where the original is, strict elsewhere."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.http import QueryDict

from dcm.lib.api import Query, path_uuid
from dcm.lib.errors import InvalidQuery, ValidationFailed

ID = uuid.UUID("0a1b2c3d-4e5f-6789-abcd-ef0123456789")


def query(text: str) -> Query:
    return Query(QueryDict(text))


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("", 100),
        ("limit=5", 5),
        ("limit=0", 0),
        ("limit=1.9", 1),
        ("limit=7x", 7),
        ("limit=%2B5", 5),
        ("limit=101", 100),
        ("limit=99999999999999999999", 100),
        ("limit=", 100),
        ("limit=-1", 100),
        ("limit=x", 100),
        ("limit=%D9%A3", 100),
        ("limit=3&limit=9", 3),
    ],
)
def test_a_limit_is_the_leading_integer_up_to_the_most(text: str, limit: int) -> None:
    assert query(text).limit() == limit


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("", 0),
        ("offset=5", 5),
        ("offset=-5", 0),
        ("offset=x", 0),
        ("offset=9" + "9" * 99, 2**31 - 1),
    ],
)
def test_an_offset_falls_back_to_the_start(text: str, offset: int) -> None:
    assert query(text).offset() == offset


def test_the_first_of_a_repeated_parameter_counts_and_of_several_names_the_first_given() -> None:
    assert query("a=1&a=2").text("a") == "1"
    assert query("agent=x&agentId=y").text("agent_id", "agentId", "agent") == "y"
    assert query("a=").text("a") is None


def test_values_are_read_as_their_kind() -> None:
    read = query(f"id={str(ID).upper()}&since=2026-03-04T05:06:07+00:00&n=5&on=true&kind=b")

    assert read.id("id") == ID
    assert read.moment("since") == datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    assert read.integer("n", 1, least=0, most=10) == 5
    assert read.flag("on", False)
    assert read.choice("kind", "a", ["a", "b"]) == "b"


def test_what_is_absent_has_its_default() -> None:
    read = query("")

    assert read.id("id") is None
    assert read.moment("since") is None
    assert read.integer("n", 7, least=0, most=10) == 7
    assert read.flag("on", True)
    assert read.choice("kind", "a", ["a", "b"]) == "a"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("name=a%00b", lambda q: q.text("name")),
        ("name=1", lambda q: q.id("name")),
        ("name=2026-03-04", lambda q: q.moment("name")),
        ("name=11", lambda q: q.integer("name", 1, least=0, most=10)),
        ("name=1.5", lambda q: q.integer("name", 1, least=0, most=10)),
        ("name=", lambda q: q.integer("name", 1, least=0, most=10)),
        ("name=yes", lambda q: q.flag("name", True)),
        ("name=c", lambda q: q.choice("name", "a", ["a", "b"])),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(text: str, read: Callable[[Query], Any]) -> None:
    with pytest.raises(InvalidQuery) as refused:
        read(query(text))

    assert list(refused.value.extra["details"]) == ["name"]


def test_an_id_under_a_second_name_must_be_good_even_where_the_first_counts() -> None:
    with pytest.raises(InvalidQuery) as refused:
        query(f"task_id={ID}&task_list_id=7").id("task_id", "task_list_id")

    assert refused.value.extra["details"] == {"task_list_id": ["Invalid UUID"]}


def test_an_id_in_a_path_is_read_in_either_case_or_refused() -> None:
    assert path_uuid(str(ID).upper()) == ID
    with pytest.raises(ValidationFailed) as refused:
        path_uuid("1", "action_id")
    assert refused.value.extra["details"] == {"action_id": ["Invalid UUID"]}
