from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from dcm.lib.api import Query, page, path_uuid
from dcm.lib.errors import NoUpdate
from projects.models import Subtask
from projects.selectors import actions_of
from projects.serializers import ActionOutput, SubtaskInput, SubtaskOutput, SubtaskUpdate
from projects.services.subtasks import (
    SubtaskNotFound,
    create_subtask,
    delete_subtask,
    update_subtask,
)


class Subtasks(ViewSet):
    noun = "subtask"

    def create(self, request: Request) -> Response:
        subtask = create_subtask(**SubtaskInput.read(request.data))
        return Response({"success": True, "subtask": SubtaskOutput(subtask).data}, status=201)

    def list(self, request: Request) -> Response:
        query = Query(request.query_params)
        task_id = query.id("task_id", "task_list_id")
        rows = Subtask.objects.filter(
            **query.given(
                task_id=task_id,
                status=query.text("status"),
                agent_type=query.text("agent_type"),
                agent_id=query.text("agent_id"),
            )
        )
        order = "-created_at" if task_id is None else "created_at"
        return Response(
            page(
                rows.order_by(order, "id"),
                query,
                SubtaskOutput,
                name="subtasks",
            )
        )

    def retrieve(self, request: Request, pk: str) -> Response:
        subtask = Subtask.objects.filter(id=path_uuid(pk)).first()
        if subtask is None:
            raise SubtaskNotFound
        actions = ActionOutput(actions_of(subtask.id), many=True).data
        return Response({"subtask": {**SubtaskOutput(subtask).data, "actions": actions}})

    def partial_update(self, request: Request, pk: str) -> Response:
        subtask_id, changes = path_uuid(pk), SubtaskUpdate.read(request.data)
        if not changes.keys() - {"token"}:
            raise NoUpdate
        subtask = update_subtask(subtask_id, **changes)
        return Response({"success": True, "subtask": SubtaskOutput(subtask).data})

    def destroy(self, request: Request, pk: str) -> Response:
        delete_subtask(path_uuid(pk))
        return Response(status=204)
