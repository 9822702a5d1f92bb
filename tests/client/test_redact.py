"""What counts as a secret, and what does not."""

import json
import time
from typing import Any

import pytest

from dcm_client.redact import redact, redact_event, redact_text

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
        f"MAILGUN_API_KEY=key-{HIDDEN} make",
        f"TOKEN=os-{HIDDEN}",
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
    clean = redact_text(text)

    assert "hunter2" not in clean
    assert "[redacted:" in clean
    assert redact_text(clean) == clean


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        (
            {"command": 'export TOKEN="a b c" && make', "n": 1},
            {"command": 'export TOKEN="[redacted:token]" && make', "n": 1},
        ),
        (
            {"command": "docker login --password hunter2", "cwd": "/srv"},
            {"command": "docker login --password [redacted:password]", "cwd": "/srv"},
        ),
        (
            {"content": "db:\n  password: hunter2\n  port: 5\n"},
            {"content": "db:\n  password: [redacted:password]\n  port: 5\n"},
        ),
        ({"client_secret": 'a"b', "id": "é"}, {"client_secret": "[redacted:secret]", "id": "é"}),
        ([{"url": "https://a:hunter2@b.org/"}], [{"url": "https://a:[redacted:password]@b.org/"}]),
    ],
)
def test_json_stays_json(value: Any, clean: Any) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=1)

    assert redact_text(text) == json.dumps(clean, ensure_ascii=False, indent=1)


def test_json_that_was_cut_loses_its_secrets_too() -> None:
    text = json.dumps({"command": "PGPASSWORD=hunter2 psql", "more": "x" * 99})[:60]

    assert redact_text(text) == text.replace("hunter2", "[redacted:password]")


def test_a_text_without_secrets_is_the_same_object() -> None:
    text = "the token of appreciation"

    assert redact_text(text) is text


def test_a_weak_password_is_a_secret_too() -> None:
    assert redact_text("PGPASSWORD=secret psql") == "PGPASSWORD=[redacted:password] psql"


def test_keys_of_amazon_are_taken_out() -> None:
    assert redact_text("id AKIAIOSFODNN7EXAMPLE.") == "id [redacted:key]."


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
        "connect(token=token, password=get_password(), api_key=None)",
        "client = Client(api_key=os.environ['API_KEY'], secret=self.secret)",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert redact_text(text) == text


def test_members_with_the_name_of_a_secret_are_taken_out() -> None:
    value = {"api_key": "a", "nested": [{"Password": "b"}], "max_tokens": 5, "key": "c", "n": None}

    assert redact(value) == {
        "api_key": "[redacted:key]",
        "nested": [{"Password": "[redacted:password]"}],
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

    assert clean["tool_response"]["stdout"] == (
        "# shop\nHOST=[redacted:env]\n  2→DEBUG=[redacted:env]\n"
    )
    assert clean["tool_input"] == tool_input


@pytest.mark.parametrize("path", ["/srv/shop/.env.example", "/srv/.environment", "/srv/shop/a.env"])
def test_other_files_keep_their_values(path: str) -> None:
    event = {"tool_input": {"file_path": path}, "tool_response": "HOST=db"}

    assert redact_event(event) == event


@pytest.mark.parametrize(
    "text",
    [
        "a" * 16_384,
        "token" * 3_277,
        "eyJ-" * 4_096,
        " " * 16_384,
        "-_" * 8_192,
        "key\n" * 4_096,
        '\\"' * 8_192,
    ],
)
def test_no_text_takes_long(text: str) -> None:
    began = time.process_time()

    redact_text(f"password token key curl mysql eyj bearer :// {text}")
    redact_text(f'{{"password token key curl mysql eyj bearer :// {text}')

    assert time.process_time() - began < 0.5
