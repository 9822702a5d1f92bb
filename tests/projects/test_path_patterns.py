"""Which patterns name the same file, against trying every path of a small world."""

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projects.path_patterns import (
    InvalidPattern,
    above,
    key_of,
    like_of,
    overlap,
    path_in_project,
    read_pattern,
    stem_of,
)

WORDS = ["".join(letters) for n in (1, 2) for letters in itertools.product("ab", repeat=n)]
# Patterns of three segments of two characters meet within these, or nowhere.
WORLD = ["/".join(path) for n in (1, 2, 3, 4, 5) for path in itertools.product(WORDS, repeat=n)]

segments = st.one_of(st.just("**"), st.text("ab*?", min_size=1, max_size=2))
patterns = (
    st.lists(segments, min_size=1, max_size=3)
    .map("/".join)
    .map(lambda text: read_pattern(text, project_path="/srv/shop"))
)


def named(pattern: str) -> set[str]:
    """The paths of the world that the pattern names, as a regular expression finds them."""
    expression = ""
    for each in pattern.split("/"):
        inner = each.replace("*", "[^/]*").replace("?", "[^/]")
        expression += "(?:[^/]+/)*" if each == "**" else f"(?=[^/]){inner}/"
    return {path for path in WORLD if re.match(expression, f"{path}/")}


@settings(max_examples=300)
@given(one=patterns, other=patterns)
def test_patterns_overlap_when_there_is_a_path_that_both_name(one: str, other: str) -> None:
    met = overlap(key_of(one), key_of(other))

    assert met == bool(named(one) & named(other))
    assert met == overlap(key_of(other), key_of(one))


@settings(max_examples=100)
@given(pattern=patterns)
def test_the_database_finds_every_path_that_a_pattern_names(pattern: str) -> None:
    key = key_of(pattern)
    like = re.compile(like_of(key).replace("%", ".*").replace("_", ".").replace("\\", ""))

    for path in named(pattern):
        assert overlap(key, path, other_is_file=True)
        assert stem_of(key) in above(path)
        assert like.fullmatch(f"{path}/")


@settings(max_examples=100)
@given(pattern=patterns, file=st.sampled_from(WORLD))
def test_a_file_overlaps_the_patterns_that_name_it(pattern: str, file: str) -> None:
    met = overlap(key_of(pattern), file, other_is_file=True)

    assert met == (file in named(pattern))
    assert met == overlap(file, key_of(pattern), is_file=True)


@pytest.mark.parametrize(
    ("given_as", "shown"),
    [
        ("src/api/**", "src/api/**"),
        ("./src//api/", "src/api"),
        ("/srv/shop/src/a.py", "src/a.py"),
        ("/SRV/Shop//src/a.py", "src/a.py"),
        ("src\\api\\*.py", "src/api/*.py"),
        ("pages/[id].tsx", "pages/[id].tsx"),
        ("a***b/***", "a*b/**"),
        ("/srv/shop", "**"),
        (".", "**"),
        ("**/**", "**/**"),
    ],
)
def test_patterns_are_shown_from_the_project_on(given_as: str, shown: str) -> None:
    assert read_pattern(given_as, project_path="/srv/shop") == shown


@pytest.mark.parametrize(
    "bad",
    ["", " ", "../x", "src/../x", "/srv/shopping/a", "/", "C:/x", "c:x", "x" * 501, "*a" * 17],
)
def test_what_leads_out_of_the_project_is_refused(bad: str) -> None:
    with pytest.raises(InvalidPattern):
        read_pattern(bad, project_path="/srv/shop")


@pytest.mark.parametrize(
    ("path", "project", "found"),
    [
        ("/srv/shop/src/a.py", "/srv/shop", "src/a.py"),
        ("a.py", "/srv/shop", "src/a.py"),
        ("../b.py", "/srv/shop", "b.py"),
        ("/srv/shop/src/../../x", "/srv/shop", None),
        ("/srv/shop-2/a.py", "/srv/shop", None),
        ("C:\\Work\\Shop\\a.py", "c:/work/shop", "a.py"),
        ("D:\\Work\\Shop\\a.py", "c:/work/shop", None),
        ("/etc/hosts", "/", "etc/hosts"),
        ("/srv/shop", "/srv/shop", None),
        ("/srv/shop/" + "x" * 501, "/srv/shop", None),
    ],
)
def test_a_file_is_found_in_its_project(path: str, project: str, found: str | None) -> None:
    assert path_in_project(path, project_path=project, folder="/srv/shop/src") == found


def test_names_that_some_disks_hold_to_be_one_are_one() -> None:
    assert overlap(key_of("SRC/Caf\u00e9.py"), key_of("src/caf\u00e9.PY"))
    shown = read_pattern("cafe\u0301", project_path="/")
    assert overlap(key_of(shown), key_of("caf\u00e9"))
    assert overlap(key_of("\u00df?"), key_of("\u00dfa"))
