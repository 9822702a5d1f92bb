"""Edits of files that another agent leased, as agent hosts ask before them. Decision 0014."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from dcm.lib.threads import in_thread
from projects.models import Lease
from realtime.models import LoggedEvent
from sessions_app.models import ToolStart
from tests.conftest import Api

HOOKS = "/api/hooks/claude-code"
FILE = "/srv/shop/src/forms.py"


async def hook(api: Api, name: str, session_id: str = "run-1", **fields: Any) -> dict[str, Any]:
    event = {"hook_event_name": name, "session_id": session_id, "cwd": "/srv/shop", **fields}
    reply = await api.post(HOOKS, json=event)
    assert reply.status_code == 200, reply.text
    told: dict[str, Any] = reply.json()
    return told


async def edit(api: Api, session_id: str, path: str = FILE, **fields: Any) -> dict[str, Any]:
    """What the host reads before an edit, {} for no opinion."""
    fields = {"tool_name": "Edit", "tool_input": {"file_path": path}} | fields
    told = await hook(api, "PreToolUse", session_id, **fields)
    output: dict[str, Any] = told.get("hookSpecificOutput", {})
    return output


async def begin(api: Api, mode: str | None = "enforce") -> str:
    """Two sessions in one project of this mode."""
    for session_id in ("run-1", "run-2"):
        await hook(api, "SessionStart", session_id, source="startup")
    project = (await api.get("/api/projects/by-path?path=/srv/shop")).json()["project"]
    if mode is not None:
        await api.put(f"/api/leases/mode/{project['id']}", json={"mode": mode})
    return str(project["id"])


async def holders(api: Api) -> dict[str, str]:
    leases = (await api.get("/api/leases")).json()["leases"]
    return {lease["agent_id"]: lease["pattern"] for lease in leases}


async def test_an_edit_takes_the_file_once_and_for_a_short_time(api: Api) -> None:
    project_id = await begin(api)

    for _ in range(3):
        assert await edit(api, "run-1") == {}

    (lease,) = (await api.get(f"/api/leases?project_id={project_id}")).json()["leases"]
    assert (lease["agent_id"], lease["pattern"], lease["is_implicit"]) == (
        "run-1",
        "src/forms.py",
        True,
    )
    taken = LoggedEvent.objects.filter(type="lease.taken", data__id=lease["id"])
    assert await in_thread(taken.count) == 1


@pytest.mark.parametrize("tool", ["Edit", "Write", "MultiEdit", "NotebookEdit"])
async def test_every_tool_that_writes_a_file_is_kept_out(api: Api, tool: str) -> None:
    await begin(api)
    await edit(api, "run-1")

    field = "notebook_path" if tool == "NotebookEdit" else "file_path"
    told = await edit(api, "run-2", tool_name=tool, tool_input={field: FILE})

    assert told["hookEventName"] == "PreToolUse"
    assert told["permissionDecision"] == "deny"
    assert "run-1" in told["permissionDecisionReason"]


async def test_a_denied_call_has_not_begun(api: Api) -> None:
    await begin(api)
    await edit(api, "run-1")

    await edit(api, "run-2", tool_use_id="toolu_9")

    assert not await in_thread(ToolStart.objects.filter(tool_use_id="toolu_9").exists)


@pytest.mark.parametrize("mode", [None, "warn"])
async def test_by_default_an_edit_passes_with_a_hint(api: Api, mode: str | None) -> None:
    await begin(api, mode)
    await edit(api, "run-1")

    told = await edit(api, "run-2")

    assert set(told) == {"hookEventName", "additionalContext"}
    assert "src/forms.py is leased to run-1 until 2" in told["additionalContext"]
    assert await holders(api) == {"run-1": "src/forms.py"}


async def test_where_leases_are_off_edits_take_none_and_meet_none(api: Api) -> None:
    project_id = await begin(api, "off")
    body = {"project_id": project_id, "agent_id": "lead", "patterns": ["**"]}
    await api.post("/api/leases", json=body)

    assert await edit(api, "run-1") == {}
    assert await holders(api) == {"lead": "**"}


@pytest.mark.parametrize("name", ['a"b.py', "a{b},c.py", "a%_.py", "a'$1.py", "NULL", "é\u0301 \n"])
async def test_files_of_any_name_are_held(api: Api, name: str) -> None:
    await begin(api)

    assert await edit(api, "run-1", f"/srv/shop/{name}/{name}") == {}
    assert await edit(api, "run-1", f"/srv/shop/{name}/{name}") == {}
    told = await edit(api, "run-2", f"/srv/shop/{name}/{name}")

    assert told["permissionDecision"] == "deny"
    assert len(await holders(api)) == 1


async def test_reading_is_free(api: Api) -> None:
    await begin(api)
    await edit(api, "run-1")

    assert await edit(api, "run-2", tool_name="Read") == {}


@pytest.mark.parametrize(
    "path", ["src/forms.py", "./src/../src/forms.py", "SRC/Forms.py", "\\srv\\shop\\src\\forms.py"]
)
async def test_one_file_has_many_names(api: Api, path: str) -> None:
    await begin(api)
    await edit(api, "run-1")

    assert (await edit(api, "run-2", path))["permissionDecision"] == "deny"


@pytest.mark.parametrize(
    "path", ["/etc/hosts", "../other/a.py", "C:\\a.py", "x" * 5_000, "/srv/shop", 7, None]
)
async def test_files_elsewhere_and_no_files_at_all_are_nobodys(api: Api, path: Any) -> None:
    await begin(api)

    assert await edit(api, "run-1", tool_input={"file_path": path}) == {}
    assert await edit(api, "run-2", tool_input={"file_path": path}) == {}


async def test_leases_on_names_anywhere_keep_out_of_those_only(api: Api) -> None:
    project_id = await begin(api)
    wish = {"project_id": project_id, "agent_id": "run-1", "patterns": ["**/test_*.py"]}
    taken = await api.post("/api/leases", json=wish)

    assert await edit(api, "run-2") == {}
    assert (await edit(api, "run-2", "src/test_forms.py"))["permissionDecision"] == "deny"
    # Nor does the edit keep out of what it does not touch.
    await api.delete(f"/api/leases/{taken.json()['leases'][0]['id']}")
    assert (await api.post("/api/leases", json=wish)).status_code == 201


async def test_subagents_of_one_session_keep_each_other_out(api: Api) -> None:
    project_id = await begin(api)
    body = {"project_id": project_id, "agent_id": "run-1", "patterns": ["src"]}
    await api.post("/api/leases", json=body)

    first = await edit(api, "run-1", agent_id="a")
    second = await edit(api, "run-1", agent_id="b")
    await hook(api, "SubagentStop", "run-1", agent_id="a")
    again = await edit(api, "run-1", agent_id="b")

    assert (first, again) == ({}, {})
    assert second["permissionDecision"] == "deny"


async def test_who_shares_a_lease_may_edit_and_others_may_not(api: Api) -> None:
    project_id = await begin(api)
    for session_id in ("run-1", "run-2"):
        body = {"project_id": project_id, "agent_id": session_id, "patterns": ["src"]}
        await api.post("/api/leases", json=body | {"is_shared": True})

    assert await edit(api, "run-1") == {}
    assert await edit(api, "run-2") == {}
    assert (await edit(api, "run-3"))["permissionDecision"] == "deny"


async def test_a_session_that_ends_gives_all_back(api: Api) -> None:
    await begin(api)
    await edit(api, "run-1")
    await edit(api, "run-1", "/srv/shop/a.py", agent_id="sub-1")
    await edit(api, "run-2", "/srv/shop/b.py")

    await hook(api, "SessionEnd", "run-1", reason="other")

    assert await holders(api) == {"run-2": "b.py"}
    released = LoggedEvent.objects.filter(type="lease.released", data__session_id="run-1")
    assert await in_thread(released.count) >= 2


@pytest.mark.parametrize("name", ["PostToolUse", "PreToolUse", "Notification", "UserPromptSubmit"])
async def test_any_hook_of_an_agent_keeps_its_files(api: Api, name: str) -> None:
    await begin(api)
    await edit(api, "run-1")
    await in_thread(end_in, 20)

    await hook(api, name, "run-2", tool_name="Bash")
    left_alone = await in_thread(seconds_left)
    await hook(api, name, "run-1", tool_name="Bash")

    assert left_alone <= 20
    assert await in_thread(seconds_left) > 240


async def test_a_host_that_never_says_goodbye_loses_its_files(api: Api) -> None:
    await begin(api)
    await edit(api, "run-1")
    await in_thread(end_in, 0)

    assert await edit(api, "run-2") == {}
    assert await holders(api) == {"run-2": "src/forms.py"}


async def test_an_edit_that_is_told_late_takes_nothing(api: Api) -> None:
    await begin(api)
    hour_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()

    assert await edit(api, "run-1", timestamp=hour_ago) == {}
    assert await holders(api) == {}


async def test_a_host_whose_clock_is_an_hour_ahead_holds_no_longer(api: Api) -> None:
    await begin(api)
    ahead = (datetime.now(UTC) + timedelta(hours=1)).isoformat()

    assert await edit(api, "run-1", timestamp=ahead) == {}

    assert 240 < await in_thread(seconds_left) <= 300
    assert (await edit(api, "run-2", timestamp=ahead))["permissionDecision"] == "deny"


async def test_files_on_other_drives_are_nobodys_and_its_own_are_found(api: Api) -> None:
    windows = {"cwd": "C:\\work\\shop"}
    for session_id in ("win-1", "win-2"):
        await hook(api, "SessionStart", session_id, source="startup", **windows)

    assert await edit(api, "win-1", "D:\\work\\shop\\a.py", **windows) == {}
    assert await holders(api) == {}
    assert await edit(api, "win-1", "c:/Work/Shop/src/a.py", **windows) == {}
    assert "additionalContext" in await edit(api, "win-2", "SRC\\A.py", **windows)
    assert await holders(api) == {"win-1": "src/a.py"}


async def test_an_edit_before_anything_else_of_a_session_counts(api: Api) -> None:
    await edit(api, "new-1")

    assert "additionalContext" in await edit(api, "new-2")


async def test_of_fifty_agents_one_may_edit(api: Api) -> None:
    await begin(api)

    for path in ("a.py", "b.py", "c.py"):
        told = await asyncio.gather(*(edit(api, f"run-{n}", path) for n in range(50)))
        assert sum(each == {} for each in told) == 1


async def test_edits_of_many_agents_while_sessions_end_never_fail(api: Api) -> None:
    await begin(api)

    async def work(n: int) -> None:
        for step in range(8):
            await edit(api, f"run-{n % 5}", f"src/{(n + step) % 4}.py", agent_id=f"sub-{n}")
            await hook(api, "SubagentStop", f"run-{n % 5}", agent_id=f"sub-{n}")
        await hook(api, "SessionEnd", f"run-{n % 5}", reason="other")

    await asyncio.gather(*(work(n) for n in range(20)))

    assert await holders(api) == {}


def end_in(seconds: int) -> None:
    Lease.objects.update(expires_at=timezone.now() + timedelta(seconds=seconds))


def seconds_left() -> float:
    return (Lease.objects.get().expires_at - timezone.now()).total_seconds()
