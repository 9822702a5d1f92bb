"""Four agents in one project, by nothing but their hooks: a file for one at a time, a message that
arrives, and an agent that dies. Two processes of a real server take the hooks in turn.
"""

from collections.abc import Iterator
from itertools import cycle
from typing import Any

import httpx
import pytest

from tests.serve.serving import Serving, several_servers

FOLDER = "/srv/shop"
FILE = f"{FOLDER}/src/forms.py"


class Agent:
    """A session's main agent; each of its hooks goes to the other server than the one before."""

    def __init__(self, servers: list[Serving], session_id: str) -> None:
        self.id = session_id
        self._servers = cycle(servers)
        self._calls = 0

    def hook(self, name: str, **fields: Any) -> dict[str, Any]:
        event = {"hook_event_name": name, "session_id": self.id, "cwd": FOLDER, **fields}
        reply = self.http.post("/api/hooks/claude-code", json=event)
        assert reply.status_code == 200, reply.text
        output: dict[str, Any] = reply.json().get("hookSpecificOutput", {})
        return output

    def edit(self, path: str = FILE) -> tuple[bool, str]:
        """Whether it could, and what the model is told."""
        self._calls += 1
        call = {"tool_name": "Edit", "tool_input": {"file_path": path}}
        call["tool_use_id"] = f"{self.id}-{self._calls}"
        before = self.hook("PreToolUse", **call)
        if before.get("permissionDecision") == "deny":
            return False, before["permissionDecisionReason"]
        return True, self.hook("PostToolUse", tool_response="ok", **call).get(
            "additionalContext", ""
        )

    def get(self, route: str, **query: Any) -> Any:
        reply = self.http.get(route, params=query)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def post(self, route: str, **body: Any) -> Any:
        reply = self.http.post(route, json=body)
        assert reply.status_code == 201, reply.text
        return reply.json()

    @property
    def http(self) -> httpx.Client:
        return next(self._servers).http

    @property
    def state(self) -> tuple[str, str]:
        agent = self.get(f"/api/agents/{self.id}")["agent"]
        return agent["state"], agent["reason"]


@pytest.fixture(scope="module")
def team() -> Iterator[list[Agent]]:
    with several_servers(2) as servers:
        agents = [Agent(servers, session_id) for session_id in ("mia", "ben", "ada", "tom")]
        for agent in agents:
            agent.hook("SessionStart", source="startup")
            agent.hook("UserPromptSubmit", prompt=f"Your part, {agent.id}")
        project = agents[0].get("/api/projects/by-path", path=FOLDER)["project"]
        route = f"/api/leases/mode/{project['id']}"
        agents[0].http.put(route, json={"mode": "enforce"}).raise_for_status()
        yield agents


def test_each_has_a_name_of_its_own_and_is_at_work(team: list[Agent]) -> None:
    known = {each["agent_id"]: each for each in team[0].get("/api/agents")["agents"]}

    assert len({known[agent.id]["name"] for agent in team}) == 4
    assert {known[agent.id]["state"] for agent in team} == {"working"}
    assert known["ben"]["current_request"]["prompt"] == "Your part, ben"


def test_a_file_is_one_agents_and_then_the_others(team: list[Agent]) -> None:
    mia, ben, *_ = team

    first, _ = mia.edit()
    denied, why = ben.edit()
    mia.hook("Stop")
    (lease,) = mia.get("/api/leases", agent_id="mia")["leases"]
    mia.http.request("DELETE", f"/api/leases/{lease['id']}").raise_for_status()
    after, _ = ben.edit()

    assert (first, denied, after) == (True, False, True)
    assert "src/forms.py is not free" in why
    assert "mia" in why


def test_a_busy_agent_gets_a_message_with_its_next_call_and_the_sender_sees_it(
    team: list[Agent],
) -> None:
    ada, ben = team[2], team[1]
    name = ada.get("/api/agents/ben")["agent"]["name"]
    sent = ada.post(
        "/api/messages",
        from_agent="ada",
        to=f"@{name}",
        topic="context.request",
        content="Keep the old field names, please.",
    )
    route = f"/api/deliveries/{sent['message']['id']}"
    states = [ada.get(route)["delivery"]["state"]]

    _, told = ben.edit()
    states.append(ada.get(route)["delivery"]["state"])
    _, again = ben.edit()
    states.append(ada.get(route)["delivery"]["state"])
    ben.post(
        "/api/messages",
        from_agent="ben",
        to="ada",
        topic="context.response",
        content="Kept.",
        in_reply_to=sent["message"]["id"],
    )
    states.append(ada.get(route)["delivery"]["state"])
    _, answer = ada.edit(f"{FOLDER}/src/views.py")

    assert states == ["queued", "injected", "seen", "acknowledged"]
    assert "Keep the old field names, please." in told
    assert again == ""
    assert "Kept." in answer
    assert f"in reply to {sent['message']['id']}" in answer


def test_what_a_dead_agent_held_is_free_and_its_mail_comes_back(team: list[Agent]) -> None:
    mia, _, _, tom = team
    path = f"{FOLDER}/src/urls.py"
    assert tom.edit(path)[0]
    denied, _ = mia.edit(path)
    sent = mia.post(
        "/api/messages", from_agent="mia", to="tom", topic="context.request", content="Done?"
    )

    tom.hook("SessionEnd", reason="other")
    taken, told = mia.edit(path)

    assert (denied, taken) == (False, True)
    assert tom.state == ("ended", "its session ended (other)")
    assert mia.get(f"/api/deliveries/{sent['message']['id']}")["delivery"]["state"] == "dead"
    assert "tom ended" in told


def test_the_work_of_an_agent_that_dies_is_claimed_by_another(team: list[Agent]) -> None:
    mia, ben, ada, _ = team
    project_id = mia.get("/api/projects/by-path", path=FOLDER)["project"]["id"]
    request = mia.post("/api/requests", project_id=project_id, session_id="plan", prompt="Checkout")
    task = mia.post("/api/tasks", request_id=request["request"]["id"])["task"]
    first = _subtask(mia, task, "Write the form")
    second = _subtask(mia, task, "Test the form", blocked_by=[first])

    held = ben.post("/api/claims", agent_id="ben", session_id="ben", project_id=project_id)
    nothing = _claim_nothing(ada, project_id)
    ben.hook("SessionEnd", reason="other")
    taken = ada.post("/api/claims", agent_id="ada", session_id="ada", project_id=project_id)
    ada.http.patch(f"/api/subtasks/{first}", json={"status": "completed"}).raise_for_status()
    following = mia.post("/api/claims", agent_id="mia", session_id="mia", project_id=project_id)

    assert held["subtask"]["id"] == taken["subtask"]["id"] == first
    assert [each["id"] for each in held["unblocks"]] == [second]
    assert nothing["claim"] is None
    assert taken["claim"]["token"] > held["claim"]["token"]
    assert following["subtask"]["id"] == second


def _subtask(agent: Agent, task: dict[str, Any], description: str, **fields: Any) -> str:
    body = {"task_id": task["id"], "description": description, **fields}
    return str(agent.post("/api/subtasks", **body)["subtask"]["id"])


def _claim_nothing(agent: Agent, project_id: str) -> Any:
    body = {"agent_id": agent.id, "session_id": agent.id, "project_id": project_id}
    reply = agent.http.post("/api/claims", json=body)
    assert reply.status_code == 200, reply.text
    return reply.json()
