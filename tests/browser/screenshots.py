"""Pictures of every page for docs/screenshots: `python -m tests.browser.screenshots [name …]`.

They show a server of its own that the demo has played to: two runs that ended, and one that is at
its liveliest, after a day of other work.
"""

import asyncio
import io
import os
import shutil
import sys
import threading
from pathlib import Path
from typing import Literal

import httpx
import psycopg
from PIL import Image
from playwright.async_api import Browser, async_playwright

from dcm.demo.player import Player
from dcm.demo.script import RUN
from tests.serve.serving import Serving, database_url, manage, temporary_home

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
COLOURS = 256
LOGIN = "mia"
SPEED = 4.0
DESK, PHONE = (1280, 820), (390, 844)
Theme = Literal["light", "dark"]
LOOKS: list[tuple[str, Theme, tuple[int, int]]] = [
    ("light", "light", DESK),
    ("dark", "dark", DESK),
    ("phone", "light", PHONE),
]
# A day of tool calls, busier at some hours than at others.
HISTORY = """
INSERT INTO projects_action
  (id, tool_name, tool_type, exit_code, duration_ms, created_at, file_paths)
SELECT gen_random_uuid(), (ARRAY['Bash', 'Edit', 'Read', 'Grep', 'Write'])[1 + n % 5], 'builtin',
       (random() < 0.04)::int, (random() * 900)::int,
       now() - make_interval(mins => minute) - make_interval(secs => random() * 60), '{}'
FROM generate_series(2, 1439) AS minute,
     generate_series(1, greatest(0, (5 + 5 * sin(minute / 170.0) + 2 * sin(minute / 23.0)
                                     + 4 * random() - 2)::int)) AS n
"""


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with temporary_home() as folder, Serving(folder / "home") as serving:
        with psycopg.connect(database_url(serving.home)) as database:
            database.execute(HISTORY)
        play(serving)
        make_login(serving)
        asyncio.run(take(serving))
    total = sum(picture.stat().st_size for picture in FOLDER.glob("*.png"))
    print(f"{total // 1000} kB in {FOLDER}")  # noqa: T201


def make_login(serving: Serving) -> None:
    """Somebody who may enter the admin of this server, which lasts as long as the pictures take."""
    made = {"DATABASE_URL": database_url(serving.home), "DJANGO_SUPERUSER_PASSWORD": LOGIN}
    who = ("--username", LOGIN, "--email", "mia@example.org", "--noinput")
    manage(serving.home, "createsuperuser", *who, **made).check_returncode()


def play(serving: Serving) -> None:
    """One run that ended, and one up to its open question."""
    url = str(serving.http.base_url)
    asks = next(n for n, step in enumerate(RUN) if step.path.endswith("/questions"))
    whole = threading.Thread(target=Player(url, speed=SPEED).play, args=[RUN, lambda _: None])
    whole.start()
    whole.join(10)
    Player(url, speed=SPEED / 2).play(RUN[: asks + 3], lambda _: None)
    whole.join()


async def take(serving: Serving) -> None:
    program = shutil.which("chromium") or "chromium"
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=flags)
        for name, path in chosen(pages(serving.http)).items():
            for look, theme, size in LOOKS:
                picture = await shot(browser, f"{serving.http.base_url}{path}", theme, size)
                save(picture, FOLDER / f"{name}-{look}.png")
        await take_admin(browser, serving)
        await browser.close()


def chosen(addresses: dict[str, str]) -> dict[str, str]:
    """Those that the command names; all, when it names none."""
    names = sys.argv[1:] or [*addresses]
    return {name: path for name, path in addresses.items() if name in names}


async def take_admin(browser: Browser, serving: Serving) -> None:
    newest = serving.http.get("/api/requests").json()["requests"][0]["id"]
    shown = {
        "admin": "/admin/",
        "admin-list": "/admin/projects/action/",
        "admin-form": f"/admin/projects/request/{newest}/change/",
    }
    for look, theme, size in LOOKS:
        viewport = {"width": size[0], "height": size[1]}
        context = await browser.new_context(viewport=viewport, color_scheme=theme)  # type: ignore[arg-type]
        page = await context.new_page()
        await page.goto(f"{serving.http.base_url}/admin/")
        await page.get_by_label("Username").fill(LOGIN)
        await page.get_by_label("Password").fill(LOGIN)
        await page.get_by_role("button", name="Log in").click()
        for name, path in chosen(shown).items():
            await page.goto(f"{serving.http.base_url}{path}")
            save(await page.screenshot(), FOLDER / f"{name}-{look}.png")
        await context.close()


def pages(http: httpx.Client) -> dict[str, str]:
    newest, ended = (each["id"] for each in http.get("/api/sessions").json()["sessions"][:2])
    project = http.get("/api/projects").json()["projects"][0]["id"]
    agents = http.get("/api/agents").json()["agents"]
    waiting = next(each["agent_id"] for each in agents if each["is_blocked"])
    return {
        "overview": "/",
        "projects": "/projects",
        "project": f"/projects/{project}?request={asked_in(http, ended)}",
        "sessions": "/sessions",
        "session": f"/sessions/one?id={ended}",
        "agents": "/agents",
        "agent": f"/agents/one?id={waiting}",
        "messages": "/messages",
        "coordination": "/coordination",
        "coordination-session": f"/coordination?session={newest}",
        "routing": "/routing?text=run+the+tests+of+the+checkout",
        "search": "/search?q=checkout",
    }


def asked_in(http: httpx.Client, session_id: str) -> str:
    requests = http.get("/api/requests").json()["requests"]
    return str(next(each["id"] for each in requests if each["session_id"] == session_id))


async def shot(browser: Browser, url: str, theme: Theme, size: tuple[int, int]) -> bytes:
    viewport = {"width": size[0], "height": size[1]}
    context = await browser.new_context(viewport=viewport, color_scheme=theme)  # type: ignore[arg-type]
    page = await context.new_page()
    await page.goto(url)
    await page.locator("#connection[data-state=open]").wait_for()
    for summary in await page.locator(".tree > li:nth-child(-n + 2) > details > summary").all():
        await summary.click()
    await page.wait_for_timeout(1_200)  # the chart, and the first levels of the tree
    picture = await page.screenshot()
    await context.close()
    return picture


def save(picture: bytes, path: Path) -> None:
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
