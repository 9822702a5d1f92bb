"""JSON and its scalars, as the contract writes and reads them."""

import json
import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcm.lib import wire
from dcm.lib.errors import InvalidJson

zones = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
moments = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=zones)  # noqa: DTZ001
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(moments)
def test_a_time_is_written_in_utc_with_three_digits_and_read_back(moment: datetime) -> None:
    text = wire.wire_time(moment)

    assert len(text) == len("2026-03-04T05:06:07.089Z")
    assert text.endswith("Z")
    assert wire.parse_time(text) == moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@given(moments)
def test_a_time_with_an_offset_is_read_to_the_microsecond(moment: datetime) -> None:
    read = wire.parse_time(moment.isoformat())

    assert read == moment
    assert read is not None
    assert read.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    ["2026-03-04t05:06:07z", "2026-03-04T05:06:07.5Z", "2026-03-04T05:06:07.123456789+02:00"],
)
def test_a_time_may_have_any_number_of_fraction_digits_and_either_case(text: str) -> None:
    assert wire.parse_time(text) is not None


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-04T05:06Z",
        "2026-03-04T05:06:07",
        "2026-03-04 05:06:07Z",
        "2026-03-04",
        "20260304T050607Z",
        "2026-W10-3T05:06:07Z",
        "2026-02-30T05:06:07Z",
        "2026-03-04T24:06:07Z",
        "2026-03-04T05:06:07+0200",
        "2026-03-04T05:06:07Z\n",
        "0001-01-01T00:00:00+05:00",
        "\N{ARABIC-INDIC DIGIT TWO}026-03-04T05:06:07Z",
        "",
        5,
        None,
    ],
)
def test_anything_else_is_no_time(value: object) -> None:
    assert wire.parse_time(value) is None


@given(st.text())
def test_no_text_breaks_the_readers(text: str) -> None:
    wire.parse_time(text)
    wire.parse_uuid(text)


@given(st.uuids())
def test_an_id_is_read_in_either_case(value: uuid.UUID) -> None:
    assert wire.parse_uuid(str(value).upper()) == wire.parse_uuid(str(value)) == value


@pytest.mark.parametrize(
    "value",
    [
        "11111111111111111111111111111111",
        "{11111111-1111-1111-1111-1111111111}",
        "urn:uuid:11111111-1111-1111-1111-111",
        "1111111-11111-1111-1111-111111111111",
        "\N{ARABIC-INDIC DIGIT ONE}1111111-1111-1111-1111-111111111111",
        "",
        7,
    ],
)
def test_an_id_in_any_other_form_is_none(value: object) -> None:
    assert wire.parse_uuid(value) is None


@given(json_values)
def test_every_json_value_is_written_so_that_others_read_it(value: Any) -> None:
    assert json.loads(wire.dump(value)) == value


def test_times_and_ids_are_written_as_text() -> None:
    moment = datetime(2026, 3, 4, 5, 6, 7, 89_999, tzinfo=UTC)
    number = uuid.UUID(int=1)

    written = json.loads(wire.dump({"at": moment, "id": number, "big": 2**70}))

    assert written == {"at": "2026-03-04T05:06:07.089Z", "id": str(number), "big": 2**70}


@given(st.binary())
def test_bytes_are_a_json_value_or_refused(body: bytes) -> None:
    try:
        value = wire.load(body)
    except InvalidJson:
        return
    assert json.loads(body) == value


@pytest.mark.parametrize("nest", [lambda inner: [inner], lambda inner: {"a": inner}])
def test_what_is_nested_too_deeply_is_not_kept(nest: Any) -> None:
    value = deepest = 1
    for depth in range(200):
        value = nest(value)
        if depth == wire.DEEPEST - 2:
            deepest = value

    assert wire.is_storable(deepest)
    assert not wire.is_storable(value)


@pytest.mark.parametrize("value", ["a\0", ["\0"], {"\0": 1}, {"a": [{"b": "\0"}]}])
def test_what_holds_u0000_is_not_kept(value: Any) -> None:
    assert not wire.is_storable(value)
