"""Subtasks in the OpenAPI document. Contract: rest 5.5."""

from drf_spectacular.utils import extend_schema_view

from dcm.lib.openapi import (
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
from projects.models import Subtask
from projects.serializers import (
    ActionOutput,
    SubtaskInput,
    SubtaskOutput,
    SubtaskUpdate,
)
from projects.views.subtasks import Subtasks


class SubtaskUpdateSchema(UpdateSchema):
    target_class = SubtaskUpdate
    some_of = {
        "status": STRING,
        "result": {"type": "object"},
        "agent_id": {"type": "string"},
        "blocked_by": {"type": "array"},
    }


class WholeSubtask(SubtaskOutput):
    actions = ActionOutput(many=True)

    class Meta(SubtaskOutput.Meta):
        fields = [*SubtaskOutput.Meta.fields, "actions"]


SubtaskReply = shape("SubtaskReply", success=success(), subtask=SubtaskOutput())
NO_SUBTASK = {404: "Subtask not found"}
UNKNOWN_BLOCKERS = "One or more blocking subtask IDs not found"

extend_schema_view(
    create=operation(
        "createSubtask",
        "Add an agent's share to a task",
        tag="Subtasks",
        body=SubtaskInput,
        replies={201: SubtaskReply},
        errors={
            400: UNKNOWN_BLOCKERS,
            404: "Task not found: 0b7c9f7e-5a54-4a53-9a0e-0c6f5f9d1b11",
        },
    ),
    list=operation(
        "listSubtasks",
        "Subtasks: of one task by age, else newest first",
        tag="Subtasks",
        parameters=[
            *PAGE,
            in_query("task_id", UUID, "Of this task."),
            in_query("task_list_id", UUID, "Another name of `task_id`."),
            in_query("status", STRING, f"One of {', '.join(Subtask.Status.values)}."),
            in_query("agent_type", STRING, "Of agents of this type."),
            in_query("agent_id", STRING, "Of this agent."),
        ],
        replies={200: page_of("SubtaskList", "subtasks", SubtaskOutput)},
    ),
    retrieve=operation(
        "getSubtask",
        "One subtask with its actions, oldest first",
        tag="Subtasks",
        parameters=own_id("subtask"),
        replies={200: shape("WholeSubtaskReply", subtask=WholeSubtask())},
        errors=NO_SUBTASK,
    ),
    partial_update=operation(
        "updateSubtask",
        "Change status, result, agent or blockers",
        tag="Subtasks",
        parameters=own_id("subtask"),
        body=SubtaskUpdate,
        replies={200: SubtaskReply},
        description="`token` is that of the claim: once the claim is lost, the change is refused."
        " Subtasks that waited for this one alone may begin as soon as it is completed.",
        errors={
            400: UNKNOWN_BLOCKERS,
            **NO_SUBTASK,
            409: "Subtasks would wait for each other",
        },
    ),
    destroy=operation(
        "deleteSubtask",
        "Delete a subtask and its actions",
        tag="Subtasks",
        parameters=own_id("subtask"),
        replies={204: None},
        errors=NO_SUBTASK,
    ),
)(Subtasks)
