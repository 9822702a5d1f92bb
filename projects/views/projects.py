from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from dcm.lib.api import Query, page, path_uuid
from dcm.lib.errors import DomainError
from projects.models import Project
from projects.selectors import active_agents, hierarchy, project_by_path, project_stats
from projects.serializers import ProjectInput, ProjectOutput, RequestOutput, without
from projects.services.projects import (
    ProjectNotFound,
    delete_project,
    tidy_path,
    upsert_project,
)

MOST_REQUESTS = 50


class NoPath(DomainError):
    message = "Missing query parameter: path"


class Projects(ViewSet):
    noun = "project"
    failures = {"by_path": "Failed to fetch project"}

    def create(self, request: Request) -> Response:
        project = upsert_project(**ProjectInput.read(request.data))
        return Response({"success": True, "project": ProjectOutput(project).data}, status=201)

    def list(self, request: Request) -> Response:
        return Response(
            page(
                Project.objects.order_by("-updated_at", "id"),
                Query(request.query_params),
                lambda rows: ProjectOutput(rows, many=True).data,
                name="projects",
                total=True,
            )
        )

    def retrieve(self, request: Request, pk: str) -> Response:
        project = find_project(pk)
        newest = project.requests.order_by("-created_at", "id")[:MOST_REQUESTS]
        requests = [without(row, "project_id") for row in RequestOutput(newest, many=True).data]
        shown = {**ProjectOutput(project).data, "requests": requests}
        return Response({"project": {**shown, "stats": project_stats(project)}})

    def destroy(self, request: Request, pk: str) -> Response:
        delete_project(path_uuid(pk))
        return Response(status=204)

    @action(detail=False, url_path="by-path")
    def by_path(self, request: Request) -> Response:
        path = Query(request.query_params).text("path")
        if path is None:
            raise NoPath
        project = project_by_path(tidy_path(path))
        if project is None:
            raise ProjectNotFound
        return Response({"project": ProjectOutput(project).data})


class Hierarchy(APIView):
    failure = "Failed to fetch hierarchy"

    def get(self, request: Request, project_id: str) -> Response:
        return Response(hierarchy(find_project(project_id, "project_id")))


class ActiveAgents(APIView):
    failure = "Failed to fetch active sessions"

    def get(self, request: Request) -> Response:
        agents = active_agents()
        return Response({"active_agents": agents, "count": len(agents)})


def find_project(text: str, name: str = "id") -> Project:
    project = Project.objects.filter(id=path_uuid(text, name)).first()
    if project is None:
        raise ProjectNotFound
    return project
