"""Which subtask waits for which: no circles, and who waited hears when it may begin."""

import asyncio
import itertools
from typing import Any

from dcm.lib.threads import in_thread
from projects.models import Subtask
from tests.conftest import Api, Listen
from tests.factories import make_claim, make_project, make_request, make_subtask, make_task


async def patch(api: Api, subtask: Subtask, **body: Any) -> Any:
    return await api.patch(f"/api/subtasks/{subtask.id}", json=body)


async def waits_for(api: Api, subtask: Subtask, *blockers: Subtask) -> Any:
    return await patch(api, subtask, blocked_by=[str(each.id) for each in blockers])


async def several(number: int) -> list[Subtask]:
    task = await in_thread(make_task)
    return [await in_thread(make_subtask, task=task) for _ in range(number)]


async def status_of(subtask: Subtask) -> str:
    await in_thread(subtask.refresh_from_db)
    return subtask.status


async def test_a_circle_is_refused_and_shown(api: Api) -> None:
    first, second, third = await several(3)
    await waits_for(api, first, second)
    await waits_for(api, second, third)

    refused = await waits_for(api, third, first)

    assert refused.status_code == 409
    ids = [str(third.id), str(first.id), str(second.id), str(third.id)]
    assert refused.json() == {
        "error": "Subtasks would wait for each other",
        "message": " waits for ".join(ids),
        "cycle": ids,
    }
    await in_thread(third.refresh_from_db)
    assert third.blocked_by == []


async def test_a_subtask_cannot_wait_for_itself(api: Api) -> None:
    (alone,) = await several(1)

    refused = await waits_for(api, alone, alone)

    assert (refused.status_code, refused.json()["cycle"]) == (409, [str(alone.id)] * 2)


async def test_many_ways_to_the_same_end_are_no_circle(api: Api) -> None:
    rows = await several(40)

    for before, one, other in zip(rows[::2], rows[1::2], rows[2::2], strict=False):
        assert (await waits_for(api, other, before, one)).status_code == 200
        assert (await waits_for(api, one, before)).status_code == 200

    refused = await waits_for(api, rows[0], rows[-2])
    assert refused.status_code == 409
    assert len(refused.json()["cycle"]) == 21


async def test_of_those_who_would_close_a_circle_at_once_one_is_refused(api: Api) -> None:
    for _ in range(10):
        ring = await several(5)
        edges = zip(ring, [*ring[1:], ring[0]], strict=True)

        replies = await asyncio.gather(*(waits_for(api, one, other) for one, other in edges))

        assert sorted(reply.status_code for reply in replies) == [200] * 4 + [409]


async def test_a_completed_blocker_lets_those_begin_who_wait_for_nothing_else(
    api: Api, listen: Listen
) -> None:
    blocker, other, waiting, still = await several(4)
    await waits_for(api, waiting, blocker)
    await waits_for(api, still, blocker, other)
    for each in (waiting, still):
        await patch(api, each, status="blocked", agent_id="web")
    web = await listen("agents/web", agent_id="web")

    await patch(api, blocker, status="completed", agent_id="api")

    assert (await status_of(waiting), await status_of(still)) == ("pending", "blocked")
    event = await web.next_event("subtask.ready", channel="agents/web")
    assert event["data"]["id"] == str(waiting.id)
    (message,) = (await api.get("/api/messages/web")).json()["messages"]
    assert (message["from_agent"], message["topic"]) == ("api", "task.completed")
    assert message["content"]["subtask_id"] == str(waiting.id)
    await patch(api, other, status="completed")
    assert await status_of(still) == "pending"


async def test_who_waits_for_its_own_work_is_not_written_to(api: Api) -> None:
    blocker, waiting = await several(2)
    await waits_for(api, waiting, blocker)
    await patch(api, waiting, agent_id="web", status="blocked")

    await patch(api, blocker, status="completed", agent_id="web")

    assert (await api.get("/api/messages/web")).json()["count"] == 0
    assert await status_of(waiting) == "pending"


async def test_what_its_agent_holds_on_to_runs_again(api: Api) -> None:
    blocker, waiting = await several(2)
    await waits_for(api, waiting, blocker)
    await patch(api, waiting, agent_id="web", status="blocked")
    await in_thread(make_claim, subtask=waiting, agent_id="web")

    await patch(api, blocker, status="completed")

    assert await status_of(waiting) == "running"


async def test_it_is_told_once_and_a_failure_lets_nobody_begin(api: Api) -> None:
    blocker, waiting = await several(2)
    await waits_for(api, waiting, blocker)
    await patch(api, waiting, agent_id="web", status="blocked")

    await patch(api, blocker, status="failed")
    before = await status_of(waiting)
    for _ in range(2):
        await patch(api, blocker, status="completed")

    assert before == "blocked"
    assert (await api.get("/api/messages/web")).json()["count"] == 1


async def test_a_blocker_that_is_deleted_holds_nobody_up(api: Api) -> None:
    blocker, waiting = await several(2)
    await waits_for(api, waiting, blocker)
    await patch(api, waiting, status="blocked")

    await api.delete(f"/api/subtasks/{blocker.id}")

    assert await status_of(waiting) == "pending"


async def test_of_blockers_completed_at_once_the_last_lets_begin(api: Api) -> None:
    for _ in range(10):
        *blockers, waiting = await several(6)
        await waits_for(api, waiting, *blockers)
        await patch(api, waiting, status="blocked", agent_id="web")

        replies = await asyncio.gather(*(patch(api, each, status="completed") for each in blockers))

        assert {reply.status_code for reply in replies} == {200}
        assert await status_of(waiting) == "pending"


async def test_completions_while_the_project_is_deleted_lock_nobody(api: Api) -> None:
    for _ in range(10):
        project = await in_thread(make_project)
        task = await in_thread(make_task, request=await in_thread(make_request, project=project))
        rows = [await in_thread(make_subtask, task=task, agent_id="web") for _ in range(6)]
        for before, after in itertools.pairwise(rows):
            await waits_for(api, after, before)

        *replies, gone = await asyncio.gather(
            *(patch(api, each, status="completed") for each in rows),
            api.delete(f"/api/projects/{project.id}"),
        )

        assert gone.status_code == 204
        assert {reply.status_code for reply in replies} <= {200, 404}
