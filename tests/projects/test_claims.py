"""Work that agents take by themselves: each subtask is one agent's, for as long as it lives."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from dcm.lib.threads import in_thread
from projects.models import Claim, Project, Subtask, Task
from projects.pruning import LOST_CLAIMS
from projects.services.claim_ends import expire_claims
from realtime.models import LoggedEvent
from tests.conftest import Api, Listen
from tests.factories import (
    make_claim,
    make_project,
    make_request,
    make_subtask,
    make_task,
)

AGENTS = 50
HOOKS = "/api/hooks/claude-code"
UNKNOWN = "3f9d2a1e-0000-4000-8000-000000000000"


async def claim(api: Api, agent_id: str = "ag-1", **wish: Any) -> Any:
    reply = await api.post("/api/claims", json={"agent_id": agent_id, **wish})
    assert reply.status_code in (200, 201), reply.text
    assert (reply.status_code == 201) == (reply.json()["claim"] is not None)
    return reply.json()


async def claimed_id(api: Api, agent_id: str = "ag-1", **wish: Any) -> str | None:
    subtask = (await claim(api, agent_id, **wish))["subtask"]
    return subtask["id"] if subtask else None


async def fresh(subtask: Subtask) -> Subtask:
    return await in_thread(Subtask.objects.get, id=subtask.id)


def task_of(project: Project, **columns: Any) -> Task:
    return make_task(request=make_request(project=project, **columns))


async def test_the_next_subtask_is_the_agents_own_and_running(api: Api, listen: Listen) -> None:
    subtask = await in_thread(make_subtask)
    heard = await listen("agents/ag-1")

    got = await claim(api, session_id="run-1", ttl_seconds=60)

    assert got["subtask"]["id"] == str(subtask.id) == got["claim"]["subtask_id"]
    assert (got["subtask"]["status"], got["subtask"]["agent_id"]) == ("running", "ag-1")
    assert got["subtask"]["started_at"] is not None
    assert (got["claim"]["session_id"], got["claim"]["ttl_seconds"]) == ("run-1", 60)
    event = await heard.next_event("claim.taken", channel="agents/ag-1")
    assert event["data"]["token"] == got["claim"]["token"]
    assert (await heard.next_event("subtask.running", channel="agents/ag-1"))["data"]["id"] == str(
        subtask.id
    )
    again = await claim(api, "ag-2")
    assert again == {
        "success": True,
        "claim": None,
        "subtask": None,
        "unblocks": [],
        "waiting": 0,
    }


async def test_older_requests_and_earlier_waves_come_first_and_what_is_ones_own(api: Api) -> None:
    first = await in_thread(make_request)
    second = await in_thread(make_request, project=first.project)
    waves = [
        await in_thread(make_task, request=request, wave_number=number)
        for request, number in ((second, 0), (first, 1), (first, 0))
    ]
    newest, later, sooner = [await in_thread(make_subtask, task=task) for task in waves]
    own = await in_thread(make_subtask, task=waves[0], agent_id="ag-1")
    await in_thread(make_subtask, task=waves[2], agent_id="ag-9")

    got = [await claimed_id(api) for _ in range(5)]

    assert got == [str(own.id), str(sooner.id), str(later.id), str(newest.id), None]


async def test_what_waits_for_others_is_not_given_out_before(api: Api) -> None:
    blocker = await in_thread(make_subtask)
    body = {"task_id": str(blocker.task_id), "blocked_by": [str(blocker.id)]}
    waiting = [
        (await api.post("/api/subtasks", json=body | {"description": "b", "status": status})).json()
        for status in ("pending", "blocked")
    ]

    got, none = await claim(api), await claim(api, "ag-2")
    await api.patch(f"/api/subtasks/{blocker.id}", json={"status": "completed"})
    freed = {await claimed_id(api, "ag-2"), await claimed_id(api, "ag-3")}

    ids = [each["subtask"]["id"] for each in waiting]
    assert [(each["id"], each["is_last"]) for each in got["unblocks"]] == [
        (one, True) for one in ids
    ]
    assert (none["subtask"], none["waiting"]) == (None, 2)
    assert freed == set(ids)


async def test_what_is_blocked_for_another_reason_stays_so(api: Api) -> None:
    await in_thread(make_subtask, status="blocked")

    assert await claimed_id(api) is None


async def test_work_is_chosen_by_project_request_session_and_type(api: Api) -> None:
    project, other = await in_thread(make_project), await in_thread(make_project)
    tasks = [
        await in_thread(task_of, each, session_id=session_id)
        for each, session_id in ((other, "run-1"), (project, "run-1"), (project, "run-2"))
    ]
    rows = [
        await in_thread(make_subtask, task=task, agent_type=kind)
        for task in tasks
        for kind in ("backend", "frontend")
    ]
    ids = [str(row.id) for row in rows]

    wish: dict[str, Any] = {
        "project_id": str(project.id),
        "of_session": "run-2",
        "agent_types": ["frontend"],
    }
    assert await claimed_id(api, **wish) == ids[5]
    assert await claimed_id(api, **wish) is None
    assert await claimed_id(api, request_id=str(tasks[2].request_id)) == ids[4]
    assert await claimed_id(api, agent_types=["ops"]) is None
    untyped = await in_thread(make_subtask, task=tasks[0])
    assert await claimed_id(api, agent_types=["ops"]) == str(untyped.id)
    assert await claimed_id(api, of_session="run-1", agent_types=["ops", "frontend"]) == ids[1]


@pytest.mark.parametrize("status", ["failed", "cancelled"])
async def test_what_nobody_wants_any_more_is_not_given_out(api: Api, status: str) -> None:
    request = await in_thread(make_request, status=status)
    await in_thread(make_subtask, task=await in_thread(make_task, request=request))

    assert await claimed_id(api) is None


async def test_the_hosts_own_tasks_are_not_given_out(api: Api) -> None:
    event = {"session_id": "run-1", "cwd": "/srv/shop", "task_id": "7", "task_subject": "Tidy"}
    await api.post(HOOKS, json=event | {"hook_event_name": "TaskCreated"})

    assert (await api.get("/api/subtasks")).json()["count"] == 1
    assert await claimed_id(api) is None


async def test_tokens_of_claims_and_leases_grow_together(api: Api) -> None:
    project = await in_thread(make_project)
    task = await in_thread(task_of, project)
    for _ in range(2):
        await in_thread(make_subtask, task=task)

    first = (await claim(api))["claim"]["token"]
    lease = {"project_id": str(project.id), "agent_id": "ag-1", "patterns": ["src"]}
    second = (await api.post("/api/leases", json=lease)).json()["leases"][0]["token"]
    third = (await claim(api))["claim"]["token"]

    assert first < second < third


# --- its end ----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["completed", "failed", "pending"])
async def test_a_claim_ends_with_the_work(api: Api, status: str) -> None:
    subtask = await in_thread(make_subtask)
    token = (await claim(api))["claim"]["token"]

    done = await api.patch(
        f"/api/subtasks/{subtask.id}", json={"status": status, "token": token, "result": {"a": 1}}
    )
    late = await api.patch(f"/api/subtasks/{subtask.id}", json={"status": status, "token": token})

    assert done.status_code == 200
    assert (late.status_code, late.json()) == (409, {"error": "This claim is over"})
    assert (await api.get("/api/claims")).json()["claims"] == []
    released = LoggedEvent.objects.filter(type="claim.released", data__token=token)
    assert await in_thread(released.filter(data__subtask_id=str(subtask.id)).count) == 1


async def test_a_token_alone_changes_nothing(api: Api) -> None:
    subtask = await in_thread(make_subtask)

    refused = await api.patch(f"/api/subtasks/{subtask.id}", json={"token": 1})

    assert refused.json() == {"error": "No update fields provided"}


async def test_the_agent_that_fell_silent_loses_it_to_the_next(api: Api) -> None:
    subtask = await in_thread(make_subtask)
    lost = (await claim(api))["claim"]
    await in_thread(let_pass)

    taken = await claim(api, "ag-2")

    assert taken["subtask"]["id"] == str(subtask.id)
    assert taken["claim"]["token"] > lost["token"]
    late = {"status": "completed", "token": lost["token"]}
    assert (await api.patch(f"/api/subtasks/{subtask.id}", json=late)).status_code == 409
    assert (await fresh(subtask)).agent_id == "ag-2"


async def test_the_sweep_gives_back_what_is_over(api: Api) -> None:
    over = await in_thread(make_claim, expires_at=timezone.now())
    blocked = await in_thread(make_claim, expires_at=timezone.now())
    await in_thread(Subtask.objects.filter(id=blocked.subtask_id).update, status="blocked")
    await in_thread(make_claim)

    assert await in_thread(LOST_CLAIMS.count) == 2
    assert await in_thread(expire_claims) == 2

    subtask, waits = await fresh(over.subtask), await fresh(blocked.subtask)
    assert (subtask.status, subtask.agent_id) == ("pending", None)
    assert (waits.status, waits.agent_id) == ("blocked", None)
    assert await in_thread(Claim.objects.count) == 1
    said = LoggedEvent.objects.filter(type="claim.expired", data__subtask_id=str(subtask.id))
    assert await in_thread(said.count) == 1


async def test_only_its_holder_renews_it_and_gives_it_back(api: Api) -> None:
    subtask = await in_thread(make_subtask)
    got = (await claim(api, ttl_seconds=60))["claim"]
    where = f"/api/claims/{subtask.id}"

    stolen = await api.patch(where, json={"agent_id": "ag-2"})
    renewed = await api.patch(where, json={"agent_id": "ag-1", "ttl_seconds": 86400})
    taken = await api.delete(f"{where}?agent_id=ag-2")
    given = await api.delete(f"{where}?agent_id=ag-1")
    gone = [await api.patch(where, json={"agent_id": "ag-1"}), await api.delete(where)]

    assert [each.status_code for each in (stolen, renewed, taken, given)] == [403, 200, 403, 200]
    assert [each.status_code for each in gone] == [404, 404]
    assert renewed.json()["claim"]["expires_at"] > got["expires_at"]
    assert renewed.json()["claim"]["token"] == got["token"]
    assert await claimed_id(api, "ag-2") == str(subtask.id)


async def test_who_gets_the_subtask_otherwise_ends_the_claim(api: Api) -> None:
    subtask = await in_thread(make_subtask)
    await claim(api)

    await api.patch(f"/api/subtasks/{subtask.id}", json={"agent_id": "ag-2"})

    assert (await api.get("/api/claims")).json()["count"] == 0
    assert (await fresh(subtask)).status == "running"


async def test_a_project_goes_with_its_claims(api: Api) -> None:
    held = await in_thread(make_claim)

    await api.delete(f"/api/projects/{held.subtask.task.request.project_id}")

    assert not await in_thread(Claim.objects.exists)


# --- signs of life ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["PostToolUse", "PreToolUse", "Notification"])
async def test_any_hook_of_an_agent_keeps_its_claims(api: Api, name: str) -> None:
    await in_thread(make_claim, agent_id="sub-1")
    event = {"hook_event_name": name, "session_id": "run-1", "cwd": "/srv/shop"}

    await in_thread(let_pass, 20)
    await api.post(HOOKS, json=event | {"tool_name": "Bash", "agent_id": "sub-2"})
    left_alone = await in_thread(seconds_left)
    await api.post(HOOKS, json=event | {"tool_name": "Bash", "agent_id": "sub-1"})

    assert left_alone <= 20
    assert await in_thread(seconds_left) > 3500


async def test_the_main_agents_hooks_keep_what_was_claimed_in_its_session(api: Api) -> None:
    await in_thread(make_claim, agent_id="backend", session_id="run-1")
    await in_thread(let_pass, 20)

    await api.post(HOOKS, json={"hook_event_name": "Notification", "session_id": "run-1"})

    assert await in_thread(seconds_left) > 3500


async def test_a_ping_of_its_socket_keeps_an_agents_claims(listen: Listen) -> None:
    await in_thread(make_claim, agent_id="pinging")
    socket = await listen("agents/pinging", agent_id="pinging")
    await in_thread(let_pass, 20)

    await socket.send(type="ping")
    await socket.next_event("agent.heartbeat", channel="agents/pinging")
    async with asyncio.timeout(5):
        while await in_thread(seconds_left) < 3500:
            await asyncio.sleep(0.02)


async def test_progress_keeps_the_claim_on_the_subtask(api: Api) -> None:
    held = await in_thread(make_claim)
    await in_thread(let_pass, 20)

    await api.patch(f"/api/subtasks/{held.subtask_id}", json={"result": {"half": "done"}})

    assert await in_thread(seconds_left) > 3500


@pytest.mark.parametrize(
    ("event", "stays"),
    [
        ({"hook_event_name": "SessionEnd", "reason": "other"}, {"ag-9"}),
        ({"hook_event_name": "SubagentStop", "agent_id": "sub-1"}, {"run-1", "backend", "ag-9"}),
    ],
)
async def test_who_ends_gives_its_claims_back(
    api: Api, event: dict[str, str], stays: set[str]
) -> None:
    for agent_id, session_id in (
        ("run-1", None),
        ("backend", "run-1"),
        ("sub-1", "run-1"),
        ("ag-9", None),
    ):
        await in_thread(make_claim, agent_id=agent_id, session_id=session_id)

    await api.post(HOOKS, json={"session_id": "run-1", "cwd": "/srv/shop"} | event)

    claims = (await api.get("/api/claims")).json()["claims"]
    assert {each["agent_id"] for each in claims} == stays


def let_pass(seconds_left: int = 0) -> None:
    Claim.objects.update(expires_at=timezone.now() + timedelta(seconds=seconds_left))


def seconds_left() -> float:
    return (Claim.objects.get().expires_at - timezone.now()).total_seconds()


# --- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad",
    [
        {"agent_id": None},
        {"agent_id": ""},
        {"agent_id": "x" * 513},
        {"agent_id": "a\0"},
        {"project_id": "x"},
        {"request_id": 1},
        {"of_session": []},
        {"agent_types": "backend"},
        {"agent_types": [1]},
        {"agent_types": ["x"] * 51},
        {"ttl_seconds": 0},
        {"ttl_seconds": 31_536_000},
    ],
)
async def test_a_wish_that_cannot_be_meant_is_refused(api: Api, bad: dict[str, Any]) -> None:
    await in_thread(make_subtask)

    refused = await api.post("/api/claims", json={"agent_id": "ag-1"} | bad)

    assert refused.status_code == 400
    assert set(refused.json()["details"]) == set(bad)
    assert await in_thread(Claim.objects.count) == 0


async def test_a_wish_for_what_is_not_there_gets_nothing(api: Api) -> None:
    await in_thread(make_subtask)

    for wish in ({"project_id": UNKNOWN}, {"request_id": UNKNOWN}, {"of_session": "never"}):
        assert await claimed_id(api, **wish) is None


# --- races ------------------------------------------------------------------------------------


async def test_a_claim_sent_twice_under_one_key_is_one(api: Api) -> None:
    for _ in range(2):
        await in_thread(make_subtask)
    headers = {"Idempotency-Key": "once"}

    replies = await asyncio.gather(
        *(api.post("/api/claims", json={"agent_id": "a"}, headers=headers) for _ in range(5))
    )

    assert len({reply.json()["claim"]["subtask_id"] for reply in replies}) == 1
    assert await in_thread(Claim.objects.count) == 1


async def test_fifty_who_want_the_last_one_are_told_the_truth(api: Api) -> None:
    for _ in range(3):
        subtask = await in_thread(make_subtask)
        got = await asyncio.gather(*(claimed_id(api, f"ag-{n}") for n in range(AGENTS)))
        assert [one for one in got if one] == [str(subtask.id)]


async def test_claims_sweeps_changes_and_deletions_at_once_never_fail(api: Api) -> None:
    for number in range(15):
        project = await in_thread(make_project)
        rows = [
            await in_thread(make_subtask, task=await in_thread(task_of, project)) for _ in range(8)
        ]
        await in_thread(let_pass)
        replies = await asyncio.gather(
            *(api.post("/api/claims", json={"agent_id": f"ag-{n}"}) for n in range(12)),
            *(api.patch(f"/api/subtasks/{r.id}", json={"status": "completed"}) for r in rows[::2]),
            *(api.patch(f"/api/subtasks/{r.id}", json={"status": "pending"}) for r in rows[1::2]),
            *(api.delete(f"/api/claims/{r.id}") for r in rows),
            *([api.delete(f"/api/projects/{project.id}")] if number % 2 else []),
        )
        assert {reply.status_code for reply in replies} <= {200, 201, 204, 404}
