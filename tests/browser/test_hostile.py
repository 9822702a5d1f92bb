"""Whatever was recorded is shown as text, on every page and in what arrives live."""

from urllib.parse import quote

import pytest
from playwright.async_api import expect

from dcm.lib.threads import in_thread
from projects.models import Project
from tests.admin.rows import HOSTILE, LONG, make_rows
from tests.browser.visitor import Open
from tests.conftest import Api

PHONE = {"width": 390, "height": 844}


async def hostile_pages(text: str) -> list[str]:
    await in_thread(make_rows, 1, text)
    project = await in_thread(Project.objects.get)
    name = quote(project.path, safe="")
    return [
        "/",
        "/projects",
        f"/projects/{project.id}",
        "/sessions",
        f"/sessions/one?id={name}",
        "/agents",
        f"/agents/one?id={name}",
        "/messages",
        "/coordination",
        f"/coordination?session={name}",
        "/routing?text=script+alert",
        "/search?q=script",
    ]


@pytest.mark.parametrize("text", [HOSTILE, LONG], ids=["hostile", "long"])
async def test_pages_show_it_as_text(visit: Open, text: str) -> None:
    paths = await hostile_pages(text)
    visitor = await visit("/", viewport=PHONE)
    page = visitor.page

    for path in paths:
        await visitor.go(path)
        for closed in await page.locator("main summary").all():
            await closed.click(position={"x": 3, "y": 3})
        assert await page.locator("main script").count() == 0, path
        shown = await page.locator("main").inner_text()
        assert "\x1b" not in shown, path
        assert "\u202e" not in shown, path
        wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.evaluate(wider) <= 0, path
        assert await visitor.violations() == [], path


async def test_what_arrives_live_is_text(visit: Open, api: Api) -> None:
    visitor = await visit("/")
    page = visitor.page

    action = {"tool_name": HOSTILE, "tool_type": "builtin", "session_id": HOSTILE}
    (await api.post("/api/actions", json=action)).raise_for_status()
    block = {"blocked_by": HOSTILE, "blocked_agent": LONG[:9_000], "reason": HOSTILE}
    (await api.post("/api/blocking", json=block)).raise_for_status()

    row = page.locator("#events li").filter(has_text="<script>alert(1)</script>")
    await expect(row.first).to_be_visible()
    await expect(page.locator("li.of-block")).to_contain_text("<script>alert(1)</script>")
    shown = await page.locator("main").inner_text()
    assert "\\u202egpj.exe \\u001b[31m" in shown
    assert "\x1b" not in shown
    assert await visitor.violations() == []
