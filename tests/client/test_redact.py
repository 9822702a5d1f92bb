"""What counts as a secret, and what does not."""

import time
from typing import Any

import pytest

from dcm_client.redact import MARK, redact, redact_event, redact_text

HIDDEN = "hunter2hunter2hunter2hunter2"


@pytest.mark.parametrize(
    "text",
    [
        f"sk-ant-api03-{HIDDEN}",
        f"sk-proj-{HIDDEN}",
        f"ghp_{HIDDEN}",
        f"github_pat_{HIDDEN}",
        f"glpat-{HIDDEN}",
        f"xoxb-{HIDDEN}",
        f"sk_live_{HIDDEN}",
        f"npm_{HIDDEN}",
        f"pypi-{HIDDEN}",
        f"AIza{HIDDEN}hunter2",
        f"postgresql://shop:{HIDDEN}@db/shop",
        f"https://ghost:{HIDDEN}@example.org/a.git",
        f"https://example.org/?a=1&access_token={HIDDEN}&b=2",
        f"curl -H 'Authorization: Bearer {HIDDEN}' https://example.org",
        f"curl -H 'Authorization: Basic {HIDDEN}=='",
        f"curl -H 'X-Api-Key: {HIDDEN}'",
        f"curl -u ghost:{HIDDEN} https://example.org",
        f"mysql -u root -p{HIDDEN} shop",
        f"sshpass -p {HIDDEN} ssh ghost@example.org",
        f"PGPASSWORD={HIDDEN} psql",
        f"export AWS_SECRET_ACCESS_KEY='{HIDDEN}'",
        f"docker login --password {HIDDEN}",
        f"tool --api-key={HIDDEN}",
        f'{{"client_secret": "{HIDDEN}"}}',
        f"password = '{HIDDEN}'",
        f"db:\n  password: {HIDDEN}\n",
        f"-----BEGIN RSA PRIVATE KEY-----\n{HIDDEN}\n-----END RSA PRIVATE KEY-----",
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n{HIDDEN}",
        f"eyJ{HIDDEN}.{HIDDEN}.{HIDDEN}",
    ],
)
def test_secrets_are_taken_out(text: str) -> None:
    assert "hunter2" not in redact_text(text)
    assert MARK in redact_text(text)


def test_keys_of_amazon_are_taken_out() -> None:
    assert redact_text("id AKIAIOSFODNN7EXAMPLE.") == f"id {MARK}."


@pytest.mark.parametrize(
    "text",
    [
        "git log --oneline | head",
        "def tokens(text: str) -> list[str]: ...",
        "max_tokens: 2400",
        "if password is None: raise ValueError",
        "API_KEY=$OTHER_KEY make",
        "https://example.org:8080/a?key=b",
        "git@example.org:shop.git",
        "the secret of good code: small steps",
        "task-bask-risk-desk-flask",
        "echo pass: 12 fail: 3",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert redact_text(text) == text


def test_members_with_the_name_of_a_secret_are_taken_out() -> None:
    value = {"api_key": "a", "nested": [{"Password": "b"}], "max_tokens": 5, "key": "c", "n": None}

    assert redact(value) == {
        "api_key": MARK,
        "nested": [{"Password": MARK}],
        "max_tokens": 5,
        "key": "c",
        "n": None,
    }


@pytest.mark.parametrize(
    "tool_input",
    [
        {"file_path": "/srv/shop/.env"},
        {"file_path": "/srv/shop/.env.production"},
        {"command": "cat .env"},
        {"command": "cat /srv/shop/.env | sort"},
    ],
)
def test_of_an_env_file_only_the_names_stay(tool_input: dict[str, Any]) -> None:
    event = {
        "tool_input": tool_input,
        "tool_response": {"stdout": "# shop\nHOST=db\n  2→DEBUG=1\n"},
    }

    clean = redact_event(event)

    assert clean["tool_response"]["stdout"] == f"# shop\nHOST={MARK}\n  2→DEBUG={MARK}\n"
    assert clean["tool_input"] == tool_input


@pytest.mark.parametrize("path", ["/srv/shop/.env.example", "/srv/.environment", "/srv/shop/a.env"])
def test_other_files_keep_their_values(path: str) -> None:
    event = {"tool_input": {"file_path": path}, "tool_response": "HOST=db"}

    assert redact_event(event) == event


@pytest.mark.parametrize(
    "text",
    ["a" * 16_384, "token" * 3_277, "eyJ-" * 4_096, " " * 16_384, "-_" * 8_192, "key\n" * 4_096],
)
def test_no_text_takes_long(text: str) -> None:
    began = time.process_time()

    redact_text(f"password token key curl mysql eyj bearer :// {text}")

    assert time.process_time() - began < 0.5
