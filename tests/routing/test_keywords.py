"""extract_keywords against a model in plain words. Contract: rest 6.1."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.keywords import extract_keywords, extract_rich_keywords

_LIST = """
  the a an is are was were be been being have has had do does did will would could should may might
  must shall can to of in for on with at by from as or and but if then else when where how all each
  every both few more most other some such no nor not only own same so than too very just also now
  here there this that these those file path true false null undefined error ok
"""
STOP_WORDS = _LIST.split()
KEPT = "abcdefghijklmnopqrstuvwxyz0123456789-_"

# Texts that meet the rules often: few words, many repeats, odd letters and blanks between.
words = st.sampled_from([*STOP_WORDS, "login", "form", "Form", "x-1", "__", "404", "a" * 29])
glue = st.sampled_from([" ", "\n", "\t", "é", "/", ".", "İ", "\u2028", ""])
texts = st.text() | st.lists(st.tuples(words | st.text(max_size=31), glue), max_size=40).map(
    lambda pairs: "".join(word + blank for word, blank in pairs)
)


def model(text: str) -> list[str]:
    """The seven steps of the contract, one after another."""
    lowered = text.lower()
    cleaned = "".join(c if c in KEPT or c.isspace() else " " for c in lowered)
    tokens = [token for token in cleaned.split() if 3 <= len(token) <= 29]
    tokens = [token for token in tokens if token not in STOP_WORDS]
    firsts = list(dict.fromkeys(tokens))
    firsts.sort(key=lambda token: (-tokens.count(token), tokens.index(token)))
    return firsts[:10]


@given(texts)
def test_keywords_are_those_of_the_model(text: str) -> None:
    assert extract_keywords(text) == model(text)


@given(texts)
def test_keywords_of_keywords_are_the_same(text: str) -> None:
    found = extract_keywords(text)

    assert extract_keywords(" ".join(found)) == found


@given(texts, texts)
def test_a_text_said_twice_has_the_same_keywords(text: str, other: str) -> None:
    assert extract_keywords(f"{text} {text}") == extract_keywords(text)
    assert len(extract_keywords(f"{text} {other}")) <= 10


@pytest.mark.parametrize("word", STOP_WORDS)
def test_stop_words_are_dropped_in_any_case(word: str) -> None:
    assert extract_keywords(f"{word} {word.upper()}") == []


@pytest.mark.parametrize(
    ("text", "keywords"),
    [
        ("", []),
        ("ab abc", ["abc"]),
        ("a" * 29 + " " + "b" * 30, ["a" * 29]),
        ("404 --- ___", ["404", "---", "___"]),
        ("naïve", []),
        ("résumé café", ["sum", "caf"]),
        ("src/app/login_form.py", ["src", "app", "login_form"]),
        ("one two two three three", ["two", "three", "one"]),
        ("The FILE path Is OK", []),
        ("thefile", ["thefile"]),
        ("constructor __proto__ toString", ["constructor", "__proto__", "tostring"]),
    ],
)
def test_keywords_of_common_texts(text: str, keywords: list[str]) -> None:
    assert extract_keywords(text) == keywords


def test_ties_come_in_the_order_of_their_first_appearance_and_ten_remain() -> None:
    words = [f"word-{n}" for n in range(12, 0, -1)]

    assert extract_keywords(" ".join([*words, "word-1"])) == ["word-1", *words[:9]]


def test_a_megabyte_is_no_trouble() -> None:
    text = "".join(f"w{n} " for n in range(150_000))

    assert len(extract_keywords(text)) == 10


def test_rich_keywords_add_pairs_and_extensions() -> None:
    found = extract_rich_keywords("Edit the login form, login form of /srv/a/views.py and b.py")

    assert found == [
        *extract_keywords("Edit the login form, login form of /srv/a/views.py and b.py"),
        "login form",
        ".py",
    ]


@pytest.mark.parametrize(
    ("text", "extensions"),
    [
        ("views.py", [".py"]),
        ('{"file_path":"/srv/App.TSX"}', [".tsx"]),
        ("a.tar.gz", [".gz"]),
        ("v1.2.3 3.14", []),
        ("see example.", []),
        (".gitignore", []),
        ("x.averylongsuffix", []),
        ("a.py b.js c.ts d.rs a.py", [".py", ".js", ".ts"]),
    ],
)
def test_extensions_are_those_of_file_names(text: str, extensions: list[str]) -> None:
    assert [word for word in extract_rich_keywords(text) if word.startswith(".")] == extensions


def test_neighbours_of_a_pair_have_only_blanks_between_them() -> None:
    found = extract_rich_keywords("npm test; git push, the cart 12 item")

    assert [word for word in found if " " in word] == ["npm test", "git push"]


@given(texts)
def test_rich_keywords_begin_with_the_plain_ones_and_are_few(text: str) -> None:
    plain, rich = extract_keywords(text), extract_rich_keywords(text)

    assert rich[: len(plain)] == plain
    assert len(rich) == len(set(rich)) <= 18
