"""The main path of each page, and that it follows what happens by itself."""

from typing import Any

from playwright.async_api import expect

from dcm.lib.threads import in_thread
from routing.models import KeywordToolScore
from tests.browser.visitor import Open
from tests.conftest import Api
from tests.factories import make_action, make_request, make_score, make_subtask, make_task


async def test_sessions(visit: Open, api: Api) -> None:
    page = (await visit("/sessions")).page
    await expect(page.locator("main")).to_contain_text("No session yet")

    await hook(api, "UserPromptSubmit", prompt="Add a login form")
    await expect(page.locator("tbody tr")).to_contain_text("Add a login form")
    await page.get_by_role("link", name="run-1").click()

    await expect(page.locator("h1")).to_contain_text("run-1")
    used = {"tool_name": "Edit", "tool_use_id": "t1", "tool_input": {"file_path": "/srv/login.py"}}
    await hook(api, "PostToolUse", **used, tool_response={"ok": True})
    await expect(page.locator(".calls")).to_contain_text("Edit")
    await expect(page.locator("svg .bar.completed")).to_have_count(1)
    await expect(page.locator(".files")).to_contain_text("/srv/login.py")

    await page.locator(".calls summary").click()
    await expect(page.locator(".calls pre").first).to_contain_text('"file_path": "/srv/login.py"')
    await hook(api, "PostCompact", compact_summary="The form is half done")
    await hook(api, "PostToolUse", tool_name="Bash", tool_use_id="t2", tool_input={"command": "ls"})
    await expect(page.locator(".calls > li")).to_have_count(2)
    await page.get_by_text("own summary").click()
    await expect(page.locator("main")).to_contain_text("The form is half done")
    # What was opened stays open over a refresh.
    await expect(page.locator(".calls pre").first).to_contain_text("/srv/login.py")

    await page.get_by_role("button", name="Show").click()
    await expect(page.locator("#brief pre")).to_contain_text("login")


async def test_agents_and_who_waits_for_whom(visit: Open, api: Api) -> None:
    await in_thread(make_subtask, agent_id="backend", status="running", description="The API")
    page = (await visit("/agents")).page
    await expect(page.locator("tbody tr").first).to_contain_text("The API")

    await block(api, "lead", "backend")
    await block(api, "backend", "frontend")
    await expect(page.locator(".graph .edge")).to_have_count(2)
    await block(api, "frontend", "lead")
    await expect(page.locator(".problem")).to_contain_text("wait for each other")

    await page.get_by_role("button", name="Let it go on: lead").click()
    await expect(page.locator(".graph .edge")).to_have_count(2)
    await expect(page.locator(".problem")).to_have_count(0)
    assert (await api.get("/api/blocking/lead")).json()["is_blocked"] is False

    await page.get_by_role("row").get_by_role("link", name="backend").click()
    await expect(page.locator("h1")).to_contain_text("backend")
    await expect(page.locator("main")).to_contain_text("The API")
    note = {"from_agent": "lead", "to_agent": "backend", "topic": "task.created"}
    await api.post("/api/messages", json=note | {"content": {"message": "Use cents"}})
    await expect(page.locator("main")).to_contain_text("Use cents")


async def test_the_work_tree(visit: Open, api: Api) -> None:
    request = await in_thread(make_request, prompt="Add a checkout")
    task = await in_thread(make_task, request=request, name="Build", status="running")
    subtask = await in_thread(make_subtask, task=task, agent_id="backend", status="running")
    await in_thread(make_action, subtask=subtask, tool_name="Grep", input='{"pattern": "Cart"}')
    page = (await visit("/projects")).page
    await page.locator("tbody a").click()
    await expect(page.locator("svg .bar.running")).to_have_count(1)

    await page.get_by_text("Add a checkout", exact=True).last.click()
    await page.get_by_text("wave 0: Build").click()
    await expect(page.locator(f"#subtask-{subtask.id} .status")).to_have_text("●running")
    await page.locator(f"#subtask-{subtask.id} > summary").click()
    await page.get_by_text("Grep", exact=True).click()
    await expect(page.locator(".tree pre").first).to_contain_text('"pattern": "Cart"')

    await api.patch(f"/api/subtasks/{subtask.id}", json={"status": "completed"})
    own_status = page.locator(f"#subtask-{subtask.id} > summary .status")
    await expect(own_status).to_have_text("✓completed")
    await expect(page.locator("svg .bar.completed")).to_have_count(1)
    await expect(page.locator(".tree pre").first).to_be_visible()
    another = {"request_id": str(request.id), "name": "Test", "wave_number": 1}
    await api.post("/api/tasks", json=another)
    await expect(page.get_by_text("wave 1: Test")).to_be_visible()


