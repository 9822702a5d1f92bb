"""Takes secrets out of what an agent's tools were told and answered.

In the place of each stands a mark that tells its kind: `[redacted:token]`. What has been through
here once comes out unchanged the second time.

The client redacts before anything leaves the machine, the server before anything is stored. Each
has this module, and a test holds the two files together: docs/decisions/0012-redaction.md.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

MARKED = r"\[redacted:([a-z-]+)\]"


def mark(kind: str) -> str:
    return f"[redacted:{kind}]"


class _Secret(NamedTuple):
    start: int
    end: int
    kind: str


# Most texts hold no secret, and finding that out has to be cheap. So every rule names words without
# which it cannot match, the words are sought first, and patterns are compiled when one is found.
# Repetitions have bounds, for a tool may answer with a megabyte of letters: each pattern has to be
# done with a text in linear time. The one group that took part is the secret.
# Code that passes a value on, as in f(token=token) or key=get_key(): a shell would not have it so.
_CODE = (
    r"(?![A-Za-z_][\w.]{0,80}\(|self\.|os\.environ\b"
    r"|(?:None|True|False|null|true|false|undefined|password|secret|token|key|api_key)[,)])"
)
_VALUE = (
    r"(?:\"((?:[^\"\\\n]|\\.)+)|'([^'\n]+)|\\{1,3}[\"']([^\"'\n]+)"
    rf"|{_CODE}([^\s\"'&;,)]+))"
)
_NAMED: tuple[tuple[bytes, str, str], ...] = (
    (b"pass", r"pass(?:word|wd|phrase)", "password"),
    (b"pwd", "pwd", "password"),
    (b"secret", "secret", "secret"),
    (b"token", "token", "token"),
    (b"credential", "credential", "secret"),
    (
        b"key",
        "(?:" + "|".join(f"(?<={w})|(?<={w}[_-])" for w in ("api", "access", "private")) + "|"
        "(?<=signing)|(?<=signing[_-])|(?<=auth)|(?<=auth[_-]))key",
        "key",
    ),
)  # fmt: skip
# NAME=value, name = "value", "name": "value", ?name=value; neither $OTHER nor code.
_ASSIGNED = rf"[\w-]{{0,40}}[\"']?(?:=|\s?[=:]\s?(?=[\"']))(?![\"']?[$<{{\[]){_VALUE}"
_HEADER = r":\s{0,3}([^\s\"'$]+)"
_YAML = r"[\w-]{0,40}:[ \t]{1,9}(?![\"'$<{\[|>&*]|\d{1,7}[ \t]*$)(\S+)[ \t]*$"
_OPTION = r"\s{1,9}(?![-$])([^\s\"']\S*)"

_PLACED: tuple[tuple[bytes, str, str], ...] = (
    (b"bearer ", r"bearer\s{1,3}([\w.~+/-]{6,}=*)", "token"),
    (
        b"authorization",
        (
            r"authorization[\"']?\s?[:=]\s?[\"']?(?:(?:basic|token|bearer)\s{1,3})?"
            r"(?!(?:basic|token|bearer)\b)([\w.~+/-]{6,}=*)"
        ),
        "token",
    ),
    (b"mysql", r"mysql[^\n|;]{0,200}?\s-p([^\s\"']+)", "password"),
    (b"mariadb", r"mariadb[^\n|;]{0,200}?\s-p([^\s\"']+)", "password"),
)
_URL = r"://[^\s/:@\"']{0,200}:([^\s/@\"']{1,200})(?=@)"
_USER = r"\s(?:-u|--user)[ =]?[\"']?[^\s:\"']{1,200}:([^\s\"']+)"
_SSHPASS = r"sshpass\s{1,9}-p\s{0,9}(\S+)"
_PRIVATE_KEY = (
    r"(-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [^-\n]{0,40}-----|\Z))"
)
_WORDS = (*(rule[0] for rule in _NAMED + _PLACED), b"://", b"curl", b"wget")
"""One of these, or a long run, is in every text that holds a secret."""
_STRING = r'(?s)"(?:[^"\\]|\\.)*+("|\\?\Z)'
_SHORTEST_STRING = 8
# What can be told by its own form is long, so only runs of such characters are looked at.
_SHORTEST_TOKEN = 16
_KNOWN_FORMS = (
    r"\b(?:(?P<key>"
    r"sk-[\w-]{16,}"  # OpenAI, Anthropic
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|AIza[\w-]{30,}"
    r"|[prs]k_(?:live|test)_\w{10,}"  # Stripe
    r"|dcm_[A-Za-z0-9]{24,})"
    r"|gh[opsur]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}"
    r"|(?:xox[a-z]|xapp)-[\w-]{10,}|(?:npm|hf)_[A-Za-z0-9]{24,}|pypi-[\w-]{20,}"
    r"|ya29\.[\w-]{20,}"
    r"|eyJ[\w-]{8,2000}\.[\w-]{8,4000}(?:\.[\w-]*)?)"  # JSON Web Tokens
)
_BEGINNINGS = (
    *(b"sk-", b"AKIA", b"ASIA", b"AIza", b"_live_", b"_test_", b"dcm_"),
    *(b"ghp_", b"gho_", b"ghs_", b"ghu_", b"ghr_", b"github_pat_", b"glpat-", b"xox", b"xapp-"),
    *(b"npm_", b"hf_", b"pypi-", b"ya29.", b"eyJ"),
)
_WORD = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
_RUNS = bytes(119 if each in _WORD else 32 for each in range(256))
_LONG_RUN = b"w" * _SHORTEST_TOKEN
_NAME_CHARACTERS = _WORD.decode().removesuffix(".")

_MEMBER = (
    r"(?:pass(?:word|wd|phrase)|pwd|secret|token|credential"
    r"|(?:api|access|private|signing|auth)[_-]?key|^authorization|cookie)$"
)
_MEMBER_WORDS = ("pass", "pwd", "secret", "token", "credential", "key", "authoriz", "cookie")
_ENV_LINE = (
    r"(?m)^([^\w\n]{0,12}(?:\d{1,9}\W)?(?:export[ \t])?[ \t]*"
    r"[A-Za-z_]\w{0,200}[ \t]?[=:][ \t]?)\S[^\n]*"
)
_ENV_FILE = (
    r"(?:^|[\s/\"'=<])\.env(?:rc)?"
    r"(?:\.(?!example\b|sample\b|template\b|dist\b)[\w.-]+)?(?![\w.])"
)


def redact(value: Any) -> Any:
    """The JSON value with a mark in the place of each secret in it."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, list):
        return [redact(each) for each in value]
    if isinstance(value, dict):
        return {name: _redact_member(name, each) for name, each in value.items()}
    return value


