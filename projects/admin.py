from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from dcm.lib.admin import RowAdmin, Up
from projects.models import Action, Claim, Lease, LeaseBook, Project, Request, Subtask, Task
from projects.services.claims import release_claim
from projects.services.leases import release_lease, set_lease_mode
from projects.services.projects import delete_project, upsert_project
from projects.services.requests import delete_request, update_request
from projects.services.subtasks import delete_subtask, update_subtask
from projects.services.tasks import delete_task, update_task


@admin.register(Project)
class ProjectAdmin(RowAdmin):
    columns = ("path", "name", "created_at", "updated_at")
    sortable = ("updated_at", "path")
    ordering = ("-updated_at", "id")
    date_hierarchy = "updated_at"
    search_fields = ("path", "name")
    editable = ("name",)
    along = "their requests and messages, and all below those"

    def change(self, row: Project, **changes: Any) -> object:
        return upsert_project(path=row.path, name=changes["name"] or "")

    def remove(self, row: Project) -> object:
        return delete_project(row.id)


@admin.register(Request)
class RequestAdmin(RowAdmin):
    columns = ("id", "project", "session_id", "prompt", "prompt_type", "status", "created_at")
    up = {
        "project": Up("projects.project", text="project__path"),
        "session_id": Up("sessions_app.session"),
    }
    sortable = ("created_at",)
    ordering = ("-created_at", "id")
    date_hierarchy = "created_at"
    list_filter = ("status", "prompt_type")
    search_fields = ("prompt", "session_id")
    editable = ("status",)
    actions = (*RowAdmin.actions, "complete", "fail", "cancel")
    along = "their tasks, and all below those"

    def change(self, row: Request, **changes: Any) -> object:
        return update_request(row.id, **changes)

    def remove(self, row: Request) -> object:
        return delete_request(row.id)

    @admin.action(description="Mark as completed", permissions=["change"])
    def complete(self, request: HttpRequest, rows: QuerySet[Request]) -> None:
        self._mark(request, rows, Request.Status.COMPLETED)

    @admin.action(description="Mark as failed", permissions=["change"])
    def fail(self, request: HttpRequest, rows: QuerySet[Request]) -> None:
        self._mark(request, rows, Request.Status.FAILED)

    @admin.action(description="Mark as cancelled", permissions=["change"])
    def cancel(self, request: HttpRequest, rows: QuerySet[Request]) -> None:
        self._mark(request, rows, Request.Status.CANCELLED)

    def _mark(self, request: HttpRequest, rows: QuerySet[Request], status: str) -> None:
        self.apply(request, rows, lambda row: update_request(row.id, status=status), status)


@admin.register(Task)
class TaskAdmin(RowAdmin):
    columns = ("id", "request", "wave_number", "name", "status", "created_at", "completed_at")
    up = {"request": Up("projects.request", text="request__prompt")}
    sortable = ("created_at",)
    ordering = ("-created_at", "id")
    list_filter = ("status",)
    search_fields = ("name",)
    editable = ("name", "status")
    actions = (*RowAdmin.actions, "complete", "fail")
    along = "their subtasks, and all below those"

    def change(self, row: Task, **changes: Any) -> object:
        return update_task(row.id, **changes)

    def remove(self, row: Task) -> object:
        return delete_task(row.id)

    @admin.action(description="Mark as completed", permissions=["change"])
    def complete(self, request: HttpRequest, rows: QuerySet[Task]) -> None:
        self._mark(request, rows, Task.Status.COMPLETED)

    @admin.action(description="Mark as failed", permissions=["change"])
    def fail(self, request: HttpRequest, rows: QuerySet[Task]) -> None:
        self._mark(request, rows, Task.Status.FAILED)

    def _mark(self, request: HttpRequest, rows: QuerySet[Task], status: str) -> None:
        self.apply(request, rows, lambda row: update_task(row.id, status=status), status)