async def test_a_question_is_answered(visit: Open, api: Api) -> None:
    page = (await visit("/coordination?session=run-1")).page

    asked = {"question": "Which port?", "agent_id": "frontend"}
    await api.post("/api/sessions/run-1/questions", json=asked)
    shared = {"value": '{"port": 3847}', "agent_id": "backend", "tags": ["net"]}
    await api.put("/api/sessions/run-1/context/server", json=shared)
    decided = {"decision": "One port", "agent_id": "lead", "rationale": "Simpler"}
    await api.post("/api/sessions/run-1/decisions", json=decided)
    await expect(page.locator("main")).to_contain_text("Which port?")
    await expect(page.locator("main")).to_contain_text('"port": 3847')
    await expect(page.locator("main")).to_contain_text("because: Simpler")

    await page.get_by_placeholder("Answer as human").fill("Ask the others")
    await api.post("/api/sessions/run-1/questions", json=asked | {"question": "And the host?"})
    await expect(page.locator("main")).to_contain_text("And the host?")
    typed = page.locator("li", has_text="Which port?").locator("textarea")
    await typed.fill("3847, for all of it")
    await page.locator("li", has_text="Which port?").get_by_role("button").click()
    await expect(page.locator("main")).to_contain_text("↳ 3847, for all of it")
    questions = (await api.get("/api/sessions/run-1/questions")).json()["questions"]
    assert [each["answered_by"] for each in questions if each["answer"]] == ["human"]

    await page.goto("/coordination")
    await expect(page.locator("tbody tr")).to_contain_text("run-1")


async def test_messages_are_read_and_written(visit: Open, api: Api) -> None:
    page = (await visit("/messages?to=backend")).page
    await page.get_by_role("textbox", name="Text").fill("Prices are in cents")

    note = {"from_agent": "qa", "topic": "task.failed", "content": {"text": "One fails"}}
    await api.post("/api/messages", json=note)
    await expect(page.locator("main")).to_contain_text("One fails")
    await expect(page.get_by_role("textbox", name="Text")).to_have_value("Prices are in cents")

    await page.get_by_label("Priority").select_option("5")
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator(".done-note")).to_contain_text("Sent to backend")
    await expect(page.locator(".items")).to_contain_text("Prices are in cents")
    await expect(page.get_by_role("textbox", name="Text")).to_have_value("")
    (got, _) = (await api.get("/api/messages/backend")).json()["messages"]
    assert (got["from_agent"], got["priority"]) == ("human", 5)

    await page.get_by_role("link", name="task.failed").click()
    await expect(page.locator(".items > li")).to_have_count(1)


async def test_a_suggestion_is_explained_and_corrected(visit: Open) -> None:
    await in_thread(make_score, "checkout", tool_name="Edit", score=2.0)
    page = (await visit("/routing")).page
    await expect(page.locator("table.heat td")).to_have_text("2.0")

    await page.get_by_placeholder("Say what is to be done").fill("Build the checkout")
    await page.get_by_role("button", name="Suggest tools").click()
    await expect(page.locator("ol.items")).to_contain_text("because checkout 2.00")
    await page.get_by_role("button", name="Good choice: Edit").click()
    await expect(page.locator(".done-note")).to_contain_text("+0.2")
    assert (await in_thread(KeywordToolScore.objects.get)).score == 2.2


async def test_everything_can_be_searched(visit: Open) -> None:
    await in_thread(make_request, prompt="Paint the <b>fence</b>", session_id="run-1")
    page = (await visit("/")).page

    await page.keyboard.press("/")
    await page.keyboard.type("fence")
    await page.keyboard.press("Enter")
    await expect(page.locator("mark")).to_have_text("fence")
    await page.locator(".found a").first.click()
    await expect(page.locator("h1")).to_contain_text("run-1")
    await expect(page.locator("main")).to_contain_text("Paint the <b>fence</b>")


async def hook(api: Api, name: str, **fields: Any) -> None:
    event = {"hook_event_name": name, "session_id": "run-1", "cwd": "/srv/shop", **fields}
    (await api.post("/api/hooks/claude-code", json=event)).raise_for_status()


async def block(api: Api, blocked_by: str, blocked_agent: str) -> None:
    pair = {"blocked_by": blocked_by, "blocked_agent": blocked_agent}
    (await api.post("/api/blocking", json=pair)).raise_for_status()
