from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from dcm.lib.api import Query, page, path_uuid
from projects.models import Project
from projects.serializers import ProjectInput, ProjectOutput
from projects.services.projects import delete_project, upsert_project


class Projects(ViewSet):
    noun = "project"

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

    def destroy(self, request: Request, pk: str) -> Response:
        delete_project(path_uuid(pk))
        return Response(status=204)
