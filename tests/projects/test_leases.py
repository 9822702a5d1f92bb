"""Leases on paths: who gets one, who is told why not, and how they end. Decision 0014."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from dcm.lib.threads import in_thread
from projects.models import Lease, LeaseBook
from projects.pruning import ENDED_LEASES
from projects.services.lease_book import MOST_LEASES
from projects.services.leases import expire_leases, take_leases
from realtime.models import LoggedEvent
from tests.conftest import Api
from tests.factories import make_lease, make_project

ROUNDS = 200
AGENTS = 50


async def new_project(api: Api, path: str = "/srv/shop") -> str:
    made = await api.post("/api/projects", json={"path": path})
    return str(made.json()["project"]["id"])


async def take(api: Api, project_id: str, agent_id: str, *patterns: str, **more: Any) -> Any:
    body = {"project_id": project_id, "agent_id": agent_id, "patterns": patterns, **more}
    return await api.post("/api/leases", json=body)


async def test_a_lease_keeps_others_out_and_tells_them_why(api: Api) -> None:
    project_id = await new_project(api)

    held = await take(api, project_id, "ag-1", "src/api/**", reason="moves the forms")
    refused = await take(api, project_id, "ag-2", "docs", "src/*/forms.py")

    (lease,) = held.json()["leases"]
    assert (held.status_code, refused.status_code) == (201, 409)
    body = refused.json()
    assert body["error"] == "Leased to another agent"
    assert body["message"] == (
        f"src/api/** is leased to ag-1 until {lease['expires_at']}: moves the forms"
    )
    (told,) = body["conflicts"]
    assert told.items() <= lease.items()
    # All or none: nobody holds docs now.
    assert (await take(api, project_id, "ag-3", "docs")).status_code == 201


async def test_shared_leases_keep_out_only_who_wants_it_alone(api: Api) -> None:
    project_id = await new_project(api)

    first = await take(api, project_id, "ag-1", "src", is_shared=True)
    second = await take(api, project_id, "ag-2", "src/**", is_shared=True)
    alone = await take(api, project_id, "ag-3", "src/a.py")

    assert [each.status_code for each in (first, second, alone)] == [201, 201, 409]
    assert [each["agent_id"] for each in alone.json()["conflicts"]] != []


async def test_a_subagent_works_under_the_lease_of_its_main_agent(api: Api) -> None:
    project_id = await new_project(api)
    await take(api, project_id, "run-1", "src")

    subagent = await take(api, project_id, "sub-1", "src/a.py", session_id="run-1")
    sibling = await take(api, project_id, "sub-2", "src/a.py", session_id="run-1")

    assert (subagent.status_code, sibling.status_code) == (201, 409)


async def test_taking_again_replaces_and_tokens_grow(api: Api) -> None:
    project_id = await new_project(api)

    tokens = [
        (await take(api, project_id, "ag-1", "src", "src/**", "./SRC/")).json()["leases"][0][
            "token"
        ]
        for _ in range(3)
    ]

    assert tokens == sorted(set(tokens))
    assert (await api.get("/api/leases")).json()["count"] == 1


async def test_only_the_holder_renews_and_only_what_is_not_over(api: Api) -> None:
    lease = await in_thread(make_lease, agent_id="ag-1")
    over = await in_thread(make_lease, agent_id="ag-1", expires_at=timezone.now())

    async def renew(of: Lease, agent_id: str, **more: Any) -> int:
        body = {"agent_id": agent_id, **more}
        return (await api.patch(f"/api/leases/{of.id}", json=body)).status_code

    assert await renew(lease, "ag-1", ttl_seconds=86400) == 200
    assert await renew(lease, "ag-2") == 403
    assert await renew(over, "ag-1") == 404


async def test_a_lease_is_given_back_once_by_its_holder_or_anyone(api: Api) -> None:
    lease, other = await in_thread(make_lease), await in_thread(make_lease)

    stolen = await api.delete(f"/api/leases/{lease.id}?agent_id=ag-9")
    given = await api.delete(f"/api/leases/{lease.id}?agent_id=ag-1")
    again = await api.delete(f"/api/leases/{lease.id}")

    assert [each.status_code for each in (stolen, given, again)] == [403, 200, 404]
    assert [row["id"] for row in (await api.get("/api/leases")).json()["leases"]] == [str(other.id)]


@pytest.mark.parametrize(
    "pattern", ["**", "*", ".", "./", "/srv/shop", "/srv/shop/", "**/*", "*/**"]
)
async def test_what_names_everything_meets_everything(api: Api, pattern: str) -> None:
    project_id = await new_project(api)
    await take(api, project_id, "ag-1", "src/deep/down/a.py")

    refused = await take(api, project_id, "ag-2", pattern)
    own = await take(api, project_id, "ag-1", pattern)
    after = await take(api, project_id, "ag-2", "another/b.py")

    assert [each.status_code for each in (refused, own, after)] == [409, 201, 409]


@pytest.mark.parametrize("ttl_seconds", [0, -1, 86_401, 31_536_000, 1.5, "60"])
async def test_a_lease_is_renewed_for_a_day_at_most(api: Api, ttl_seconds: Any) -> None:
    lease = await in_thread(make_lease)
    body = {"agent_id": "ag-1", "ttl_seconds": ttl_seconds}

    refused = await api.patch(f"/api/leases/{lease.id}", json=body)

    assert refused.status_code == 400
    assert set(refused.json()["details"]) == {"ttl_seconds"}


@pytest.mark.parametrize(
    "bad",
    [
        {"patterns": []},
        {"patterns": ["../x"]},
        {"patterns": ["/etc/passwd"]},
        {"patterns": ["D:\\x"]},
        {"patterns": ["a\0b"]},
        {"patterns": ["x" * 500_000]},
        {"patterns": ["x"] * 51},
        {"patterns": "src"},
        {"patterns": ["x", 1]},
        {"ttl_seconds": 0},
        {"ttl_seconds": -1},
        {"ttl_seconds": 31_536_000},
        {"ttl_seconds": "60"},
        {"agent_id": "x" * 513},
        {"project_id": "x"},
    ],
)
async def test_what_cannot_be_leased_is_refused(api: Api, bad: dict[str, Any]) -> None:
    good = {"project_id": await new_project(api), "agent_id": "ag-1", "patterns": ["src"]}

    refused = await api.post("/api/leases", json=good | bad)

    assert refused.status_code == 400
    assert "error" in refused.json()


async def test_nothing_is_leased_in_a_project_that_there_is_not(api: Api) -> None:
    nowhere = "0b7c9f7e-5a54-4a53-9a0e-0c6f5f9d1b11"

    taken = await take(api, nowhere, "ag-1", "src")
    mode = await api.put(f"/api/leases/mode/{nowhere}", json={"mode": "off"})

    assert (taken.status_code, mode.status_code) == (404, 404)


async def test_a_project_goes_with_its_leases(api: Api) -> None:
    project_id = await new_project(api)
    await take(api, project_id, "ag-1", "**")

    await api.delete(f"/api/projects/{project_id}")

    assert not await in_thread(Lease.objects.exists)
    assert not await in_thread(LeaseBook.objects.exists)


async def test_what_is_over_is_swept_and_announced(api: Api) -> None:
    project = await in_thread(make_project)
    over = await in_thread(make_lease, project=project, expires_at=timezone.now())
    await in_thread(make_lease, project=project)

    def sweep() -> tuple[int, int, list[str]]:
        swept = expire_leases()
        said = LoggedEvent.objects.filter(type="lease.expired", data__id=str(over.id))
        return swept, ENDED_LEASES.count(), [*said.values_list("data__agent_id", flat=True)]

    assert await in_thread(sweep) == (1, 0, ["ag-1"])


async def test_what_is_over_but_not_swept_keeps_nobody_out(api: Api) -> None:
    project = await in_thread(make_project)
    over = await in_thread(make_lease, project=project, expires_at=timezone.now())

    taken = await take(api, str(project.id), "ag-2", "src/a.py")

    assert taken.status_code == 201
    assert not await in_thread(Lease.objects.filter(id=over.id).exists)


async def test_a_project_has_so_many_leases_at_most_and_stays_quick(api: Api) -> None:
    project = await in_thread(make_project)
    await in_thread(fill, str(project.id), MOST_LEASES - 1)

    last = await take(api, str(project.id), "ag-2", "other/a.py")
    refused = await take(api, str(project.id), "ag-2", "other/b.py")
    everything = await take(api, str(project.id), "ag-2", "**")

    assert [each.status_code for each in (last, refused, everything)] == [201, 429, 409]
    assert len(everything.json()["conflicts"]) == 10


async def test_what_ended_makes_room(api: Api) -> None:
    project = await in_thread(make_project)
    await in_thread(fill, str(project.id), MOST_LEASES)
    full = await take(api, str(project.id), "ag-2", "other")
    await in_thread(Lease.objects.all().delete)

    again = [await take(api, str(project.id), "ag-2", f"other/{n}") for n in range(3)]

    assert (full.status_code, {each.status_code for each in again}) == (429, {201})


def fill(project_id: str, number: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO projects_lease (id, project_id, agent_id, pattern, key, stem, likeness,"
            " is_shared, is_implicit, token, expires_at) SELECT gen_random_uuid(), %s, 'ag-1',"
            " path, path, path, path || '/%%', false, true, 0, now() + interval '1 hour'"
            " FROM generate_series(1, %s) n, LATERAL (SELECT 'src/' || n || '.py' AS path) p",
            [project_id, number],
        )


async def check(api: Api, project_id: str, *paths: str, **more: Any) -> Any:
    body = {"project_id": project_id, "agent_id": "ag-1", "paths": paths, **more}
    return await api.post("/api/leases/check", json=body)


async def test_files_are_checked_without_a_take(api: Api) -> None:
    project_id = await new_project(api)
    await take(api, project_id, "ag-2", "src/**", reason="moves it")
    await take(api, project_id, "ag-1", "docs")
    await take(api, project_id, "run-1", "lib")
    paths = ["src/a.py", "/srv/shop/SRC/b.py", "docs/a.md", "other", "/etc/hosts", "../x"]

    told = (await check(api, project_id, *paths, "lib/a.py", session_id="run-1")).json()

    assert told["mode"] == "warn"
    found = [(each["path"], each["lease"]["reason"]) for each in told["conflicts"]]
    assert found == [("src/a.py", "moves it"), ("/srv/shop/SRC/b.py", "moves it")]
    assert (await api.get("/api/leases")).json()["count"] == 3


async def test_a_check_of_many_files_among_many_leases_takes_a_moment(api: Api) -> None:
    project = await in_thread(make_project)
    await in_thread(fill, str(project.id), MOST_LEASES)

    paths = [f"src/{n}.py" for n in range(9_501, 10_501)]
    told = await check(api, str(project.id), *paths, agent_id="ag-2")

    assert len(told.json()["conflicts"]) == 500


@pytest.mark.parametrize(
    "bad",
    [
        {"paths": "a"},
        {"paths": [1]},
        {"paths": ["a\0"]},
        {"paths": [""]},
        {"paths": ["x" * 4097]},
        {"paths": ["x"] * 1001},
        {"agent_id": ""},
        {"project_id": "x"},
    ],
)
async def test_a_check_that_cannot_be_meant_is_refused(api: Api, bad: dict[str, Any]) -> None:
    good = {"project_id": await new_project(api), "agent_id": "ag-1", "paths": []}

    refused = await api.post("/api/leases/check", json=good | bad)

    assert refused.status_code == 400
    assert set(refused.json()["details"]) == set(bad)


async def test_of_fifty_who_want_one_path_one_gets_it(api: Api) -> None:
    project_id = await new_project(api)
    wishes = ["src", "src/**", "src/a.py", "**/a.py", "src/*.py"]

    for _ in range(3):
        replies = await asyncio.gather(
            *(take(api, project_id, f"ag-{n}", wishes[n % 5]) for n in range(AGENTS))
        )
        won = [reply.json()["leases"][0] for reply in replies if reply.status_code == 201]
        assert len(won) == 1
        assert {reply.status_code for reply in replies} == {201, 409}
        await api.delete(f"/api/leases/{won[0]['id']}")


async def test_rounds_of_takers_leave_one_holder_and_never_a_lock(api: Api) -> None:
    """Takers of several paths in opposite orders, while leases end and are swept."""
    project = await in_thread(make_project)
    pairs = [("src/a", "src/b"), ("src/b", "src/a"), ("src/*",), ("src/b/c", "src/a/c")]

    async def one_round(number: int) -> int:
        await in_thread(end_all, project.id, number)
        takers = [take(api, str(project.id), f"ag-{number}-{n}", *pairs[n % 4]) for n in range(8)]
        *replies, _ = await asyncio.gather(*takers, in_thread(expire_leases))
        assert {reply.status_code for reply in replies} <= {201, 409}
        return sum(reply.status_code == 201 for reply in replies)

    assert [await one_round(number) for number in range(ROUNDS)] == [1] * ROUNDS


def end_all(project_id: Any, number: int) -> None:
    """By deletion or by letting their time pass, in turns."""
    leases = Lease.objects.filter(project_id=project_id)
    if number % 2:
        leases.delete()
    else:
        leases.update(expires_at=timezone.now() - timedelta(seconds=1))


async def test_a_take_and_the_end_of_its_project_do_not_lock_each_other(api: Api) -> None:
    for _ in range(10):
        project_id = await new_project(api)
        takes = [take(api, project_id, f"ag-{n}", f"src/{n}") for n in range(6)]
        *replies, gone = await asyncio.gather(*takes, api.delete(f"/api/projects/{project_id}"))
        assert gone.status_code == 204
        assert {reply.status_code for reply in replies} <= {201, 404}


def test_a_reason_keeps_no_secret(database: None) -> None:
    (lease,) = take_leases(
        project_id=make_project().id,
        agent_id="ag-1",
        patterns=["src"],
        reason="token ghp_" + 36 * "a",
    )

    assert lease.reason is not None
    assert "ghp_" not in lease.reason