@admin.register(Subtask)
class SubtaskAdmin(RowAdmin):
    columns = ("id", "task", "agent_id", "agent_type", "description", "status", "created_at")
    up = {"task": Up("projects.task", text="task__name")}
    sortable = ("created_at",)
    ordering = ("-created_at", "id")
    list_filter = ("status",)
    search_fields = ("description", "agent_id", "agent_type")
    editable = ("agent_id", "status")
    actions = (*RowAdmin.actions, "complete", "fail")
    along = "their actions"

    def change(self, row: Subtask, **changes: Any) -> object:
        return update_subtask(row.id, **changes)

    def remove(self, row: Subtask) -> object:
        return delete_subtask(row.id)

    @admin.action(description="Mark as completed", permissions=["change"])
    def complete(self, request: HttpRequest, rows: QuerySet[Subtask]) -> None:
        self._mark(request, rows, Subtask.Status.COMPLETED)

    @admin.action(description="Mark as failed", permissions=["change"])
    def fail(self, request: HttpRequest, rows: QuerySet[Subtask]) -> None:
        self._mark(request, rows, Subtask.Status.FAILED)

    def _mark(self, request: HttpRequest, rows: QuerySet[Subtask], status: str) -> None:
        self.apply(request, rows, lambda row: update_subtask(row.id, status=status), status)


@admin.register(Claim)
class ClaimAdmin(RowAdmin):
    columns = (
        "subtask",
        "agent_id",
        "session_id",
        "token",
        "ttl_seconds",
        "claimed_at",
        "expires_at",
    )
    up = {
        "subtask": Up("projects.subtask", text="subtask__description"),
        "session_id": Up("sessions_app.session"),
    }
    sortable = ("claimed_at", "expires_at")
    ordering = ("-claimed_at", "subtask_id")
    search_fields = ("agent_id", "session_id")
    actions = (*RowAdmin.actions, "release")

    @admin.action(description="Release: others may claim the subtask", permissions=["change"])
    def release(self, request: HttpRequest, rows: QuerySet[Claim]) -> None:
        self.apply(request, rows, lambda row: release_claim(row.subtask_id), "released")


class OutcomeFilter(admin.SimpleListFilter):
    title = "outcome"
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("ok", "succeeded"), ("failed", "failed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Action]) -> QuerySet[Action]:
        match self.value():
            case "ok":
                return queryset.filter(exit_code=0)
            case "failed":
                return queryset.exclude(exit_code=0)
        return queryset


@admin.register(Action)
class ActionAdmin(RowAdmin):
    """History: view only."""

    columns = (
        "id",
        "subtask",
        "session_id",
        "tool_name",
        "input",
        "file_paths",
        "exit_code",
        "duration_ms",
        "created_at",
    )
    up = {
        "subtask": Up("projects.subtask", text="subtask__description"),
        "session_id": Up("sessions_app.session"),
    }
    sortable = ("created_at",)
    ordering = ("-created_at", "id")
    list_filter = ("tool_type", OutcomeFilter, "created_at")
    search_fields = ("tool_name", "session_id", "project_path")


@admin.register(Lease)
class LeaseAdmin(RowAdmin):
    columns = (
        "pattern",
        "project",
        "agent_id",
        "session_id",
        "is_shared",
        "is_implicit",
        "reason",
        "token",
        "created_at",
        "expires_at",
    )
    up = {
        "project": Up("projects.project", text="project__path"),
        "session_id": Up("sessions_app.session"),
    }
    sortable = ("created_at", "expires_at")
    ordering = ("-created_at", "id")
    list_filter = ("is_shared", "is_implicit")
    search_fields = ("pattern", "agent_id", "session_id")
    actions = (*RowAdmin.actions, "release")

    @admin.action(description="Release: others may edit there", permissions=["change"])
    def release(self, request: HttpRequest, rows: QuerySet[Lease]) -> None:
        self.apply(request, rows, lambda row: release_lease(row.id), "released")


@admin.register(LeaseBook)
class LeaseBookAdmin(RowAdmin):
    columns = ("project", "mode", "last_token")
    up = {"project": Up("projects.project", text="project__path")}
    ordering = ("project",)
    list_filter = ("mode",)
    editable = ("mode",)

    def change(self, row: LeaseBook, **changes: Any) -> object:
        return set_lease_mode(row.project_id, changes["mode"])
