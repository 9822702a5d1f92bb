"""Suggestions beyond the contract: by project, by age, explained."""

import asyncio
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from dcm.lib.threads import in_thread
from routing.models import KeywordToolScore, ProjectToolScore
from tests.conftest import Api
from tests.contract.rest import (
    UNKNOWN,
    get,
    post_action,
    post_project,
    post_request,
    post_subtask,
    post_task,
)
from tests.factories import make_score

SUGGEST = "/api/routing/suggest"


async def tools(api: Api, keywords: str, **query: Any) -> dict[str, float]:
    reply = await get(api, SUGGEST, keywords=keywords, **query)
    return {tool["tool_name"]: tool["score"] for tool in reply["suggestions"]}


@pytest.fixture
def per_project(settings: Settings) -> None:
    settings.ROUTING_PROJECT_SCORES = True


async def test_scores_age_towards_where_they_began(api: Api, settings: Settings) -> None:
    ago = timezone.now() - timedelta(days=10)
    for keyword, tool, score in [("a", "Good", 3.0), ("a", "Bad", 0.6)]:
        await in_thread(make_score, keyword, tool, score=score, last_used=ago)

    assert await tools(api, "a") == {"Good": 3.0, "Bad": 0.6}
    settings.ROUTING_HALF_LIFE_DAYS = 10
    assert await tools(api, "a") == {"Good": 2.0, "Bad": 0.8}
    assert await tools(api, "a", min_score="0.9") == {"Good": 2.0}


@pytest.mark.parametrize("days", [-1, 100_000, 700_000])
async def test_any_age_can_be_reckoned_with(api: Api, settings: Settings, days: int) -> None:
    settings.ROUTING_HALF_LIFE_DAYS = 1
    moment = timezone.now() - timedelta(days=days)
    await in_thread(make_score, "a", score=3.0, last_used=moment)

    assert await tools(api, "a") == {"Edit": 3.0 if days < 0 else 1.0}


async def test_a_suggestion_can_be_explained(api: Api) -> None:
    moment = datetime.fromisoformat("2026-03-04T05:06:07.089Z")
    common: dict[str, Any] = {"last_used": moment}
    await in_thread(make_score, "form", score=1.2, usage_count=3, success_count=2, **common)
    await in_thread(make_score, "login", score=1.5, usage_count=0, success_count=0, **common)

    reply = await get(api, SUGGEST, keywords="login,form", explain="true")

    last_used = "2026-03-04T05:06:07.089Z"
    first = {"keyword": "login", "score": 1.5, "usage_count": 0, "success_rate": 0}
    second = {"keyword": "form", "score": 1.2, "usage_count": 3, "success_rate": 67}
    assert reply["suggestions"][0]["explanation"] == [
        first | {"last_used": last_used},
        second | {"last_used": last_used},
    ]


async def test_a_project_has_scores_of_its_own(api: Api, per_project: None) -> None:
    shop, blog = await post_project(api, path="/srv/shop"), await post_project(api)
    task = await post_task(api, request_id=(await post_request(api, project_id=blog["id"]))["id"])
    subtask = await post_subtask(api, task_id=task["id"])
    for _ in range(2):
        await post_action(api, tool_name="Bash", input="login", project_path="/srv/shop/")
    await post_action(api, tool_name="Edit", input="login", subtask_id=subtask["id"])
    await post_action(api, tool_name="Read", input="login", project_path="/srv/unknown")
    await post_action(api, tool_name="Read", input="login")

    assert await tools(api, "login", project_id=shop["id"]) == {"Bash": 1.1}
    assert await tools(api, "login", project_id=blog["id"]) == {"Edit": 1.0}
    assert await tools(api, "login") == {"Bash": 1.1, "Read": 1.1, "Edit": 1.0}


async def test_where_a_project_has_no_scores_those_of_all_are_suggested(
    api: Api, per_project: None
) -> None:
    project = await post_project(api, path="/srv/shop")
    await post_action(api, input="login")

    before = await get(api, SUGGEST, keywords="login", project_id=project["id"])
    await post_action(api, input="login", project_path="/srv/shop")
    after = await get(api, SUGGEST, keywords="login", project_id=project["id"])

    assert (before["scope"], after["scope"]) == ("global", "project")
    assert (before["count"], after["count"]) == (1, 1)
    assert (await get(api, SUGGEST, keywords="login", project_id=UNKNOWN))["scope"] == "global"


async def test_scores_per_project_are_kept_only_when_wanted(api: Api) -> None:
    await post_project(api, path="/srv/shop")
    await post_action(api, input="login", project_path="/srv/shop")

    assert not await in_thread(ProjectToolScore.objects.exists)


async def test_a_project_that_goes_takes_its_scores_along(api: Api, per_project: None) -> None:
    project = await post_project(api, path="/srv/shop")
    await post_action(api, input="login", project_path="/srv/shop")

    await api.delete(f"/api/projects/{project['id']}")

    assert not await in_thread(ProjectToolScore.objects.exists)
    assert await in_thread(KeywordToolScore.objects.count) == 1


async def test_feedback_in_a_project_moves_both_scores(api: Api, per_project: None) -> None:
    project = await post_project(api, path="/srv/shop")
    await post_action(api, input="login", project_path="/srv/shop")
    given = {"tool_name": "Edit", "keywords": ["login"], "chosen": True}

    await api.post("/api/routing/feedback", json={**given, "project_id": project["id"]})
    await api.post("/api/routing/feedback", json=given)

    assert await tools(api, "login", project_id=project["id"]) == {"Edit": 1.2}
    assert await tools(api, "login") == {"Edit": 1.4}


async def test_rich_keywords_are_learned_when_wanted(api: Api, settings: Settings) -> None:
    settings.ROUTING_RICH_KEYWORDS = True

    action = await post_action(api, input="run the login tests in forms.py")

    assert action["keywords_extracted"] == 6
    assert await tools(api, "login tests,.py") == {"Edit": 1.0}


@pytest.mark.parametrize("query", [{"project_id": "tea"}, {"explain": "yes"}])
async def test_odd_parameters_are_refused(api: Api, query: dict[str, str]) -> None:
    response = await api.get(SUGGEST, params={"keywords": "login", **query})

    assert response.status_code == 400


async def test_a_project_of_feedback_that_is_none_is_refused(api: Api) -> None:
    body = {"tool_name": "Edit", "keywords": ["login"], "project_id": "tea"}

    assert (await api.post("/api/routing/feedback", json=body)).status_code == 400
    body["project_id"] = str(uuid.uuid4())
    assert (await api.post("/api/routing/feedback", json=body)).status_code == 200


async def test_projects_may_go_while_actions_teach_them(api: Api, per_project: None) -> None:
    paths = [f"/srv/p{n}" for n in range(3)]

    async def act(n: int) -> int:
        body = {"tool_name": f"T{n % 4}", "tool_type": "mcp", "input": f"login form word{n % 7}"}
        reply = await api.post("/api/actions", json={**body, "project_path": paths[n % 3]})
        return reply.status_code

    async def come_and_go(path: str) -> int:
        for _ in range(5):
            project = await post_project(api, path=path)
            gone = await api.delete(f"/api/projects/{project['id']}")
        return gone.status_code

    statuses = await asyncio.gather(*map(act, range(150)), *map(come_and_go, paths))

    assert set(statuses) <= {200, 201, 204}
    assert not await in_thread(ProjectToolScore.objects.exists)
