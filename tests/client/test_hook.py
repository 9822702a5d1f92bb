"""dcm-hook with a server that works. Contract: integrations 1, hooks-and-sdk 3."""

import json
import os
import time
from typing import Any

import pytest

from tests.client.hooks import Hook, prompt, strange_server, take_request, tool_call
from tests.conftest import Api


async def actions(api: Api) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api.get("/api/actions?session_id=run-1")).json()["actions"]
    return found


def received(hook: Hook, event: dict[str, Any] | bytes) -> tuple[str, Any]:
    """The head and the event that a server gets to see."""
    requests = []
    with strange_server(lambda connection: requests.append(take_request(connection))) as url:
        hook.url = url
        hook(event)
    ((head, body),) = requests
    return head, json.loads(body)


async def test_a_tool_call_becomes_an_action_and_the_host_hears_nothing(
    api: Api, hook: Hook
) -> None:
    output = hook(tool_call(duration_ms=12))

    (action,) = await actions(api)
    assert (action["tool_name"], action["duration_ms"]) == ("Bash", 12)
    assert output == ""
    assert not hook.spool.exists()


async def test_after_a_compaction_the_host_gets_its_brief(api: Api, hook: Hook) -> None:
    hook(prompt("Add a login form"))

    output = hook(prompt("") | {"hook_event_name": "SessionStart", "source": "compact"})

    told = json.loads(output)["hookSpecificOutput"]
    assert told["hookEventName"] == "SessionStart"
    assert "Add a login form" in told["additionalContext"]


async def test_the_token_goes_along(hook: Hook) -> None:
    hook.more = {"DCM_TOKEN": "quiet"}

    head, _ = received(hook, tool_call())

    assert "Authorization: Bearer quiet" in head
    assert head.startswith("POST /api/hooks/claude-code ")


async def test_the_address_of_the_original_is_used_too(api: Api, hook: Hook) -> None:
    hook.more, hook.url = {"CONTEXT_MANAGER_URL": hook.url}, ""

    hook(tool_call())

    assert len(await actions(api)) == 1


async def test_tool_calls_of_older_hosts_come_in_variables(api: Api, hook: Hook) -> None:
    hook.more = {
        "TOOL_NAME": "Edit",
        "TOOL_INPUT": '{"file_path": "/srv/shop/a.py"}',
        "TOOL_EXIT_CODE": "3",
        "TOOL_DURATION_MS": "7",
        "SESSION_ID": "run-1",
        "PROJECT_DIR": "/srv/shop",
    }

    hook(b"")

    (action,) = await actions(api)
    assert (action["tool_name"], action["exit_code"], action["duration_ms"]) == ("Edit", 3, 7)
    assert action["file_paths"] == ["/srv/shop/a.py"]


@pytest.mark.parametrize(
    "stdin",
    [
        b"",
        b"\n",
        b'{"hook_event_name": "PostTool',
        b"[1]",
        b"<html>",
        b"\xff\xfe",
        b"{}",
        b"[" * 100_000,
        b'{"hook_event_name": 5, "session_id": {}}',
        b'{"hook_event_name": "Unheard", "session_id": "run-1"}',
    ],
)
async def test_whatever_comes_in_the_host_hears_nothing(api: Api, hook: Hook, stdin: bytes) -> None:
    assert hook(stdin) == ""
    assert await actions(api) == []
    assert hook.waiting() == []


async def test_long_texts_are_cut_at_whole_characters_with_a_mark(hook: Hook) -> None:
    event = tool_call(
        tool_input={"content": "é" * 50_000, "file_path": "/a"}, tool_response="é" * 50_000
    )

    _, sent = received(hook, event)

    for text in (sent["tool_input"]["content"], sent["tool_response"]):
        assert text.endswith("é … [cut]")
        assert 10_000 < len(text.encode()) <= 10_240
    assert sent["tool_input"]["file_path"] == "/a"
    assert sent["tool_use_id"] == "toolu_1"


async def test_large_structures_are_cut_too(hook: Hook) -> None:
    event = tool_call(tool_response={"rows": [{"n": n} for n in range(100_000)]})

    _, sent = received(hook, event)

    assert len(json.dumps(sent["tool_response"])) < 30_000
    assert sent["tool_response"]["rows"][-1] == "… [cut]"


async def test_what_fits_is_sent_as_it_came(hook: Hook) -> None:
    event = tool_call(tool_input={"b": 1, "a": [None, True, 1.5, {"c": "½"}]}, tool_response=[])

    _, sent = received(hook, event)

    signature = sent.pop("dcm_hook")
    assert sent == event
    assert signature["machine"] == os.uname().nodename
    assert abs(signature["sent_at_ms"] / 1000 - time.time()) < 60
    assert 0 <= signature["took_ms"] < 10_000


async def test_of_a_hundred_megabytes_the_call_itself_is_recorded(api: Api, hook: Hook) -> None:
    event = tool_call(tool_input={}, tool_response="x" * 100_000_000, tool_use_id="toolu_9")

    hook(event)

    (action,) = await actions(api)
    assert action["tool_name"] == "Bash"


async def test_secrets_do_not_leave_the_machine(hook: Hook) -> None:
    _, sent = received(hook, tool_call(tool_input={"command": "PGPASSWORD=hunter2 psql"}))

    assert sent["tool_input"]["command"] == "PGPASSWORD=[redacted:password] psql"


async def test_redaction_can_be_turned_off(hook: Hook) -> None:
    hook.more = {"DCM_REDACT": "off"}

    _, sent = received(hook, tool_call(tool_input={"command": "PGPASSWORD=hunter2 psql"}))

    assert sent["tool_input"]["command"] == "PGPASSWORD=hunter2 psql"
