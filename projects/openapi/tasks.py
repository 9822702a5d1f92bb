"""Tasks in the OpenAPI document. Contract: rest 5.4."""

from drf_spectacular.utils import extend_schema_view

from dcm.lib.openapi import (
    NO_UPDATE,
    PAGE,
    STRING,
    UUID,
    UpdateSchema,
    in_query,
    operation,
    own_id,
    page_of,
    shape,
    success,
)
from projects.models import Task
from projects.serializers import (
    SubtaskOutput,
    TaskInput,
    TaskOutput,
    TaskUpdate,
)
from projects.views.tasks import Tasks


class TaskUpdateSchema(UpdateSchema):
    target_class = TaskUpdate
    some_of = {"status": STRING, "name": {"type": "string", "minLength": 1}}


class WholeTask(TaskOutput):
    subtasks = SubtaskOutput(many=True)

    class Meta(TaskOutput.Meta):
        fields = [*TaskOutput.Meta.fields, "subtasks"]


TaskReply = shape("TaskReply", success=success(), task=TaskOutput())
NO_TASK = {404: "Task not found"}

extend_schema_view(
    create=operation(
        "createTask",
        "Add a task (a wave) to a request",
        tag="Tasks",
        description="Without `wave_number` it is the request's highest wave and one.",
        body=TaskInput,
        replies={201: TaskReply},
        errors={404: "Request not found: 0b7c9f7e-5a54-4a53-9a0e-0c6f5f9d1b11"},
    ),
    list=operation(
        "listTasks",
        "Tasks: of one request by wave, else newest first",
        tag="Tasks",
        parameters=[
            *PAGE,
            in_query("request_id", UUID, "Of this request."),
            in_query("status", STRING, f"One of {', '.join(Task.Status.values)}."),
        ],
        replies={200: page_of("TaskList", "tasks", TaskOutput)},
    ),
    retrieve=operation(
        "getTask",
        "One task with its subtasks",
        tag="Tasks",
        parameters=own_id("task"),
        replies={200: shape("WholeTaskReply", task=WholeTask())},
        errors=NO_TASK,
    ),
    partial_update=operation(
        "updateTask",
        "Change the status or the name",
        tag="Tasks",
        parameters=own_id("task"),
        body=TaskUpdate,
        replies={200: TaskReply},
        errors=NO_UPDATE | NO_TASK,
    ),
    destroy=operation(
        "deleteTask",
        "Delete a task, its subtasks and actions",
        tag="Tasks",
        parameters=own_id("task"),
        replies={204: None},
        errors=NO_TASK,
    ),
)(Tasks)
