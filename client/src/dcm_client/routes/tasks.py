"""Tasks, which are waves, and their subtasks."""

from collections.abc import Sequence

from dcm_client.calls import Call, Listing, given, listing, path, route
from dcm_client.results import (
    Json,
    Subtask,
    Task,
)
from dcm_client.routes.forms import delete, get, listed, patch, post


class TaskRoutes:
    @route
    def create_task(
        self,
        request_id: str,
        name: str | None = None,
        *,
        wave_number: int | None = None,
        status: str | None = None,
    ) -> Call[Task]:
        body = given(request_id=request_id, name=name, wave_number=wave_number, status=status)
        return post("/api/tasks", Task, "task", **body)

    @route
    def get_task(self, task_id: str) -> Call[Task]:
        return get(path("tasks", task_id), Task, "task")

    @listing
    def list_tasks(
        self,
        *,
        request_id: str | None = None,
        status: str | None = None,
        limit: int | None = None,
    ) -> Listing[Task]:
        query = given(request_id=request_id, status=status)
        return listed("/api/tasks", "tasks", Task, limit, **query)

    @route
    def update_task(
        self, task_id: str, *, status: str | None = None, name: str | None = None
    ) -> Call[Task]:
        return patch(path("tasks", task_id), Task, "task", status=status, name=name)

    @route
    def delete_task(self, task_id: str) -> Call[None]:
        return delete(path("tasks", task_id))

    @route
    def create_subtask(
        self,
        task_id: str,
        description: str,
        *,
        agent_type: str | None = None,
        agent_id: str | None = None,
        status: str | None = None,
        blocked_by: Sequence[str] | None = None,
        context_snapshot: Json | None = None,
    ) -> Call[Subtask]:
        return post(
            "/api/subtasks",
            Subtask,
            "subtask",
            task_id=task_id,
            description=description,
            agent_type=agent_type,
            agent_id=agent_id,
            status=status,
            blocked_by=blocked_by,
            context_snapshot=context_snapshot,
        )

    @route
    def get_subtask(self, subtask_id: str) -> Call[Subtask]:
        return get(path("subtasks", subtask_id), Subtask, "subtask")

    @listing
    def get_subtasks(
        self,
        *,
        task_id: str | None = None,
        status: str | None = None,
        agent_type: str | None = None,
        agent_id: str | None = None,
        limit: int | None = None,
    ) -> Listing[Subtask]:
        query = given(task_id=task_id, status=status, agent_type=agent_type, agent_id=agent_id)
        return listed("/api/subtasks", "subtasks", Subtask, limit, **query)

    @route
    def update_subtask(
        self,
        subtask_id: str,
        *,
        status: str | None = None,
        result: Json | None = None,
        agent_id: str | None = None,
        blocked_by: Sequence[str] | None = None,
        token: int | None = None,
    ) -> Call[Subtask]:
        """token: of the claim. Once that is lost the change is refused with Conflict."""
        body = given(status=status, result=result, agent_id=agent_id, blocked_by=blocked_by)
        return patch(path("subtasks", subtask_id), Subtask, "subtask", **body, **given(token=token))

    @route
    def delete_subtask(self, subtask_id: str) -> Call[None]:
        return delete(path("subtasks", subtask_id))
