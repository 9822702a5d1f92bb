"""The work tree in the OpenAPI document. Contract: rest 5.2 to 5.6, 5.8."""

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema_view
from rest_framework import serializers

from dcm.lib.api import Moment, Uuid
from dcm.lib.openapi import (
    CURSOR,
    PAGE,
    SINCE,
    STRING,
    UNTIL,
    UUID,
    UpdateSchema,
    in_path,
    in_query,
    operation,
    page_of,
    shape,
    success,
)
from projects.models import Action, Request, Subtask, Task
from projects.serializers import (
    ActionOutput,
    ProjectInput,
    ProjectOutput,
    RequestInput,
    RequestOutput,
    RequestUpdate,
    SubtaskInput,
    SubtaskOutput,
    SubtaskUpdate,
    TaskInput,
    TaskOutput,
    TaskUpdate,
    WholeActionOutput,
)
from projects.views.actions import (
    MOST_ACTIONS,
    ActionBatch,
    ActionBody,
    Actions,
    ActionsOfSession,
    HourlyActions,
    OneAction,
    record_action,
)
from projects.views.projects import ActiveAgents, Hierarchy, Projects
from projects.views.requests import Requests
from projects.views.subtasks import Subtasks
from projects.views.tasks import Tasks

A_STATUS = {"type": "string"}


class RequestUpdateSchema(UpdateSchema):
    target_class = RequestUpdate
    some_of = {"status": A_STATUS, "metadata": {"type": "object"}}


class TaskUpdateSchema(UpdateSchema):
    target_class = TaskUpdate
    some_of = {"status": A_STATUS, "name": {"type": "string", "minLength": 1}}


class SubtaskUpdateSchema(UpdateSchema):
    target_class = SubtaskUpdate
    some_of = {
        "status": A_STATUS,
        "result": {"type": "object"},
        "agent_id": {"type": "string"},
        "blocked_by": {"type": "array"},
    }


def _own(noun: str) -> list[OpenApiParameter]:
    return [in_path("id", UUID, f"The {noun}.")]


# --- projects ---------------------------------------------------------------------------------

ProjectStats = shape(
    "ProjectStats",
    project_id=Uuid(),
    project_name=serializers.CharField(allow_null=True),
    path=serializers.CharField(),
    total_requests=serializers.IntegerField(),
    total_subtasks=serializers.IntegerField(),
    total_actions=serializers.IntegerField(),
    successful_actions=serializers.IntegerField(help_text="Those with exit code 0."),
    avg_duration_ms=serializers.FloatField(help_text="Of actions that have one; 0 without any."),
    last_activity=Moment(help_text="Of the newest action.", allow_null=True),
)


class RequestOfProject(RequestOutput):
    class Meta(RequestOutput.Meta):
        fields = [name for name in RequestOutput.Meta.fields if name != "project_id"]


class WholeProject(ProjectOutput):
    """With its newest 50 requests."""

    requests = RequestOfProject(many=True)
    stats = ProjectStats()

    class Meta(ProjectOutput.Meta):
        fields = [*ProjectOutput.Meta.fields, "requests", "stats"]


ProjectReply = shape("ProjectReply", success=success(), project=ProjectOutput())
NO_PROJECT = {404: "Project not found"}

extend_schema_view(
    create=operation(
        "createProject",
        "Create a project, or update the one of this path",
        tag="Projects",
        description="Slashes at the end of the path are removed. Metadata is merged by key.",
        body=ProjectInput,
        replies={201: ProjectReply},
    ),
    list=operation(
        "listProjects",
        "Projects, latest change first",
        tag="Projects",
        parameters=PAGE,
        replies={200: page_of("ProjectList", "projects", ProjectOutput, total=True)},
    ),
    retrieve=operation(
        "getProject",
        "One project with its newest requests and its figures",
        tag="Projects",
        parameters=_own("project"),
        replies={200: shape("WholeProjectReply", project=WholeProject())},
        errors=NO_PROJECT,
    ),
    destroy=operation(
        "deleteProject",
        "Delete a project and all its work",
        tag="Projects",
        parameters=_own("project"),
        replies={204: None},
        errors=NO_PROJECT,
    ),
    by_path=operation(
        "getProjectByPath",
        "The project of a working directory",
        tag="Projects",
        parameters=[in_query("path", STRING, "The directory.", required=True, minLength=1)],
        replies={200: shape("FoundProject", project=ProjectOutput())},
        errors={400: "Missing query parameter: path", **NO_PROJECT},
    ),
)(Projects)


class SubtaskOfTree(SubtaskOutput):
    class Meta(SubtaskOutput.Meta):
        fields = [name for name in SubtaskOutput.Meta.fields if name != "context_snapshot"]


class TaskOfTree(TaskOutput):
    subtasks = SubtaskOfTree(many=True)

    class Meta(TaskOutput.Meta):
        fields = [*TaskOutput.Meta.fields, "subtasks"]


