"""What comes in and goes out. Contract: rest 5.2 to 5.6, aliases 7."""

from collections.abc import Mapping
from typing import ClassVar

from rest_framework import serializers

from dcm.lib.api import Boolean, Input, Integer, JsonObject, ListOf, Output, Text, Uuid
from projects.models import Action, Claim, Lease, LeaseBook, Project, Request, Subtask, Task
from projects.services.leases import LONGEST_TTL_SECONDS


class ProjectOutput(Output[Project]):
    class Meta:
        model = Project
        fields = ["id", "path", "name", "created_at", "updated_at", "metadata"]


class RequestInput(Input):
    project_id = Uuid()
    session_id = Text()
    prompt = Text()
    prompt_type = Text(required=False, choices=Request.PromptType.values)
    status = Text(required=False, choices=Request.Status.values)
    metadata = JsonObject(required=False)


class RequestUpdate(Input):
    status = Text(required=False, choices=Request.Status.values)
    metadata = JsonObject(required=False)


class RequestOutput(Output[Request]):
    project_id = Uuid()

    class Meta:
        model = Request
        fields = [
            "id",
            "project_id",
            "session_id",
            "prompt",
            "prompt_type",
            "status",
            "created_at",
            "completed_at",
            "metadata",
        ]


class TaskInput(Input):
    request_id = Uuid()
    name = Text(required=False, allow_blank=True)
    wave_number = Integer(required=False, least=0)
    status = Text(required=False, choices=Task.Status.values)


class TaskUpdate(Input):
    status = Text(required=False, choices=Task.Status.values)
    name = Text(required=False, allow_blank=True)  # "" is no update rather than an error


class TaskOutput(Output[Task]):
    request_id = Uuid()

    class Meta:
        model = Task
        fields = [
            "id",
            "request_id",
            "name",
            "wave_number",
            "status",
            "created_at",
            "completed_at",
        ]


class SubtaskInput(Input):
    aliases: ClassVar[Mapping[str, str]] = {"task_list_id": "task_id"}
    task_id = Uuid()
    description = Text()
    agent_type = Text(required=False, allow_blank=True)
    agent_id = Text(required=False, allow_blank=True)
    status = Text(required=False, choices=Subtask.Status.values)
    blocked_by = ListOf(child=Uuid(), required=False)
    context_snapshot = JsonObject(required=False)


class SubtaskUpdate(Input):
    status = Text(required=False, choices=Subtask.Status.values)
    result = JsonObject(required=False)
    agent_id = Text(required=False)
    blocked_by = ListOf(child=Uuid(), required=False)
    token = Integer(required=False, least=1)  # of the claim under which the result was worked out


class SubtaskOutput(Output[Subtask]):
    task_id = Uuid()
    task_list_id = Uuid(source="task_id")
    blocked_by = serializers.ListField(child=Uuid())

    class Meta:
        model = Subtask
        fields = [
            "id",
            "task_id",
            "task_list_id",
            "agent_type",
            "agent_id",
            "description",
            "status",
            "blocked_by",
            "created_at",
            "started_at",
            "completed_at",
            "context_snapshot",
            "result",
        ]


class ActionOutput(Output[Action]):
    class Meta:
        model = Action
        fields = [
            "id",
            "tool_name",
            "tool_type",
            "exit_code",
            "duration_ms",
            "file_paths",
            "created_at",
        ]


class WholeActionOutput(ActionOutput):
    """And what the tool was told and answered, and where in the work tree it belongs."""

    subtask_id = Uuid(allow_null=True)
    agent_id = serializers.CharField(source="subtask.agent_id", default=None)
    agent_type = serializers.CharField(source="subtask.agent_type", default=None)
    task_id = Uuid(source="subtask.task_id", default=None)
    request_id = Uuid(source="subtask.task.request_id", default=None)
    project_id = Uuid(source="subtask.task.request.project_id", default=None)
    metadata = serializers.SerializerMethodField()

    class Meta(ActionOutput.Meta):
        fields = [
            *ActionOutput.Meta.fields,
            "input",
            "output",
            "session_id",
            "project_path",
            "subtask_id",
            "agent_id",
            "agent_type",
            "task_id",
            "request_id",
            "project_id",
            "metadata",
        ]

    def get_metadata(self, action: Action) -> dict[str, str]:
        """What the original kept there."""
        place = {"session_id": action.session_id, "project_path": action.project_path}
        return {name: value for name, value in place.items() if value is not None}


AGENT_ID = 512  # characters, as of hook events
LONGEST_PATH = 4096  # characters
MOST_PATHS = 1000


class LeasesInput(Input):
    project_id = Uuid()
    agent_id = Text(max_length=AGENT_ID)
    patterns = ListOf(child=Text(), min_length=1, max_length=50)
    session_id = Text(required=False, max_length=AGENT_ID)
    is_shared = Boolean(required=False)
    reason = Text(required=False, max_length=500)
    ttl_seconds = Integer(required=False, least=1, most=LONGEST_TTL_SECONDS)


class LeaseUpdate(Input):
    agent_id = Text(max_length=AGENT_ID)
    ttl_seconds = Integer(required=False, least=1, most=LONGEST_TTL_SECONDS)


class LeaseCheckInput(Input):
    project_id = Uuid()
    agent_id = Text(max_length=AGENT_ID)
    session_id = Text(required=False, max_length=AGENT_ID)
    paths = ListOf(child=Text(max_length=LONGEST_PATH), max_length=MOST_PATHS)


class LeaseModeInput(Input):
    mode = Text(choices=LeaseBook.Mode.values)


class LeaseOutput(Output[Lease]):
    project_id = Uuid()

    class Meta:
        model = Lease
        fields = [
            "id",
            "project_id",
            "agent_id",
            "session_id",
            "pattern",
            "is_shared",
            "is_implicit",
            "reason",
            "token",
            "created_at",
            "expires_at",
        ]


class ClaimInput(Input):
    agent_id = Text(max_length=AGENT_ID)
    session_id = Text(required=False, max_length=AGENT_ID)
    project_id = Uuid(required=False)
    request_id = Uuid(required=False)
    of_session = Text(required=False, max_length=AGENT_ID)
    agent_types = ListOf(child=Text(max_length=AGENT_ID), required=False, max_length=50)
    ttl_seconds = Integer(required=False, least=1, most=LONGEST_TTL_SECONDS)


class ClaimUpdate(LeaseUpdate):
    pass


class ClaimOutput(Output[Claim]):
    subtask_id = Uuid()

    class Meta:
        model = Claim
        fields = [
            "subtask_id",
            "agent_id",
            "session_id",
            "token",
            "ttl_seconds",
            "claimed_at",
            "expires_at",
        ]