def redact_text(text: str) -> str:
    """The text itself, the same object, when there is no secret in it."""
    if not _is_suspicious(text):
        return text
    if text[0] in "{[":  # JSON, whole or cut: within its strings nothing may eat a quote
        text = re.sub(_STRING, _redact_string, text)
        found = list(_all_named(text, _plain(text).lower()))
    else:
        found = list(_secrets(text))
    found.sort(key=lambda secret: (secret.start, -secret.end))
    return _without(text, found) if found else text


def redact_event(event: dict[str, Any]) -> dict[str, Any]:
    """A hook event without secrets; of a tool call on an .env file no value stays."""
    clean: dict[str, Any] = redact(event)
    if _names_env_file(event.get("tool_input")):
        for field in ("tool_input", "tool_response", "error"):
            if field in clean:
                clean[field] = _without_values(clean[field])
    return clean


# --- texts --------------------------------------------------------------------------------------


def _is_suspicious(text: str) -> bool:
    plain = _plain(text)
    folded = plain.lower()
    return _LONG_RUN in plain.translate(_RUNS) or any(word in folded for word in _WORDS)


def _plain(text: str) -> bytes:
    """A byte for each character, so that places are the same; only ASCII is of interest."""
    return text.encode("latin-1", "replace")


def _redact_string(literal: "re.Match[str]") -> str:
    if len(literal[0]) < _SHORTEST_STRING:
        return literal[0]
    is_cut = literal[1] != '"'
    try:
        text: str = json.loads(literal[0] + '"' * is_cut, strict=False)
    except ValueError:
        return literal[0]
    clean = redact_text(text)
    if clean is text:
        return literal[0]
    told = json.dumps(clean, ensure_ascii=False)
    return told[:-1] if is_cut else told


def _secrets(text: str) -> Iterator[_Secret]:
    plain = _plain(text)
    folded = plain.lower()
    yield from _tokens(text, plain)
    yield from _all_named(text, folded)
    for word, pattern, kind in _PLACED:
        if word in folded:
            for place in _places(folded, word):
                yield from _at(text, place, pattern, kind)
    if b"private key" in folded:
        yield from _anywhere(text, _PRIVATE_KEY, "private-key")
    if b"sshpass" in folded:
        yield from _anywhere(text, _SSHPASS, "password")
    if b"://" in folded:
        yield from _anywhere(text, _URL, "password")
    if b"curl" in folded or b"wget" in folded:
        yield from _anywhere(text, _USER, "password")


