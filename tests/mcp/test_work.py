"""The toolset `work`: claims and leases through the official client."""

from dcm.lib.threads import in_thread
from tests.conftest import Api
from tests.factories import make_project, make_request, make_subtask, make_task
from tests.mcp.calls import call, refusal
from tests.mcp.conftest import Connect

WORK = "&tools=default,work"


async def test_work_is_claimed_and_finished(connect: Connect, session: str) -> None:
    request = await in_thread(make_request, session_id=session, prompt="Add a checkout")
    task = await in_thread(make_task, request=request)
    first = await in_thread(make_subtask, task=task, description="The form")
    await in_thread(make_subtask, task=task, description="Its test", blocked_by=[first.id])
    await in_thread(make_subtask, description="Of another project")

    async with connect("api", WORK) as api, connect("web", WORK) as web:
        got = await call(api, "claim_next")
        none = await call(web, "claim_next")
        await call(
            api, "report_progress", summary="Done", status="completed", subtask_id=str(first.id)
        )
        freed = await call(web, "claim_next")
        back = await call(web, "give_back", subtask_id=freed["subtask"]["id"])
        refused = await refusal(web, "give_back", subtask_id=freed["subtask"]["id"])

    assert (got["subtask"]["id"], got["subtask"]["request"]) == (str(first.id), "Add a checkout")
    assert got["unblocks"] == ["Its test"]
    assert (none["subtask"], none["waiting"]) == (None, 1)
    assert freed["subtask"]["description"] == "Its test"
    assert back == {"subtask_id": freed["subtask"]["id"]}
    assert refused == "Claim not found"


async def test_paths_are_reserved_listed_and_released(connect: Connect, session: str) -> None:
    project = await in_thread(make_project)
    await in_thread(make_request, project=project, session_id=session)

    async with connect("api", WORK) as api, connect("web", WORK) as web:
        taken = await call(api, "reserve", paths=["src/api/**", "docs/api.md"], reason="moves it")
        refused = await refusal(web, "reserve", paths=["src/api/forms.py"])
        listed = await call(web, "leases", project=f"{project.path}/")
        some = await call(api, "release", paths=["docs/api.md"])
        rest = await call(api, "release")
        free = await call(web, "reserve", paths=["src"], shared=True, ttl_seconds=60)

    assert [lease["path"] for lease in taken["leases"]] == ["src/api/**", "docs/api.md"]
    assert "src/api/** is leased to api until" in refused
    assert "moves it" in refused
    assert {lease["by"] for lease in listed["leases"]} == {"api"}
    assert (some["released"], rest["released"]) == (["docs/api.md"], ["src/api/**"])
    assert free["leases"][0]["shared"] is True


async def test_a_call_that_names_no_project_is_told_how(api: Api, connect: Connect) -> None:
    async with connect("api", WORK) as client:
        nowhere = await refusal(client, "reserve", paths=["src"])
        unknown = await refusal(client, "leases", project="/nowhere")
        outside = await refusal(client, "release", project="/nowhere", paths=["../x"])

    assert "give its path as project" in nowhere
    assert unknown == outside == "Project not found: /nowhere"
