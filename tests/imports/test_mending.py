"""Reading what the original stored oddly."""

import gzip
import json
from typing import Any

import pytest

from dcm.imports.mending import MOST_TEXT_BYTES, Mender

OBJECTS = [
    ('{"a": 1}', {"a": 1}, False),
    (json.dumps('{"a": 1}'), {"a": 1}, True),
    (json.dumps(json.dumps('{"a": 1}')), {"a": 1}, True),
    (json.dumps(["{}", '{"a": 1, "b": 1}', '{"a": 2}']), {"a": 2, "b": 1}, True),
    (json.dumps([{"a": 1}, '{"b": 2}']), {"a": 1, "b": 2}, True),
    (None, {}, False),
    ("null", {}, False),
    ('"null"', {}, True),
    ('"plain"', {"value": "plain"}, True),
    ('"{no json"', {"value": "{no json"}, True),
    ("7", {"value": 7}, True),
    ('"{\\"a\\": \\"\\\\u0000\\"}"', {}, True),
    ("[" * 200 + "]" * 200, {}, True),
    ('{"a": 1e400}', {"a": "1e400"}, False),
    ('{"a": "{\\"text\\": 1}"}', {"a": '{"text": 1}'}, False),
]


@pytest.mark.parametrize(("stored", "meant", "is_mended"), OBJECTS)
def test_an_object_is_read_however_often_it_was_encoded(
    stored: str | None, meant: dict[str, Any], is_mended: bool
) -> None:
    mender = Mender()

    assert (mender.mapping(stored), mender.mended) == (meant, is_mended)


def test_no_object_stays_none() -> None:
    assert Mender().mapping_or_none(None) is None
    assert Mender().mapping_or_none('"null"') is None
    assert Mender().mapping_or_none('"{}"') == {}


def test_the_text_of_a_message_becomes_its_content() -> None:
    assert Mender().content('"hello"') == {"message": "hello"}
    assert Mender().content(json.dumps('{"n": 1}')) == {"n": 1}


TEXTS = [
    (b"plain", "plain", False),
    (gzip.compress(b"packed", mtime=0), "packed", False),
    (b"", "", False),
    (None, None, False),
    (gzip.compress(b"packed", mtime=0)[:-8], "packed", True),
    (b"\x1f\x8bno gzip", "\x1f\N{REPLACEMENT CHARACTER}no gzip", True),
    (b"a\xffb", "a\N{REPLACEMENT CHARACTER}b", True),
    ("\N{REPLACEMENT CHARACTER}".encode(), "\N{REPLACEMENT CHARACTER}", False),
    (b"a\0b", "a\N{REPLACEMENT CHARACTER}b", True),
]


@pytest.mark.parametrize(("stored", "meant", "is_mended"), TEXTS)
def test_a_text_is_read_packed_or_not(
    stored: bytes | None, meant: str | None, is_mended: bool
) -> None:
    mender = Mender()

    assert (mender.text(stored), mender.mended) == (meant, is_mended)


def test_a_small_text_cannot_unpack_to_a_huge_one() -> None:
    mender = Mender()

    text = mender.text(gzip.compress(b"0" * (MOST_TEXT_BYTES + 1)))

    assert text is not None
    assert len(text) == MOST_TEXT_BYTES
    assert mender.mended


def test_numbers_are_moved_into_their_range() -> None:
    mender = Mender()

    assert (mender.number(7, 0, 10), mender.real(2.5, 0.1, 5.0, 1.0)) == (7, 2.5)
    assert not mender.mended
    assert (mender.number(-1), mender.number(99, 0, 10), mender.number(None)) == (0, 10, 0)
    assert (mender.real(9, 0.1, 5.0, 1.0), mender.real(float("nan"), 0.1, 5.0, 1.0)) == (5.0, 1.0)
    assert mender.mended
