"""Secrets are taken out before anything is stored. Decision 0012."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

import dcm_client.redact
from dcm.lib.redaction import patterns
from tests.conftest import Api

SECRET = "ghp_hunter2hunter2hunter2hunter2"


async def stored(api: Api, **fields: Any) -> dict[str, Any]:
    """The action as it is read back."""
    body = {"tool_name": "Bash", "tool_type": "builtin", **fields}
    recorded = (await api.post("/api/actions", json=body)).json()["action"]
    found: dict[str, Any] = (await api.get(f"/api/actions/{recorded['id']}")).json()["action"]
    return found


async def redacted_count(api: Api) -> int:
    return int((await api.get("/stats")).json()["redactedCount"])


def test_server_and_client_have_the_same_patterns() -> None:
    ours, theirs = Path(patterns.__file__), Path(dcm_client.redact.__file__)

    assert ours.read_bytes() == theirs.read_bytes(), f"cp {theirs} {ours}"


async def test_of_an_action_only_the_secrets_are_replaced(api: Api) -> None:
    action = await stored(
        api,
        input=f'{{"command": "git push https://me:{SECRET}@example.org/a.git",  "n":1}}',
        output=f"Using token {SECRET}\nDone ✓\n",
    )

    command = "git push https://me:[redacted:token]@example.org/a.git"
    assert action["input"] == f'{{"command": "{command}",  "n":1}}'
    assert action["output"] == "Using token [redacted:token]\nDone ✓\n"
    assert await redacted_count(api) == 2


async def test_a_text_without_secrets_comes_back_as_it_was_sent(api: Api) -> None:
    text = '{"content":"def tokens(key: str):\\n\\tpass  # the secret: none\\u00e9","n" :1e3}'

    action = await stored(api, input=text, output=text)

    assert (action["input"], action["output"]) == (text, text)
    assert await redacted_count(api) == 0


async def test_actions_of_a_batch_lose_their_secrets(api: Api) -> None:
    action = {"tool_name": "Bash", "tool_type": "builtin", "input": f"login {SECRET}"}

    reply = (await api.post("/api/actions/batch", json={"actions": [action] * 3})).json()

    for result in reply["results"]:
        whole = (await api.get(f"/api/actions/{result['action']['id']}")).json()["action"]
        assert whole["input"] == "login [redacted:token]"
    assert await redacted_count(api) == 3


async def test_routing_does_not_learn_from_marks(api: Api) -> None:
    await stored(api, input=f"deploy {SECRET}")

    stats = (await api.get("/api/routing/suggest?keywords=redacted,token,redacted:token")).json()

    assert stats["suggestions"] == []


async def test_prompts_lose_their_secrets(api: Api) -> None:
    project = (await api.post("/api/projects", json={"path": "/srv/shop"})).json()["project"]
    body = {"project_id": project["id"], "session_id": "run-1", "prompt": f"Use {SECRET} to push"}

    reply = (await api.post("/api/requests", json=body)).json()["request"]

    assert reply["prompt"] == "Use [redacted:token] to push"


async def test_hook_events_lose_their_secrets_wherever_they_are(api: Api) -> None:
    common = {"session_id": "run-1", "cwd": "/srv/shop"}
    for event in (
        {"hook_event_name": "UserPromptSubmit", "prompt": f"Use {SECRET}"},
        {"hook_event_name": "SubagentStart", "agent_id": "a1"},
        {"hook_event_name": "SubagentStop", "agent_id": "a1", "last_assistant_message": SECRET},
        {
            "hook_event_name": "PostToolUse",
            "tool_name": "Read",
            "tool_input": {"file_path": "/srv/shop/.env"},
            "tool_response": {"content": "HOST=db\nCOLOUR=red\n"},
        },
    ):
        assert (await api.post("/api/hooks/claude-code", json=common | event)).status_code == 200

    project = (await api.get("/api/projects")).json()["projects"][0]
    tree = (await api.get(f"/api/hierarchy/{project['id']}")).text
    action = (await api.get("/api/actions?session_id=run-1")).json()["actions"][0]
    whole = (await api.get(f"/api/actions/{action['id']}")).json()["action"]
    assert SECRET not in tree
    assert "Use [redacted:token]" in tree
    assert "COLOUR=[redacted:env]" in whole["output"]
    assert await redacted_count(api) == 4


async def test_many_at_once_are_counted_to_the_last(api: Api) -> None:
    await asyncio.gather(*(stored(api, input=f"a {SECRET} b", output=SECRET) for _ in range(50)))

    assert await redacted_count(api) == 100


@pytest.mark.parametrize("depth", [150, 5_000])
async def test_what_is_nested_deeply_is_taken_all_the_same(api: Api, depth: int) -> None:
    nested = "[" * depth + f'"{SECRET}"' + "]" * depth
    event = '{"hook_event_name":"PostToolUse","session_id":"run-1","tool_name":"Bash",'
    event += f'"tool_input":{{"deep":{nested}}}}}'

    response = await api.post("/api/hooks/claude-code", content=event)

    assert response.status_code in (200, 400)
    for action in (await api.get("/api/actions?session_id=run-1")).json()["actions"]:
        assert SECRET not in (await api.get(f"/api/actions/{action['id']}")).text


async def test_it_can_be_switched_off(api: Api, settings: Settings) -> None:
    settings.REDACT = False

    action = await stored(api, input=f"login {SECRET}")

    assert action["input"] == f"login {SECRET}"
    assert await redacted_count(api) == 0
