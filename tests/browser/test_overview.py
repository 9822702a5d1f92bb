import asyncio
from typing import Any

from django.db import transaction
from playwright.async_api import Route, expect

from dcm.lib.threads import in_thread
from realtime.channel_names import GLOBAL
from realtime.events import RowsImported
from realtime.publish import publish
from tests.browser.visitor import Open
from tests.conftest import Api
from tests.factories import make_subtask


def action(tool_name: str, **columns: Any) -> dict[str, Any]:
    return {"tool_name": tool_name, "tool_type": "builtin", **columns}


async def test_it_shows_who_is_at_work_and_who_stands_still(visit: Open) -> None:
    await in_thread(make_subtask, agent_id="backend-1", status="running", description="The API")
    await in_thread(make_subtask, agent_id="frontend-1", status="blocked", description="The form")

    page = (await visit("/")).page

    at_work = page.locator("tbody tr")
    await expect(at_work.nth(0)).to_contain_text("frontend-1")
    await expect(at_work.nth(0).locator(".status.blocked")).to_have_text("⊘blocked")
    await expect(at_work.nth(1)).to_contain_text("The API")
    await expect(page.locator("#figures")).to_contain_text("1 standing still")


async def test_what_is_posted_appears_by_itself(visit: Open, api: Api) -> None:
    page = (await visit("/")).page
    await expect(page.locator("main")).to_contain_text("All clear")

    block = {"blocked_by": "lead", "blocked_agent": "backend", "reason": "Wait for the schema"}
    await api.post("/api/blocking", json=block)
    await api.post("/api/actions", json=action("Frobnicate", exit_code=3))

    await expect(page.locator(".items li.of-block")).to_contain_text("backend waits")
    await expect(page.locator("#events li.failed").first).to_contain_text(
        "Frobnicate failed with 3"
    )
    await expect(page.locator("#chart-text")).to_contain_text("1 actions in 24 hours, 1 failed")
    await expect(page.locator("#chart canvas")).to_be_visible()


async def test_a_script_that_comes_late_misses_nothing(visit: Open) -> None:
    async def late(route: Route) -> None:
        await asyncio.sleep(1)
        await route.continue_()

    page = (await visit("/agents")).page
    await page.route("**/chart.js", late)
    await page.goto("/")

    await expect(page.locator("#chart-text")).to_contain_text("No action in the last 24 hours")


async def test_events_can_be_paused_and_filtered(visit: Open, api: Api) -> None:
    page = (await visit("/")).page
    for tool in ("Alpha", "Beta"):
        await api.post("/api/actions", json=action(tool))
    events = page.locator("#events li")
    await expect(events.filter(has_text="Beta")).to_be_visible()

    await page.keyboard.press("f")
    await page.keyboard.type("alpha")
    await expect(events.filter(has_text="Beta")).to_be_hidden()
    await expect(events.filter(has_text="Alpha")).to_be_visible()
    await page.locator("#filter").fill("")
    await page.keyboard.press("Escape")

    await page.keyboard.press("p")
    await api.post("/api/actions", json=action("Gamma"))
    await expect(page.locator("#tail-count")).to_contain_text("1 waiting")
    await expect(events.filter(has_text="Gamma")).to_have_count(0)
    await page.keyboard.press("p")
    await expect(events.filter(has_text="Gamma")).to_have_count(1)


async def test_keys_and_theme(visit: Open) -> None:
    page = (await visit("/", color_scheme="light")).page
    ground = "getComputedStyle(document.body).backgroundColor"
    assert await page.evaluate(ground) == "rgb(245, 246, 248)"

    await page.keyboard.press("?")
    await expect(page.locator("#help")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.keyboard.press("t")
    await page.keyboard.press("t")
    assert await page.evaluate(ground) == "rgb(15, 18, 22)"
    await page.reload()
    assert await page.evaluate(ground) == "rgb(15, 18, 22)"
    await page.keyboard.press("/")
    await expect(page.locator("#find")).to_be_focused()


async def test_leases_and_imports_are_told_in_words(visit: Open, api: Api) -> None:
    page = (await visit("/")).page
    project = (await api.post("/api/projects", json={"path": "/srv/shop"})).json()["project"]["id"]

    wanted = {"project_id": project, "agent_id": "backend", "patterns": ["src/**"]}
    (await api.post("/api/leases", json=wanted)).raise_for_status()
    await in_thread(announce_import)

    await expect(page.locator("#events")).to_contain_text("backend holds paths")
    await expect(page.locator("#events")).to_contain_text("7 actions came from the original")


def announce_import() -> None:
    with transaction.atomic():
        publish(RowsImported(rows="actions", count=7), to=[GLOBAL])