class RequestOfTree(RequestOfProject):
    tasks = TaskOfTree(many=True)

    class Meta(RequestOfProject.Meta):
        fields = [*RequestOfProject.Meta.fields, "tasks"]


class Tree(ProjectOutput):
    """Requests newest first, tasks by wave, subtasks by age."""

    requests = RequestOfTree(many=True)

    class Meta(ProjectOutput.Meta):
        fields = [*ProjectOutput.Meta.fields, "requests"]


extend_schema_view(
    get=operation(
        "getHierarchy",
        "The whole work tree of a project",
        tag="Projects",
        parameters=[in_path("project_id", UUID, "The project.")],
        replies={
            200: shape(
                "HierarchyReply",
                hierarchy=Tree(),
                stats=ProjectStats(),
                counts=shape(
                    "HierarchyCounts",
                    requests=serializers.IntegerField(),
                    tasks=serializers.IntegerField(),
                    subtasks=serializers.IntegerField(),
                )(),
            )
        },
        errors=NO_PROJECT,
    )
)(Hierarchy)

ActiveAgent = shape(
    "ActiveAgent",
    agent_type=serializers.CharField(allow_null=True),
    agent_id=serializers.CharField(allow_null=True),
    status=serializers.ChoiceField(sorted(Subtask.AT_WORK)),
    description=serializers.CharField(),
    current_task=serializers.CharField(help_text="The description again."),
    started_at=Moment(allow_null=True),
    created_at=Moment(),
    actions_count=serializers.IntegerField(),
    subtask_id=Uuid(),
    request_id=Uuid(),
    session_id=serializers.CharField(),
    project_id=Uuid(allow_null=True),
    project_name=serializers.CharField(allow_null=True),
    project_path=serializers.CharField(allow_null=True),
)

extend_schema_view(
    get=operation(
        "listActiveAgents",
        "Agents at work: one row per subtask that runs, is paused or is blocked",
        tag="Projects",
        replies={
            200: shape(
                "ActiveAgentList",
                active_agents=ActiveAgent(many=True),
                count=serializers.IntegerField(),
            )
        },
    )
)(ActiveAgents)

# --- requests ---------------------------------------------------------------------------------


class WholeRequest(RequestOutput):
    tasks = TaskOutput(many=True)

    class Meta(RequestOutput.Meta):
        fields = [*RequestOutput.Meta.fields, "tasks"]


RequestReply = shape("RequestReply", success=success(), request=RequestOutput())
NO_REQUEST = {404: "Request not found"}
NO_UPDATE = {400: "No update fields provided"}

extend_schema_view(
    create=operation(
        "createRequest",
        "Record what the user asked for",
        tag="Requests",
        body=RequestInput,
        replies={201: RequestReply},
        errors={404: "Project not found: 0b7c9f7e-5a54-4a53-9a0e-0c6f5f9d1b11"},
    ),
    list=operation(
        "listRequests",
        "Requests, newest first",
        tag="Requests",
        parameters=[
            *PAGE,
            in_query("project_id", UUID, "Of this project."),
            in_query("session_id", STRING, "Of this session."),
            in_query("status", STRING, f"One of {', '.join(Request.Status.values)}."),
        ],
        replies={200: page_of("RequestList", "requests", RequestOutput)},
    ),
    retrieve=operation(
        "getRequest",
        "One request with its tasks",
        tag="Requests",
        parameters=_own("request"),
        replies={200: shape("WholeRequestReply", request=WholeRequest())},
        errors=NO_REQUEST,
    ),
    partial_update=operation(
        "updateRequest",
        "Change the status or add metadata",
        tag="Requests",
        parameters=_own("request"),
        body=RequestUpdate,
        replies={200: RequestReply},
        errors=NO_UPDATE | NO_REQUEST,
    ),
    destroy=operation(
        "deleteRequest",
        "Delete a request, its tasks, subtasks and actions",
        tag="Requests",
        parameters=_own("request"),
        replies={204: None},
        errors=NO_REQUEST,
    ),
)(Requests)

# --- tasks ------------------------------------------------------------------------------------


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
        parameters=_own("task"),
        replies={200: shape("WholeTaskReply", task=WholeTask())},
        errors=NO_TASK,
    ),
    partial_update=operation(
        "updateTask",
        "Change the status or the name",
        tag="Tasks",
        parameters=_own("task"),
        body=TaskUpdate,
        replies={200: TaskReply},
        errors=NO_UPDATE | NO_TASK,
    ),
    destroy=operation(
        "deleteTask",
        "Delete a task, its subtasks and actions",
        tag="Tasks",
        parameters=_own("task"),
        replies={204: None},
        errors=NO_TASK,
    ),
)(Tasks)

