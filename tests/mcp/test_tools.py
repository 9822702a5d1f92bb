"""The default tools through the official client, in both generations of the protocol."""

from dcm.lib.threads import in_thread
from tests.conftest import Api, Listen
from tests.factories import make_subtask
from tests.mcp.calls import call, refusal
from tests.mcp.conftest import ERAS, Connect


async def test_the_client_learns_what_the_server_is(connect: Connect, era: str) -> None:
    async with connect() as client:
        assert client.server_info is not None
        assert client.server_info.name == "dcm"
        assert "inbox" in (client.instructions or "")
        assert (client.protocol_version == "2026-07-28") == (ERAS[era] == "auto")


async def test_a_message_is_read_once_by_the_agent_it_is_for(connect: Connect) -> None:
    async with connect("lead") as lead, connect("backend") as backend:
        await call(lead, "send", message="Begin", to="backend", priority=7)
        await call(backend, "send", message="Hello all")

        first = await call(backend, "inbox")
        second = await call(backend, "inbox")
        of_lead = await call(lead, "inbox", mark_read=False)

    assert [message["content"] for message in first["messages"]] == [{"message": "Begin"}]
    assert (first["messages"][0]["from"], first["messages"][0]["priority"]) == ("lead", 7)
    assert (second["messages"], second["unread_remaining"]) == ([], 0)
    assert [message["to"] for message in of_lead["messages"]] == ["everyone"]
    assert of_lead["unread_remaining"] == 1


async def test_a_sender_sees_how_far_its_message_came(connect: Connect) -> None:
    async with connect("lead") as lead, connect("backend") as backend:
        sent = await call(lead, "send", message="Begin", to="backend")
        queued = await call(lead, "inbox")
        await call(backend, "inbox")
        seen = await call(lead, "inbox")
        await call(backend, "inbox", acknowledge=[sent["id"]])
        done = await call(lead, "inbox")
        nobody = await refusal(lead, "send", message="Begin", to="@nobody-here")

    assert sent["deliveries"][0]["state"] == "queued"
    assert [each["state"] for each in queued["sent"]] == ["queued"]
    assert [each["state"] for each in seen["sent"]] == ["seen"]
    assert "sent" not in done
    assert "No agent is called nobody-here" in nobody


async def test_a_message_is_announced_as_over_rest(connect: Connect, listen: Listen) -> None:
    listener = await listen("agents/backend")

    async with connect("lead") as lead:
        sent = await call(lead, "send", message="Begin", to="backend", topic="task.created")

    event = await listener.next_event(event="message.new")
    assert (event["data"]["id"], event["data"]["topic"]) == (sent["id"], "task.created")


async def test_a_question_finds_its_way_there_and_back(connect: Connect) -> None:
    async with connect("web") as web, connect("api") as api:
        asked = await call(web, "ask", question="Which port?", to="api")
        waiting = (await call(api, "inbox"))["questions"]
        await call(api, "answer", question_id=asked["id"], answer="8443")
        answered = (await call(web, "inbox"))["questions"]

    assert [question["question"] for question in waiting] == ["Which port?"]
    assert [(one["status"], one["answer"]) for one in answered] == [("answered", "8443")]


async def test_what_is_shared_is_recalled_in_full_or_as_a_list(connect: Connect) -> None:
    async with connect("api") as api, connect("web") as web:
        await call(api, "share", key="auth/flow", value="PKCE " * 100, tags=["auth"])
        await call(api, "share", key="build", value="wasm")

        whole = await call(web, "recall", key="auth/flow")
        listed = (await call(web, "recall"))["entries"]
        tagged = (await call(web, "recall", tags=["auth"], prefix="auth/"))["entries"]
        missing = await refusal(web, "recall", key="none")

    assert whole["value"] == "PKCE " * 100
    assert [entry["key"] for entry in listed] == ["build", "auth/flow"]
    assert [(entry["value"], entry["characters"]) for entry in tagged] == [("PKCE " * 40, 500)]
    assert missing == "Context entry not found"


