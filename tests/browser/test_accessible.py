"""axe finds nothing serious, in either theme."""

from functools import cache
from pathlib import Path
from typing import Any

from playwright.async_api import Page

from dcm.lib.threads import in_thread
from messaging.models import Block
from projects.models import Project, Subtask
from sessions_app.services.coordinator import ask_question, log_decision, share_context
from tests import npm
from tests.browser.visitor import Open
from tests.factories import (
    make_action,
    make_message,
    make_request,
    make_score,
    make_subtask,
    make_task,
)

MANIFEST = Path(__file__).parent / "axe" / "package.json"
PATHS = [
    "/",
    "/projects",
    "/projects/{project}",
    "/sessions",
    "/sessions/one?id=run-1",
    "/agents",
    "/agents/one?id=backend",
    "/messages",
    "/coordination",
    "/coordination?session=run-1",
    "/routing?text=add+a+checkout",
    "/search?q=checkout",
]


@cache
def axe() -> str:
    folder = npm.installed(MANIFEST)
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text()


def make_team() -> str:
    request = make_request(prompt="Add a checkout", session_id="run-1")
    task = make_task(request=request, status="running")
    for status in Subtask.Status.values:
        made = make_subtask(task=task, agent_id="backend", status=status, description=status)
        make_action(subtask=made, session_id="run-1", exit_code=1)
        make_action(subtask=made, session_id="run-1", file_paths=["/srv/a.py"])
    make_message(from_agent="lead", to_agent="backend", priority=9)
    Block.objects.create(blocked_by="lead", blocked_agent="backend", reason="Wait")
    for number, score in enumerate((0.1, 0.8, 1.0, 2.0, 3.0, 4.0, 5.0)):
        make_score("checkout", tool_name=f"tool {number}", score=score)
    ask_question(session_id="run-1", question="Which port?", agent_id="backend")
    share_context(session_id="run-1", key="server", value="3847", agent_id="backend", tags=["net"])
    log_decision(session_id="run-1", decision="One port", agent_id="lead", rationale="Simpler")
    return str(Project.objects.get().id)


async def test_nothing_serious_is_found(visit: Open) -> None:
    project = await in_thread(make_team)
    visitor = await visit("/", reduced_motion="reduce")
    page = visitor.page

    found: list[str] = []
    for path in PATHS:
        await visitor.go(path.format(project=project))
        await page.evaluate(axe())
        for theme in ("light", "dark"):
            await page.emulate_media(color_scheme=theme)
            found += [f"{path} {theme}: {each}" for each in await serious(page)]

    assert not found, "\n".join(found)


async def serious(page: Page) -> list[str]:
    report: dict[str, Any] = await page.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        f"{each['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for each in report["violations"]
        if each["impact"] in {"serious", "critical"}
        for node in each["nodes"][:3]
    ]
