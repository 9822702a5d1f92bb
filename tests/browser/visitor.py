"""Somebody who looks at a page, and notes what the browser complains of."""

from collections.abc import Awaitable, Callable
from typing import Any, Self

from playwright.async_api import BrowserContext, ConsoleMessage, Page, expect

Open = Callable[..., Awaitable["Visitor"]]
WITHIN_MS = 10_000
"""A generous bound: the machine may be busy."""

expect.set_options(timeout=WITHIN_MS)

_WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""


class Visitor:
    """complaints: errors of the console and of scripts, what the policy refused, and dialogs."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.forgiven: tuple[str, ...] = ()

    @classmethod
    async def of(cls, context: BrowserContext) -> Self:
        page = await context.new_page()
        page.set_default_timeout(WITHIN_MS)
        visitor = cls(page)
        page.on("console", visitor._hear)
        page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
        page.on("dialog", lambda dialog: visitor.complaints.append(f"dialog: {dialog.message}"))
        await context.add_init_script(_WATCH)
        return visitor

    async def go(self, path: str) -> None:
        """To this page, until its socket is open."""
        await self.page.goto(path)
        await self.is_live()

    async def is_live(self) -> None:
        await expect(self.page.locator("#connection")).to_have_attribute("data-state", "open")

    async def violations(self) -> Any:
        return await self.page.evaluate("window.violations")

    def forgive(self, *parts: str) -> None:
        """Complaints with these words are what the test is about."""
        self.forgiven += parts

    def check(self) -> None:
        left = [text for text in self.complaints if not any(f in text for f in self.forgiven)]
        assert not left, left

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text}")
