from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from dcm.lib.api import Query, page, path_uuid
from dcm.lib.errors import NoUpdate
from projects.models import Task
from projects.serializers import SubtaskOutput, TaskInput, TaskOutput, TaskUpdate
from projects.services.tasks import TaskNotFound, create_task, delete_task, update_task


class Tasks(ViewSet):
    noun = "task"

    def create(self, request: Request) -> Response:
        task = create_task(**TaskInput.read(request.data))
        return Response({"success": True, "task": TaskOutput(task).data}, status=201)

    def list(self, request: Request) -> Response:
        query = Query(request.query_params)
        request_id = query.id("request_id")
        rows = Task.objects.filter(
            **query.given(request_id=request_id, status=query.text("status"))
        )
        order = ["-created_at", "id"] if request_id is None else ["wave_number", "created_at", "id"]
        return Response(
            page(
                rows.order_by(*order),
                query,
                TaskOutput,
                name="tasks",
            )
        )

    def retrieve(self, request: Request, pk: str) -> Response:
        task = Task.objects.filter(id=path_uuid(pk)).first()
        if task is None:
            raise TaskNotFound
        subtasks = task.subtasks.order_by("created_at", "id")
        shown = {**TaskOutput(task).data, "subtasks": SubtaskOutput(subtasks, many=True).data}
        return Response({"task": shown})

    def partial_update(self, request: Request, pk: str) -> Response:
        task_id, changes = path_uuid(pk), TaskUpdate.read(request.data)
        if changes.get("name") == "":
            del changes["name"]
        if not changes:
            raise NoUpdate
        task = update_task(task_id, **changes)
        return Response({"success": True, "task": TaskOutput(task).data})

    def destroy(self, request: Request, pk: str) -> Response:
        delete_task(path_uuid(pk))
        return Response(status=204)
