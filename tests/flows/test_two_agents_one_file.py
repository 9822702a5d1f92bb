"""Two agents want one file: the second is told who has it, hears of its release, and goes on."""

from typing import Any

from tests.conftest import Api, Listen

FILE = "/srv/shop/src/api/forms.py"


async def test_the_second_gets_it_after_the_first(api: Api, listen: Listen) -> None:
    async def hook(session_id: str, name: str, **fields: Any) -> dict[str, Any]:
        event = {"hook_event_name": name, "session_id": session_id, "cwd": "/srv/shop", **fields}
        reply = await api.post("/api/hooks/claude-code", json=event)
        told: dict[str, Any] = reply.json()
        return told

    async def edit(session_id: str) -> dict[str, Any]:
        asked = {"tool_name": "Edit", "tool_input": {"file_path": FILE}, "tool_use_id": session_id}
        told = await hook(session_id, "PreToolUse", **asked)
        output: dict[str, Any] = told.get("hookSpecificOutput", {})
        if output.get("permissionDecision") != "deny":
            await hook(session_id, "PostToolUse", tool_response="ok", **asked)
        return output

    for session_id in ("mia", "ben"):
        await hook(session_id, "SessionStart", source="startup")
    project = (await api.get("/api/projects/by-path?path=/srv/shop")).json()["project"]
    await api.put(f"/api/leases/mode/{project['id']}", json={"mode": "enforce"})
    socket = await listen("global")

    # Mia reserves the folder; Ben's edit in it is refused, and he is told why.
    wish = {"agent_id": "mia", "session_id": "mia", "patterns": ["src/api/**"]}
    reply = await api.post(
        "/api/leases", json={"project_id": project["id"], "reason": "moves the forms", **wish}
    )
    (lease,) = reply.json()["leases"]
    assert await edit("mia") == {}
    denied = await edit("ben")
    assert denied["permissionDecision"] == "deny"
    assert denied["permissionDecisionReason"] == (
        "src/api/forms.py is not free: src/api/** is leased to mia until"
        f" {lease['expires_at']}: moves the forms. It is free once that lease is released or over."
    )

    # She is done, and everyone hears of it.
    await hook("mia", "SessionEnd", reason="other")
    while (event := await socket.next_event())["event"] != "lease.released":
        pass
    assert event["data"]["id"] == lease["id"]

    assert await edit("ben") == {}
    (held,) = (await api.get("/api/leases")).json()["leases"]
    assert (held["agent_id"], held["pattern"]) == ("ben", "src/api/forms.py")
    assert held["token"] > lease["token"]
    for session_id in ("mia", "ben"):
        assert (await api.get(f"/api/actions?session_id={session_id}")).json()["count"] == 1
