"""A page outlives its server: it says so, comes back, and shows what happened meanwhile."""

import re
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.conf import LazySettings
from playwright.async_api import expect

from tests.browser.visitor import Open, Visitor
from tests.serve.serving import Serving, database_url, postgres_of, temporary_home

TOOLS = [f"Tool{number}" for number in range(1, 41)]


@pytest.fixture
def writing() -> Iterator[Serving]:
    """The server that agents write to; it has the database and stays."""
    with temporary_home() as folder, Serving(folder / "home") as serving:
        yield serving


def record(serving: Serving, tools: list[str]) -> None:
    for tool in tools:
        action = {"tool_name": tool, "tool_type": "builtin", "session_id": "run-1"}
        serving.http.post("/api/actions", json=action).raise_for_status()


async def test_a_restart_loses_no_row(visit: Open, writing: Serving) -> None:
    shared: dict[str, Any] = {"DATABASE_URL": database_url(writing.home)}
    with temporary_home() as folder:
        with Serving(folder / "first", **shared) as pages:
            ports = {name: pages.environment[name] for name in PORTS}
            visitor = await visit("/", base=f"http://127.0.0.1:{ports['PORT']}")
            visitor.forgive("ERR_CONNECTION_", "WebSocket connection to", "htmx:")
            record(writing, TOOLS[:3])
            await shows(visitor, TOOLS[:3])

            pages.stop(signal.SIGKILL)
            await expect(visitor.page.locator("#lost")).to_be_visible()
            await expect(visitor.page.locator("#connection")).to_have_text("offline")
            record(writing, TOOLS[3:])

        with Serving(folder / "second", **shared, **ports):
            await visitor.is_live()
            await expect(visitor.page.locator("#lost")).to_be_hidden()
            await shows(visitor, TOOLS)
            record(writing, ["Afterwards"])
            await shows(visitor, ["Afterwards", *TOOLS])
            figures = visitor.page.locator("#figures")
            await expect(figures).to_contain_text(f"of {len(TOOLS) + 1} in an hour")


PORTS = ("PORT", "DASHBOARD_PORT", "WS_PORT", "COORDINATOR_PORT")


async def shows(visitor: Visitor, tools: list[str]) -> None:
    """Each of these calls is in the list, once."""
    for tool in tools:
        named = re.compile(f"^{tool}$")
        await expect(visitor.page.locator("#events .text", has_text=named)).to_have_count(1)


async def test_the_second_port_serves_the_same_pages(writing: Serving) -> None:
    reply = httpx.get(f"http://127.0.0.1:{writing.port('DASHBOARD_PORT')}/agents")

    assert reply.status_code == 200
    assert "No agent is connected" in reply.text


async def test_a_database_that_is_away_is_said_and_outlived(visit: Open, writing: Serving) -> None:
    database = postgres_of(writing.home)[0]
    visitor = await visit("/", base=f"http://127.0.0.1:{writing.port('PORT')}")
    visitor.forgive("503", "htmx:")
    database.suspend()
    for child in database.children():
        child.suspend()
    try:
        await visitor.page.evaluate("htmx.trigger('#main', 'refresh')")
        await expect(visitor.page.locator("#lost")).to_contain_text("cannot answer")
    finally:
        for child in database.children():
            child.resume()
        database.resume()
    await expect(visitor.page.locator("#lost")).to_be_hidden()
    record(writing, ["Afterwards"])
    await shows(visitor, ["Afterwards"])


async def test_an_expired_login_leads_to_the_login(visit: Open, settings: LazySettings) -> None:
    visitor = await visit("/agents?a=b")
    visitor.forgive("401")
    settings.API_KEY = "secret"

    await visitor.page.evaluate("htmx.trigger('#main', 'refresh')")

    await visitor.page.wait_for_url("**/admin/login/?next=/agents%3Fa%3Db")
