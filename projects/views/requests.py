from rest_framework.request import Request as HttpRequest
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from dcm.lib.api import Query, page, path_uuid
from dcm.lib.errors import NoUpdate
from projects.models import Request
from projects.serializers import RequestInput, RequestOutput, RequestUpdate, TaskOutput
from projects.services.requests import (
    RequestNotFound,
    create_request,
    delete_request,
    update_request,
)


class Requests(ViewSet):
    noun = "request"

    def create(self, request: HttpRequest) -> Response:
        made = create_request(**RequestInput.read(request.data))
        return Response({"success": True, "request": RequestOutput(made).data}, status=201)

    def list(self, request: HttpRequest) -> Response:
        query = Query(request.query_params)
        rows = Request.objects.filter(
            **query.given(
                project_id=query.id("project_id"),
                session_id=query.text("session_id"),
                status=query.text("status"),
            )
        )
        return Response(
            page(
                rows.order_by("-created_at", "id"),
                query,
                RequestOutput,
                name="requests",
            )
        )

    def retrieve(self, request: HttpRequest, pk: str) -> Response:
        found = Request.objects.filter(id=path_uuid(pk)).first()
        if found is None:
            raise RequestNotFound
        tasks = found.tasks.order_by("wave_number", "created_at", "id")
        shown = {**RequestOutput(found).data, "tasks": TaskOutput(tasks, many=True).data}
        return Response({"request": shown})

    def partial_update(self, request: HttpRequest, pk: str) -> Response:
        request_id, changes = path_uuid(pk), RequestUpdate.read(request.data)
        if not changes:
            raise NoUpdate
        updated = update_request(request_id, **changes)
        return Response({"success": True, "request": RequestOutput(updated).data})

    def destroy(self, request: HttpRequest, pk: str) -> Response:
        delete_request(path_uuid(pk))
        return Response(status=204)
