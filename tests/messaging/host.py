"""An agent host, as far as its hooks go."""

from typing import Any

from tests.conftest import Api

HOOKS = "/api/hooks/claude-code"


class Host:
    """One session. Its main agent, or the subagent that `agent_id` names."""

    def __init__(self, api: Api, session_id: str = "run-1", cwd: str = "/srv/shop") -> None:
        self.api = api
        self.session_id = session_id
        self.cwd = cwd
        self._calls = 0

    async def hook(self, name: str, **fields: Any) -> dict[str, Any]:
        event = {"hook_event_name": name, "session_id": self.session_id, "cwd": self.cwd}
        reply = await self.api.post(HOOKS, json=event | fields)
        assert reply.status_code == 200, reply.text
        output: dict[str, Any] = reply.json().get("hookSpecificOutput", {})
        assert output.get("hookEventName", name) == name
        return output

    async def told(self, name: str, **fields: Any) -> str:
        """What is put before the agent."""
        return str((await self.hook(name, **fields)).get("additionalContext", ""))

    async def call(self, tool_name: str = "Bash", **fields: Any) -> str:
        """A tool call from its begin to its end, and what is put before the agent by that."""
        self._calls += 1
        call = {"tool_name": tool_name, "tool_use_id": f"{self.session_id}-{self._calls}"}
        await self.hook("PreToolUse", tool_input={}, **call, **fields)
        return await self.told("PostToolUse", tool_input={}, tool_response="", **call, **fields)

    async def agent(self, agent_id: str | None = None) -> dict[str, Any]:
        reply = await self.api.get(f"/api/agents/{agent_id or self.session_id}")
        agent: dict[str, Any] = reply.json()["agent"]
        return agent


async def send(api: Api, **message: Any) -> dict[str, Any]:
    body = {"from_agent": "lead", "topic": "context.request", "content": "Where is it?"}
    reply = await api.post("/api/messages", json=body | message)
    assert reply.status_code == 201, reply.text
    sent: dict[str, Any] = reply.json()
    return sent


async def state(api: Api, sent: dict[str, Any]) -> str:
    reply = await api.get(f"/api/deliveries/{sent['message']['id']}")
    found: str = reply.json()["delivery"]["state"]
    return found
