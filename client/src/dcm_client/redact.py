"""Takes secrets out of what leaves the machine. DCM_REDACT=off leaves everything as it is.

Each rule names words without which it cannot match: most texts have none of them, and then no
pattern is even compiled, for that would be the slowest part of the hook.
"""

import re
from typing import Any

MARK = "[redacted]"

_NAMES = (
    r"(?:pass(?:word|wd|phrase)|pwd|secret|token|credential"
    r"|(?:api|access|private|signing|auth)[_-]?key)"
)
_NAME_WORDS = ("pass", "pwd", "secret", "token", "credential", "key")

# Words, pattern, replacement; the words in lower case. Repetitions have bounds, for a tool may
# answer with a megabyte of letters: each pattern has to be done with a text in linear time.
_RULES: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("private key",),
        (
            r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
            r".*?(?:-----END [^-\n]{0,40}-----|\Z)"
        ),
        MARK,
    ),
    (("://",), r"(://[^\s/:@\"']{0,200}:)[^\s/@\"']{1,200}(?=@)", rf"\1{MARK}"),
    (("sk-",), r"\bsk-[\w-]{16,}", MARK),  # OpenAI, Anthropic
    (("gh", "github_pat_"), r"\b(?:gh[opsur]_\w{20,}|github_pat_\w{20,})", MARK),
    (("glpat-",), r"\bglpat-[\w-]{16,}", MARK),
    (("akia", "asia"), r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b", MARK),
    (("aiza", "ya29."), r"\b(?:AIza[\w-]{30,}|ya29\.[\w-]{20,})", MARK),
    (("xox", "xapp-"), r"\b(?:xox[a-z]|xapp)-[\w-]{10,}", MARK),
    (("k_live_", "k_test_"), r"\b[prs]k_(?:live|test)_\w{10,}", MARK),  # Stripe
    (("npm_", "hf_", "dcm_"), r"\b(?:npm|hf|dcm)_[A-Za-z0-9]{24,}", MARK),
    (("pypi-",), r"\bpypi-[\w-]{20,}", MARK),
    (("eyj",), r"\beyJ[\w-]{8,2000}\.[\w-]{8,4000}(?:\.[\w-]*)?", MARK),  # JSON Web Tokens
    (
        ("bearer ", "basic ", "authorization"),
        (
            r"(?i)(\b(?:bearer|authorization[\"']?\s?[:=]\s?[\"']?(?:basic|token|bearer)?)\s{1,3})"
            r"[\w.~+/-]{6,}=*"
        ),
        rf"\1{MARK}",
    ),
    # A header of HTTP.
    (
        _NAME_WORDS,
        rf"(?i)([\"'][\w-]{{0,40}}{_NAMES}:\s{{0,3}})[^\s\"'$]+",
        rf"\1{MARK}",
    ),
    # NAME=value, name = "value", "name": "value", ?name=value; neither $OTHER nor code.
    (
        _NAME_WORDS,
        (
            rf"(?i)({_NAMES}[\w-]{{0,40}}[\"']?(?:=|\s?[=:]\s?(?=[\"'])))"
            r"(?![\"']?[$<{\[])(?:\"[^\"\n]+\"?|'[^'\n]+'?|[^\s\"'&;,)]+)"
        ),
        rf"\1{MARK}",
    ),
    # A line of YAML.
    (
        _NAME_WORDS,
        (
            rf"(?im)^([ \t]*[\w-]{{0,40}}{_NAMES}[\w-]{{0,40}}:[ \t]{{1,9}})"
            r"(?![\"'$<{\[|>&*]|\d{1,7}[ \t]*$)\S+[ \t]*$"
        ),
        rf"\1{MARK}",
    ),
    (
        _NAME_WORDS,
        rf"(?i)(\s--?[\w-]{{0,40}}{_NAMES}\s{{1,9}})(?![-$])[^\s\"']\S*",
        rf"\1{MARK}",
    ),
    (("curl", "wget"), r"(\s(?:-u|--user)[ =]?[\"']?[^\s:\"']{1,200}:)[^\s\"']+", rf"\1{MARK}"),
    (("mysql", "mariadb"), r"((?:mysql|mariadb)[^\n|;]{0,200}?\s-p)[^\s\"']+", rf"\1{MARK}"),
    (("sshpass",), r"(\bsshpass\s{1,9}-p\s{0,9})\S+", rf"\1{MARK}"),
)
_NAME = rf"(?i)(?:{_NAMES}|^authorization|cookie)$"
_ENV_LINE = (
    r"(?m)^([^\w\n]{0,12}(?:\d{1,9}\W)?(?:export[ \t])?[ \t]*"
    r"[A-Za-z_]\w{0,200}[ \t]?[=:][ \t]?)\S[^\n]*"
)
_ENV_FILE = (
    r"(?:^|[\s/\"'=<])\.env(?:rc)?"
    r"(?:\.(?!example\b|sample\b|template\b|dist\b)[\w.-]+)?(?![\w.])"
)


def redact(value: Any) -> Any:
    """The JSON value with MARK in the place of each secret in it."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, list):
        return [redact(each) for each in value]
    if isinstance(value, dict):
        return {name: _redact_member(name, each) for name, each in value.items()}
    return value


def redact_text(text: str) -> str:
    lowered = text.lower()
    for words, pattern, replacement in _RULES:
        if any(word in lowered for word in words):
            text = re.sub(pattern, replacement, text, flags=re.DOTALL)
    return text


def redact_event(event: dict[str, Any]) -> dict[str, Any]:
    """A hook event without secrets; of a tool call on an .env file no value stays."""
    clean: dict[str, Any] = redact(event)
    if _names_env_file(event.get("tool_input")):
        for field in ("tool_input", "tool_response", "error"):
            if field in clean:
                clean[field] = _without_values(clean[field])
    return clean


def _redact_member(name: str, value: Any) -> Any:
    if isinstance(value, str) and value and _is_secret(name):
        return MARK
    return redact(value)


def _is_secret(name: str) -> bool:
    lowered = name.lower()
    hinted = any(word in lowered for word in (*_NAME_WORDS, "authorization", "cookie"))
    return hinted and re.search(_NAME, name) is not None


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
        return re.sub(_ENV_LINE, rf"\1{MARK}", value)
    if isinstance(value, list):
        return [_without_values(each) for each in value]
    if isinstance(value, dict):
        return {name: _without_values(each) for name, each in value.items()}
    return value
