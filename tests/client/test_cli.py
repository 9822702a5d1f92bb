"""`dcm` with a server, without one, and with servers that misbehave."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from dcm.lib.threads import in_thread
from tests.client.commands import PROGRAM, Dcm
from tests.client.hooks import Hook, answering, hang, http, reset, strange_server, tool_call
from tests.conftest import Api
from tests.factories import make_project, make_request, make_subtask, make_task

COMMANDS = [
    ("status",),
    ("agents",),
    ("brief",),
    ("inbox", "backend"),
    ("send", "Hello"),
    ("ask", "Why?", "--session", "run-1"),
    ("answer", "--session", "run-1"),
    ("share", "--session", "run-1"),
    ("decide", "--session", "run-1"),
    ("tail", "--since", "1h"),
    ("search", "login"),
    ("claim",),
]


async def begin(api: Api, dcm: Dcm, session_id: str = "run-1") -> None:
    """A session in the folder where dcm is run."""
    event = {"hook_event_name": "UserPromptSubmit", "prompt": "Add a login form"}
    event |= {"session_id": session_id, "cwd": str(dcm.folder)}
    assert (await api.post("/api/hooks/claude-code", json=event)).status_code == 200


async def test_status_tells_what_the_server_has(api: Api, dcm: Dcm) -> None:
    await begin(api, dcm)

    text, told = dcm.ok("status"), dcm.json("status")

    assert "1 projects, 1 requests" in text
    assert told["health"]["status"] == "healthy"
    assert told["stats"]["requestCount"] == 1
    assert told["spool"]["events"] == 0


async def test_the_brief_is_of_the_latest_session_of_the_folder(api: Api, dcm: Dcm) -> None:
    await begin(api, dcm)
    (dcm.folder / "src").mkdir()
    dcm.folder /= "src"

    assert "Add a login form" in dcm.ok("brief")
    assert dcm.json("brief")["session_id"] == "run-1"


async def test_agents_are_listed(api: Api, dcm: Dcm) -> None:
    await begin(api, dcm)
    event = {"hook_event_name": "SubagentStart", "agent_id": "sub-1", "agent_type": "backend"}
    event |= {"session_id": "run-1", "cwd": str(dcm.folder)}
    await api.post("/api/hooks/claude-code", json=event)

    assert re.search(r"sub-1 +backend", dcm.ok("agents"))
    assert {each["agent_id"] for each in dcm.json("agents")} == {"run-1", "sub-1"}


async def test_a_message_is_sent_shown_and_read(dcm: Dcm) -> None:
    dcm.ok("send", "Begin with the form", "--to", "backend", "--as", "lead")
    dcm.ok("send", "-", stdin="Lunch\nat noon")

    shown = dcm.ok("inbox", "backend", "--keep")
    messages = dcm.json("inbox", "backend")

    assert "lead, " in shown
    assert "  Begin with the form\n" in shown
    assert "ada to all" in shown
    assert "  Lunch\n  at noon\n" in shown
    assert {each["content"]["message"] for each in messages} == {
        "Begin with the form",
        "Lunch\nat noon",
    }
    assert dcm.ok("inbox", "backend") == "No unread messages\n"
    assert "Begin" in dcm.ok("inbox", "backend", "--all")


async def test_a_question_is_asked_and_answered_by_the_beginning_of_its_id(
    api: Api, dcm: Dcm
) -> None:
    await begin(api, dcm)

    asked = dcm.json("ask", "Which port?", "--to", "ops")
    listed = dcm.ok("answer")
    dcm.ok("answer", asked["id"][:8], "3847", "--as", "ops")

    assert asked["id"][:8] in listed
    assert "Which port?" in listed
    assert dcm.ok("answer") == "No open questions\n"
    assert dcm("answer", "nothing-like-it", "5").code == 1


async def test_values_and_decisions_are_shared(api: Api, dcm: Dcm) -> None:
    await begin(api, dcm)

    dcm.ok("share", "api/port", "3847", "--tag", "net")
    dcm.ok("decide", "Use PostgreSQL", "--why", "it is there")

    assert dcm.ok("share", "api/port") == "3847\n"
    assert [each["key"] for each in dcm.json("share")] == ["api/port"]
    assert "Use PostgreSQL" in dcm.ok("decide")
    assert dcm.json("decide")[0]["rationale"] == "it is there"
    assert dcm("share", "unknown").code == 1


async def test_what_was_said_and_decided_is_found(api: Api, dcm: Dcm) -> None:
    await begin(api, dcm)
    dcm.ok("decide", "The login form has a captcha")
    dcm.ok("send", "Look at the login")

    text, told = dcm.ok("search", "login", "form"), dcm.json("search", "login", "--since", "1h")

    assert re.search(r"(?m)^decision .* ago\n  The login form has a captcha$", text)
    assert re.search(r"(?m)^request .* run-1 .* ago\n  Add a login form$", text)
    assert {each["kind"] for each in told} == {"decision", "request", "message"}
    assert [each["kind"] for each in dcm.json("search", "login", "--kind", "message")] == [
        "message"
    ]
    assert dcm.ok("search", "aardvark") == "Nothing has these words\n"
    assert dcm("search", "login", "--since", "lunch").code == 2
    assert dcm("search", "login", "--kind", "dream").code == 1


async def test_work_is_claimed_done_and_given_back(api: Api, dcm: Dcm) -> None:
    assert "nothing was ever recorded" in dcm("claim").err
    project = await in_thread(make_project, path=str(dcm.folder))
    task = await in_thread(make_task, request=await in_thread(make_request, project=project))
    first = await in_thread(make_subtask, task=task, description="The form")
    await in_thread(
        make_subtask, task=task, description="Its test", blocked_by=[first.id], agent_id="qa"
    )
    await in_thread(make_subtask, description="Elsewhere")

    shown = dcm.ok("claim", "--type", "backend")
    none = dcm.json("claim", "--as", "qa")
    back = dcm.ok("claim", "--give-back", str(first.id))
    again = dcm.json("claim", "--ttl", "60")
    done = dcm.ok("claim", "--done", str(first.id), "--token", str(again["claim"]["token"]))
    late = dcm("claim", "--done", str(first.id), "--token", str(again["claim"]["token"]))

    assert shown.startswith(str(first.id))
    assert "  The form\nUnblocks: Its test (qa)\n" in shown
    assert (none["claim"], none["waiting"]) == (None, 1)
    assert back == f"Given back: {first.id}\n"
    assert (again["claim"]["agent_id"], again["claim"]["ttl_seconds"]) == ("ada", 60)
    assert done == "Completed: The form\n"
    assert late.code == 1
    assert "This claim is over" in late.err
    assert dcm.ok("claim") == "Nothing to do now\n"
    assert dcm.json("claim", "--anywhere")["subtask"]["description"] == "Elsewhere"


async def test_tail_shows_what_was_and_what_comes(api: Api, dcm: Dcm) -> None:
    before = {
        each["id"] for each in (await api.get("/api/events?since=1m&limit=1000")).json()["events"]
    }
    await api.post("/api/actions", json={"tool_name": "Read", "tool_type": "builtin"})
    arguments = ["tail", "--since", "1m", "--type", "action.*", "--json"]
    with subprocess.Popen(
        [PROGRAM, *arguments], env=dcm.environment(), stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        told = map(json.loads, running.stdout)
        first = next(each for each in told if each["id"] not in before)
        await api.post("/api/actions", json={"tool_name": "Edit", "tool_type": "builtin"})
        second = next(told)
        running.terminate()

    assert [each["data"]["tool_name"] for each in (first, second)] == ["Read", "Edit"]


async def test_tail_ends_quietly_on_ctrl_c(api: Api, dcm: Dcm) -> None:
    await api.post("/api/actions", json={"tool_name": "Edit", "tool_type": "builtin"})
    with subprocess.Popen(
        [PROGRAM, "tail", "--since", "1m"],
        env=dcm.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.readline()
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 0
        assert running.stderr.read() == ""


async def test_mcp_speaks_to_the_host_on_stdio_alone(dcm: Dcm) -> None:
    client = {"name": "host", "version": "1"}
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
    asked = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}},
    ]

    out = dcm.ok(
        "mcp", "--tools", "brief,inbox", stdin="".join(f"{json.dumps(a)}\n" for a in asked)
    )

    answers = {answer["id"]: answer["result"] for answer in map(json.loads, out.splitlines())}
    assert {tool["name"] for tool in answers[2]["tools"]} == {"brief", "inbox"}
    assert dcm("mcp", "--url", "nonsense").code == 2


async def test_flush_sends_what_waits(api: Api, dcm: Dcm, lonely_hook: Hook) -> None:
    lonely_hook(tool_call())
    dcm.more = {"DCM_SPOOL": str(lonely_hook.spool)}
    assert dcm.json("status")["spool"]["events"] == 1

    assert dcm.json("flush") == {"sent": 1, "clear": True}

    assert len((await api.get("/api/actions?session_id=run-1")).json()["actions"]) == 1
    assert dcm.ok("flush") == "Sent 0 waiting events; none are left\n"


async def test_flush_without_a_server_keeps_what_waits(lonely_dcm: Dcm, lonely_hook: Hook) -> None:
    lonely_hook(tool_call())
    lonely_dcm.more = {"DCM_SPOOL": str(lonely_hook.spool)}

    done = lonely_dcm("flush")

    assert done.code == 3
    assert "dcm doctor" in done.err
    assert lonely_hook.waiting() == [tool_call()]


# --- what agents say is never obeyed by the terminal --------------------------------------------

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp.exe\r\x00\x08[bold]x[/bold]"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


async def test_control_sequences_do_not_reach_the_terminal(api: Api, dcm: Dcm) -> None:
    await begin(api, dcm)
    text = HOSTILE.replace("\0", "")
    message = {"from_agent": text, "to_agent": "backend", "topic": "task.failed", "content": text}
    assert (await api.post("/api/messages", json=message)).status_code == 201
    for route, body in (
        ("questions", {"question": text, "agent_id": text}),
        ("decisions", {"decision": text, "agent_id": text, "rationale": text}),
    ):
        sent = await api.post(f"/api/sessions/run-1/{route}", json=body)
        assert sent.status_code == 201
    put = await api.put("/api/sessions/run-1/context/k", json={"value": text, "agent_id": text})
    assert put.status_code < 300

    for arguments in (
        ("inbox", "backend", "--keep"),
        ("answer",),
        ("decide",),
        ("share",),
        ("share", "k"),
        ("brief",),
        ("search", "owned"),
        ("tail", "--since", "1m", "--count", "2"),
    ):
        for more in ((), ("--json",)):
            out = dcm.ok(*arguments, *more)
            assert not OBEYED.search(out), (arguments, out)
    # Markup of other tools is text here.
    assert "[bold]x[/bold]" in dcm.ok("decide")


async def test_errors_of_hostile_servers_are_shown_harmlessly(lonely_dcm: Dcm) -> None:
    reply = http("400 Bad Request", json.dumps({"error": HOSTILE}))

    with strange_server(answering(reply)) as lonely_dcm.url:
        done = lonely_dcm("agents")

    assert done.code == 1
    assert not OBEYED.search(done.err)


# --- no server ----------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_server_one_line_says_what_to_do(
    lonely_dcm: Dcm, command: tuple[str, ...]
) -> None:
    done = lonely_dcm(*command)

    assert (done.code, done.out) == (3, "")
    assert done.err.count("\n") == 1
    assert done.err.startswith(f"dcm: no DCM server at {lonely_dcm.url}")
    assert "DCM_URL" in done.err


STRANGE: list[tuple[Callable[[Any], None], int, str]] = [
    (hang, 3, "does not answer"),
    (reset, 3, "dropped the connection"),
    (answering(b""), 3, "dropped the connection"),
    (answering(b"SSH-2.0-OpenSSH_9.6\r\n"), 3, "dropped the connection"),
    (answering(http("200 OK", "<html>Hello</html>", "text/html")), 3, "not DCM"),
    (answering(http("401 Unauthorized", '{"error": "Unauthorized"}')), 4, "DCM_TOKEN"),
    (answering(http("503 Service Unavailable", '{"error": "busy"}')), 3, "try again later"),
    (answering(http("404 Not Found", "nothing here", "text/plain")), 1, "404"),
]


@pytest.mark.parametrize(("treat", "code", "words"), STRANGE)
def test_a_server_that_misbehaves_is_explained_in_one_line(
    lonely_dcm: Dcm, treat: Callable[[Any], None], code: int, words: str
) -> None:
    with strange_server(treat) as lonely_dcm.url:
        done = lonely_dcm("agents")

    assert (done.code, done.out) == (code, "")
    assert words in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("url", ["nonsense", "ftp://a", "http://", "http://[::1"])
def test_an_address_that_is_none_is_explained(lonely_dcm: Dcm, url: str) -> None:
    done = lonely_dcm("agents", "--url", url)

    assert done.code in (1, 3)
    assert done.err.startswith("dcm: ")
    assert done.err.count("\n") == 1


def test_wrong_usage_exits_2(lonely_dcm: Dcm) -> None:
    assert lonely_dcm("agents", "--unknown").code == 2
    assert lonely_dcm("send").code == 2


def test_help_tells_every_command_and_exit_code(lonely_dcm: Dcm) -> None:
    text = lonely_dcm.ok("--help")

    assert {command[0] for command in COMMANDS} <= set(re.findall(r"(?m)^│ ([a-z]+) ", text))
    assert "Exit codes: 0 done, 1 refused" in " ".join(text.split())


def test_shells_can_complete(lonely_dcm: Dcm) -> None:
    lonely_dcm.more = {"SHELL": "/bin/bash"}
    asked = {"_DCM_COMPLETE": "complete_bash", "COMP_WORDS": "dcm in", "COMP_CWORD": "1"}

    script = lonely_dcm("--show-completion", "bash")
    completed = subprocess.run(
        [PROGRAM],
        env=lonely_dcm.environment() | asked,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert "_DCM_COMPLETE" in script.out
    assert set(completed.stdout.split()) == {"inbox", "install"}


def test_the_hook_loads_nothing_of_the_command() -> None:
    code = (
        "import sys, dcm_client.hook; "
        "print(sorted({'typer', 'rich', 'httpx', 'msgspec', 'asyncio'} & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )

    assert done.stdout == "[]\n"
