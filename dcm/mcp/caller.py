"""Who calls, as far as the address of the endpoint says.

`/mcp?agent_id=backend&session_id=shop&tools=default`: a call may name another agent or session.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dcm.lib.api import Query
from dcm.lib.errors import DomainError
from projects.models import Project
from projects.selectors import project_by_path
from projects.services.projects import ProjectNotFound, tidy_path
from sessions_app.briefs.gather import resolve_session
from sessions_app.selectors import project_of_session
from sessions_app.services.coordinator import DEFAULT_SESSION


class NoAgent(DomainError):
    message = "Say who you are: give agent_id, or add ?agent_id=<your id> to this server's URL"


class NoProject(DomainError):
    message = "Say which project: give its path as project"


@dataclass(frozen=True)
class Caller:
    """agent_id, session_id: of the address, null when it names none. tools: as it was asked for."""

    agent_id: str | None = None
    session_id: str | None = None
    tools: str | None = None

    @classmethod
    def read(cls, parameters: Mapping[str, Any]) -> "Caller":
        """Raises InvalidQuery."""
        query = Query(parameters)
        return cls(
            agent_id=query.text("agent_id", "agent"),
            session_id=query.text("session_id", "session"),
            tools=query.text("tools"),
        )

    def agent(self, named: str | None) -> str:
        """The agent that a call is by. Raises NoAgent."""
        agent_id = named or self.agent_id
        if agent_id is None:
            raise NoAgent
        return agent_id

    def session(self, named: str | None = None) -> str:
        """The session that a call is about, by default the one in which all meet."""
        return named or self.session_id or DEFAULT_SESSION

    def working_session(self, agent_id: str, named: str | None = None) -> str:
        """The same for a brief: before the common session comes that of the agent's open work."""
        return named or self.session_id or resolve_session(agent_id) or DEFAULT_SESSION

    def project(self, path: str | None, agent_id: str, session_id: str | None = None) -> Project:
        """The project of this path, else that of the session in which the agent works.

        Raises ProjectNotFound, NoProject.
        """
        if path is not None:
            named = project_by_path(tidy_path(path))
            if named is None:
                raise ProjectNotFound(f"Project not found: {path}")
            return named
        found = project_of_session(self.working_session(agent_id, session_id))
        if found is None:
            raise NoProject
        return found
