from typing import Any

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from dcm.lib.api import Body, Query, hot_view, json_response, page, path_uuid, read_body
from dcm.lib.body import NonEmpty
from dcm.lib.errors import DomainError
from dcm.lib.joined import joined_view
from dcm.lib.json_rows import as_list
from projects.models import Project
from projects.selectors import active_agents, hierarchy, project_by_path, whole_project
from projects.serializers import ProjectOutput
from projects.services.projects import (
    NewProject,
    ProjectNotFound,
    delete_project,
    tidy_path,
    upsert_projects,
    upserter,
)


class NoPath(DomainError):
    message = "Missing query parameter: path"


class ProjectBody(Body):
    path: NonEmpty
    name: str | None = None
    metadata: dict[str, Any] | None = None


def upsert_alone(request: HttpRequest) -> HttpResponse:
    (project,) = upsert_projects([_new_project(request)])
    return _upserted(project)


@hot_view(failure="Failed to create project", method="POST", alone=upsert_alone)
async def post_project(request: HttpRequest) -> HttpResponse:
    return _upserted(await upserter.submit(_new_project(request)))


def _new_project(request: HttpRequest) -> NewProject:
    body = read_body(ProjectBody, request.body)
    return NewProject(path=body.path, name=body.name, metadata=body.metadata)


def _upserted(project: Project) -> HttpResponse:
    return json_response({"success": True, "project": ProjectOutput(project).data}, 201)


class Projects(ViewSet):
    noun = "project"

    def list(self, request: Request) -> Response:
        return Response(
            page(
                Project.objects.order_by("-updated_at", "id"),
                Query(request.query_params),
                ProjectOutput,
                name="projects",
                total=True,
            )
        )

    def destroy(self, request: Request, pk: str) -> Response:
        delete_project(path_uuid(pk))
        return Response(status=204)


@joined_view(failure="Failed to fetch project")
def show_project(query: Query, pk: str) -> dict[str, Any]:
    return {"project": _there(whole_project(path_uuid(pk)))}


@joined_view(failure="Failed to fetch project")
def show_project_of_path(query: Query) -> dict[str, Any]:
    path = query.text("path")
    if path is None:
        raise NoPath
    project = project_by_path(tidy_path(path))
    if project is None:
        raise ProjectNotFound
    return {"project": ProjectOutput(project).data}


@joined_view(failure="Failed to fetch hierarchy")
def project_tree(query: Query, project_id: str) -> dict[str, Any]:
    return _there(hierarchy(path_uuid(project_id, "project_id")))


def _there(project: dict[str, Any] | None) -> dict[str, Any]:
    if project is None:
        raise ProjectNotFound
    return project


@joined_view(failure="Failed to fetch active sessions")
def list_active_agents(query: Query) -> dict[str, Any]:
    agents = active_agents()
    return {"active_agents": as_list(agents), "count": len(agents)}


def find_project(text: str, name: str = "id") -> Project:
    project = Project.objects.filter(id=path_uuid(text, name)).first()
    if project is None:
        raise ProjectNotFound
    return project