async def test_a_decision_reaches_the_brief_of_the_others(connect: Connect) -> None:
    async with connect("api") as api, connect("web", "&tools=all") as web:
        await call(api, "decide", decision="Drop v1", rationale="Nobody calls it")

        brief = await call(web, "brief")
        decisions = (await call(web, "decisions"))["decisions"]

    assert "Drop v1" in brief
    assert [(one["decision"], one["by"]) for one in decisions] == [("Drop v1", "api")]


async def test_progress_is_noted_in_the_subtask_and_told_to_everyone(
    connect: Connect, api: Api
) -> None:
    subtask = await in_thread(make_subtask, agent_id="backend", status="running")

    async with connect("backend") as backend, connect("lead") as lead:
        told = await call(backend, "report_progress", summary="Tests pass", status="completed")
        heard = (await call(lead, "inbox"))["messages"]

    row = (await api.get(f"/api/subtasks/{subtask.id}")).json()["subtask"]
    assert told["subtask_id"] == str(subtask.id)
    assert (row["status"], row["result"]) == ("completed", {"summary": "Tests pass"})
    assert [(one["from"], one["content"]["status"]) for one in heard] == [("backend", "completed")]


async def test_progress_without_a_subtask_is_told_all_the_same(connect: Connect) -> None:
    async with connect("backend") as backend, connect("lead") as lead:
        told = await call(backend, "report_progress", summary="Looking around")
        heard = (await call(lead, "inbox"))["messages"]

    assert told["subtask_id"] is None
    assert [one["content"]["message"] for one in heard] == ["Looking around"]


async def test_a_call_may_name_another_agent_than_the_address(connect: Connect) -> None:
    async with connect("lead") as client, connect("helper") as helper:
        await call(client, "send", agent_id="lead/sub-1", message="Done", to="helper")

        (message,) = (await call(helper, "inbox"))["messages"]

    assert message["from"] == "lead/sub-1"


async def test_who_says_nothing_about_itself_is_told_how(connect: Connect) -> None:
    async with connect(None) as client:
        text = await refusal(client, "inbox")

        assert "agent_id" in text
        assert "?agent_id=" in text


async def test_the_other_tools_do_what_they_say(connect: Connect) -> None:
    await in_thread(make_subtask, agent_id="backend", status="running")

    async with connect("lead", "&tools=all") as lead:
        await call(lead, "block", blocked_agent="backend", reason="schema first")
        (agent,) = (await call(lead, "agents"))["agents"]
        brief = await call(lead, "brief", agent_id="backend")
        await call(lead, "unblock", blocked_agent="backend")
        again = await refusal(lead, "unblock", blocked_agent="backend")
        suggested = await call(lead, "suggest_tools", task="login view")

    assert (agent["agent_id"], agent["is_blocked"]) == ("backend", True)
    assert "schema first" in brief
    assert again == "Blocking record not found"
    assert suggested == {"suggestions": []}


async def test_a_search_finds_what_was_shared_and_said_but_not_to_others(
    connect: Connect, session: str
) -> None:
    async with connect("api") as api, connect("web") as web:
        await call(api, "decide", decision="Tokens are rotated hourly")
        await call(api, "share", key="auth/rotation", value="rotated by cron")
        await call(api, "send", message="The key was rotated", to="lead")

        everything = (await call(web, "search", query="rotate"))["results"]
        decided = (await call(web, "search", query="rotate", kinds=["decision"]))["results"]
        elsewhere = (await call(web, "search", query="rotate", session_id="other"))["results"]
        own = (await call(web, "search", query="rotated key", agent_id="lead"))["results"]
        nothing = await call(web, "search", query="the")

    assert {one["kind"] for one in everything} == {"decision", "entry"}
    (decision,) = decided
    assert (decision["by"], decision["session_id"]) == ("api", session)
    assert decision["excerpt"] == "Tokens are **rotated** hourly"
    assert elsewhere == []
    assert [one["kind"] for one in own] == ["message"]
    assert nothing == {"results": []}


async def test_a_search_that_cannot_be_meant_is_refused(connect: Connect) -> None:
    async with connect() as client:
        for arguments in ({}, {"query": ""}, {"query": "a\0"}, {"query": "x" * 1_001}):
            told = await refusal(client, "search", **arguments)
            assert told.startswith("Validation failed: query"), told
        assert "kinds" in await refusal(client, "search", query="x", kinds=["tea"])
