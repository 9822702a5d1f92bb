"""The admin as people see it: they get in, nothing is refused by its own policy, all is legible."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.db import connection
from playwright.async_api import Page, expect

from dcm.lib.threads import in_thread
from projects.models import Request, Subtask
from tests.admin.rows import MODELS, list_of, make_rows, page_of
from tests.browser.test_accessible import axe, serious
from tests.browser.visitor import Open, Visitor

PASSWORD = "correct horse"
PHONE = {"width": 390, "height": 844}
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def superuser(database: None) -> Iterator[User]:
    yield User.objects.create_superuser("mia", password=PASSWORD)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_admin_log; DELETE FROM django_session")
    User.objects.all().delete()


async def enter(visit: Open, **options: object) -> Visitor:
    """Somebody who has logged in with the form."""
    visitor: Visitor = await visit("/", **options)
    await visitor.page.goto("/admin/")
    await visitor.page.get_by_label("Username").fill("mia")
    await visitor.page.get_by_label("Password").fill(PASSWORD)
    await visitor.page.get_by_role("button", name="Log in").click()
    await expect(visitor.page.locator("h1")).to_have_text("Admin")
    return visitor


async def addresses() -> list[str]:
    await in_thread(make_rows, 2, "Add a checkout")
    request = await in_thread(Request.objects.earliest, "id")
    subtask = await in_thread(Subtask.objects.earliest, "id")
    return [
        "/admin/",
        *map(list_of, MODELS),
        page_of(request),
        page_of(subtask),
        page_of(request, "delete"),
        page_of(request, "history"),
        "/admin/auth/user/add/",
        "/admin/password_change/",
    ]


async def test_every_page_runs_what_the_server_has_and_fits_a_phone(
    visit: Open, superuser: User
) -> None:
    visitor = await enter(visit, viewport=PHONE)

    for address in await addresses():
        await visitor.page.goto(address)
        assert await visitor.violations() == [], address
        assert await visitor.page.evaluate(WIDER) <= 0, address


async def test_the_theme_is_that_of_the_system_until_it_is_chosen(
    visit: Open, superuser: User
) -> None:
    page = (await enter(visit, color_scheme="dark")).page
    dark = await ground(page)

    await page.emulate_media(color_scheme="light")
    light = await ground(page)
    await page.emulate_media(color_scheme="dark")
    for _ in range(3):  # light, dark, as the system says
        await page.locator(".theme-toggle").click()
        if await page.locator("html").get_attribute("data-theme") == "light":
            break

    assert dark != light
    assert await ground(page) == light


async def ground(page: Page) -> str:
    return str(await page.evaluate("getComputedStyle(document.body).backgroundColor"))


async def test_a_chosen_action_is_carried_out(visit: Open, superuser: User) -> None:
    await in_thread(make_rows, 1, "Add a checkout")
    page = (await enter(visit)).page
    await page.goto(list_of(Request))

    await page.locator(".action-select").check()
    await page.get_by_label("Action:").select_option("complete")
    await page.get_by_role("button", name="Go").click()

    await expect(page.locator(".messagelist")).to_contain_text("1 request completed")
    await expect(page.locator(".field-status")).to_have_text("completed")


async def test_nothing_serious_is_found(visit: Open, superuser: User) -> None:
    visitor = await enter(visit, reduced_motion="reduce")
    visitor.forgive("Applying inline style", "preload assets")  # axe's own
    page = visitor.page
    await in_thread(make_rows, 2, "Add a checkout")
    request = await in_thread(Request.objects.earliest, "id")

    found: list[str] = []
    for address in ("/admin/", list_of(Request), page_of(request), page_of(request, "delete")):
        await page.goto(address)
        await page.evaluate(axe())
        for theme in ("light", "dark"):
            await page.emulate_media(color_scheme=theme)
            found += [f"{address} {theme}: {each}" for each in await serious(page)]

    assert not found, "\n".join(found)