# --- subtasks ---------------------------------------------------------------------------------


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
        parameters=_own("subtask"),
        replies={200: shape("WholeSubtaskReply", subtask=WholeSubtask())},
        errors=NO_SUBTASK,
    ),
    partial_update=operation(
        "updateSubtask",
        "Change status, result, agent or blockers",
        tag="Subtasks",
        parameters=_own("subtask"),
        body=SubtaskUpdate,
        replies={200: SubtaskReply},
        errors={400: UNKNOWN_BLOCKERS, **NO_SUBTASK},
    ),
    destroy=operation(
        "deleteSubtask",
        "Delete a subtask and its actions",
        tag="Subtasks",
        parameters=_own("subtask"),
        replies={204: None},
        errors=NO_SUBTASK,
    ),
)(Subtasks)

# --- actions ----------------------------------------------------------------------------------

TOOL_TYPE = f"One of {', '.join(Action.ToolType.values)}."

RecordedAction = shape(
    "RecordedAction",
    id=Uuid(),
    tool_name=serializers.CharField(),
    tool_type=serializers.ChoiceField(Action.ToolType.values),
    exit_code=serializers.IntegerField(),
    duration_ms=serializers.IntegerField(allow_null=True),
    created_at=Moment(),
    keywords_extracted=serializers.IntegerField(),
)

operation(
    "recordAction",
    "Record one tool call",
    tag="Actions",
    description="An `id` of your own makes it safe to send the same action again.",
    body=ActionBody,
    replies={201: shape("ActionReply", success=success(), action=RecordedAction())},
    errors={404: "Subtask not found: 0b7c9f7e-5a54-4a53-9a0e-0c6f5f9d1b11"},
)(record_action)

extend_schema_view(
    get=operation(
        "listActions",
        "Tool calls, newest first",
        tag="Actions",
        parameters=[
            *PAGE,
            CURSOR,
            SINCE,
            UNTIL,
            in_query("tool_type", STRING, TOOL_TYPE),
            in_query("tool_name", STRING, "Of this tool."),
            in_query("session_id", STRING, "Of this session."),
            in_query("subtask_id", UUID, "Of this subtask."),
        ],
        replies={200: page_of("ActionList", "actions", ActionOutput, cursor=True)},
    )
)(Actions)

BatchResult = shape(
    "BatchResult",
    index=serializers.IntegerField(help_text="Its place in the batch."),
    success=serializers.BooleanField(),
    action=RecordedAction(required=False),
    error=serializers.CharField(required=False),
    details=serializers.DictField(required=False),
    message=serializers.CharField(required=False),
)
BatchReply = shape(
    "BatchReply",
    success=serializers.BooleanField(help_text="Whether all were stored."),
    count=serializers.IntegerField(help_text="How many were stored."),
    results=BatchResult(many=True),
)

extend_schema_view(
    post=operation(
        "recordActions",
        "Record up to 1,000 tool calls",
        tag="Actions",
        body={
            "type": "object",
            "properties": {
                "actions": {
                    "type": "array",
                    "items": {"$ref": "#/components/schemas/ActionBody"},
                    "maxItems": MOST_ACTIONS,
                }
            },
            "required": ["actions"],
        },
        replies={
            201: OpenApiResponse(BatchReply, "All were stored"),
            207: OpenApiResponse(BatchReply, "Some were refused; each result says"),
        },
        errors={400: "At most 1000 actions in one batch"},
    )
)(ActionBatch)

Hour = shape("Hour", hour=Moment(), count=serializers.IntegerField())

extend_schema_view(
    get=operation(
        "countActionsByHour",
        "Tool calls of the last 24 hours, by hour",
        tag="Actions",
        replies={
            200: shape(
                "HourlyActions", data=Hour(many=True), period=serializers.ChoiceField(["24h"])
            )
        },
    )
)(HourlyActions)

NO_ACTION = {404: "Action not found"}

extend_schema_view(
    get=operation(
        "getAction",
        "One tool call with input, output and its place in the work tree",
        tag="Actions",
        parameters=[in_path("action_id", UUID, "The action.")],
        replies={200: shape("WholeActionReply", action=WholeActionOutput())},
        errors=NO_ACTION,
    ),
    delete=operation(
        "deleteAction",
        "Delete a tool call",
        tag="Actions",
        parameters=[in_path("action_id", UUID, "The action.")],
        replies={204: None},
        errors=NO_ACTION,
    ),
)(OneAction)

extend_schema_view(
    delete=operation(
        "deleteActionsOfSession",
        "Delete the tool calls of a session",
        tag="Actions",
        parameters=[in_path("session_id", STRING, "The session.")],
        replies={
            200: shape(
                "DeletedActions",
                success=success(),
                deleted_count=serializers.IntegerField(),
                session_id=serializers.CharField(),
            )
        },
    )
)(ActionsOfSession)
