"""Projects, their requests, and who is at work."""

from dcm_client.calls import Call, Listing, given, listing, path, route
from dcm_client.results import (
    ActiveAgent,
    Hierarchy,
    Json,
    Project,
    SeenAgent,
    UserRequest,
)
from dcm_client.routes.forms import delete, get, listed, patch, post


class ProjectRoutes:
    @route
    def create_project(
        self, project_path: str, name: str | None = None, metadata: Json | None = None
    ) -> Call[Project]:
        """Or update the one of this path."""
        body = given(path=project_path, name=name, metadata=metadata)
        return post("/api/projects", Project, "project", **body)

    @route
    def get_project(self, project_id: str) -> Call[Project]:
        return get(path("projects", project_id), Project, "project")

    @route
    def get_project_by_path(self, project_path: str) -> Call[Project]:
        return get("/api/projects/by-path", Project, "project", path=project_path)

    @listing
    def list_projects(self, *, limit: int | None = None) -> Listing[Project]:
        """Newest change first."""
        return listed("/api/projects", "projects", Project, limit)

    @route
    def delete_project(self, project_id: str) -> Call[None]:
        return delete(path("projects", project_id))

    @route
    def get_hierarchy(self, project_id: str) -> Call[Hierarchy]:
        return get(path("hierarchy", project_id), Hierarchy)

    @route
    def get_active_agents(self) -> Call[list[ActiveAgent]]:
        return get("/api/active-sessions", list[ActiveAgent], "active_agents")

    @route
    def get_agents(self) -> Call[list[SeenAgent]]:
        """Those that are connected first."""
        return get("/api/agents", list[SeenAgent], "agents")

    @route
    def get_agent(self, agent_id: str) -> Call[SeenAgent]:
        return get(path("agents", agent_id), SeenAgent, "agent")

    @route
    def create_request(
        self,
        session_id: str,
        prompt: str,
        project_id: str,
        *,
        prompt_type: str | None = None,
        status: str | None = None,
        metadata: Json | None = None,
    ) -> Call[UserRequest]:
        return post(
            "/api/requests",
            UserRequest,
            "request",
            session_id=session_id,
            prompt=prompt,
            project_id=project_id,
            prompt_type=prompt_type,
            status=status,
            metadata=metadata,
        )

    @route
    def get_request(self, request_id: str) -> Call[UserRequest]:
        return get(path("requests", request_id), UserRequest, "request")

    @listing
    def list_requests(
        self,
        *,
        project_id: str | None = None,
        session_id: str | None = None,
        status: str | None = None,
        limit: int | None = None,
    ) -> Listing[UserRequest]:
        query = given(project_id=project_id, session_id=session_id, status=status)
        return listed("/api/requests", "requests", UserRequest, limit, **query)

    @route
    def update_request(
        self, request_id: str, *, status: str | None = None, metadata: Json | None = None
    ) -> Call[UserRequest]:
        body = given(status=status, metadata=metadata)
        return patch(path("requests", request_id), UserRequest, "request", **body)

    @route
    def delete_request(self, request_id: str) -> Call[None]:
        return delete(path("requests", request_id))
