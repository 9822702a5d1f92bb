"""Pages as people see them: in a real Chromium, against the suite's real server."""

import contextlib
import os
import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Error, async_playwright

from tests.browser.visitor import Open, Visitor
from tests.conftest import Server


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("pages are tested in Chromium, not found on PATH: apt-get install chromium")
    # Chromium's own sandbox does not start as root.
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=flags)
        yield browser
        with contextlib.suppress(Error):
            await browser.close()


@pytest.fixture
async def visit(chromium: Browser, server: Server) -> AsyncIterator[Open]:
    """`await visit("/agents")`: that page, which must have nothing to complain of in the end."""
    async with contextlib.AsyncExitStack() as stack:

        async def open_page(path: str, *, base: str = server.url, **options: object) -> Visitor:
            context = await chromium.new_context(base_url=base, **options)  # type: ignore[arg-type]
            stack.push_async_callback(context.close)
            visitor = await Visitor.of(context)
            stack.callback(visitor.check)
            await visitor.go(path)
            return visitor

        yield open_page