def _tokens(text: str, plain: bytes) -> Iterator[_Secret]:
    runs = plain.translate(_RUNS)
    start = runs.find(_LONG_RUN)
    while start >= 0:
        end = runs.find(b" ", start)
        end = len(runs) if end < 0 else end
        run = plain[start:end]
        if any(beginning in run for beginning in _BEGINNINGS):
            for found in re.compile(_KNOWN_FORMS, re.ASCII).finditer(text, start, end):
                yield _Secret(*found.span(), "key" if found["key"] else "token")
        start = runs.find(_LONG_RUN, end)


def _all_named(text: str, folded: bytes) -> Iterator[_Secret]:
    for word, name, kind in _NAMED:
        if word in folded:
            yield from _named(text, folded, word, name, kind)


def _named(text: str, folded: bytes, word: bytes, name: str, kind: str) -> Iterator[_Secret]:
    """What is given to a name that ends in or contains this one."""
    pattern = re.compile(name, re.IGNORECASE)
    for place in _places(folded, word):
        found = pattern.match(text, place)
        if found is None:
            continue
        end = found.end()
        assigned = list(_at(text, end, _ASSIGNED, kind))
        if assigned:
            yield from assigned
            continue
        head = text[max(0, place - 60) : place]
        before = head.rstrip(_NAME_CHARACTERS)
        if before[-1:] in ("'", '"'):
            yield from _at(text, end, _HEADER, kind)
        line_start = before.rstrip(" \t")
        if line_start.endswith("\n") or (not line_start and place < 60):
            yield from _at(text, end, _YAML, kind)
        if before[-1:].isspace() and head[len(before) :].startswith("-"):
            yield from _at(text, end, _OPTION, kind)


def _places(folded: bytes, word: bytes) -> Iterator[int]:
    place = folded.find(word)
    while place >= 0:
        yield place
        place = folded.find(word, place + len(word))


def _at(text: str, place: int, pattern: str, kind: str) -> Iterator[_Secret]:
    found = re.compile(pattern, re.IGNORECASE | re.MULTILINE).match(text, place)
    if found is not None:
        yield _Secret(*found.span(found.lastindex or 0), kind)


def _anywhere(text: str, pattern: str, kind: str) -> Iterator[_Secret]:
    for found in re.compile(pattern, re.DOTALL).finditer(text):
        yield _Secret(*found.span(1), kind)


def _without(text: str, found: list[_Secret]) -> str:
    """Secrets that overlap become one mark, of the kind of the first."""
    kept: list[str] = []
    done = 0
    for start, end, kind in found:
        if start >= done and not text.startswith("[redacted:", start):
            kept += text[done:start], mark(kind)
            done = end
        elif start < done:
            done = max(done, end)
    kept.append(text[done:])
    clean = "".join(kept)
    return text if clean == text else clean


# --- structures ---------------------------------------------------------------------------------


def _redact_member(name: str, value: Any) -> Any:
    if isinstance(value, str) and value and (kind := _kind_of(name)):
        return value if re.fullmatch(MARKED, value) else mark(kind)
    return redact(value)


def _kind_of(name: str) -> str | None:
    """Of the secret that a member of this name holds."""
    lowered = name.lower()
    word = next((word for word in _MEMBER_WORDS if word in lowered), None)
    if word is None or re.search(_MEMBER, lowered) is None:
        return None
    kinds = {"pass": "password", "pwd": "password", "key": "key"}
    return kinds.get(word, "secret" if word in ("secret", "credential") else "token")


def _names_env_file(tool_input: Any) -> bool:
    if not isinstance(tool_input, dict):
        return False
    named = (tool_input.get(name) for name in ("file_path", "path", "command"))
    return any(
        isinstance(each, str) and ".env" in each and re.search(_ENV_FILE, each) is not None
        for each in named
    )


def _without_values(value: Any) -> Any:
    if isinstance(value, str):
        return re.sub(_ENV_LINE, rf"\1{mark('env')}", value)
    if isinstance(value, list):
        return [_without_values(each) for each in value]
    if isinstance(value, dict):
        return {name: _without_values(each) for name, each in value.items()}
    return value
