"""Projects in the OpenAPI document. Contract: rest 5.2, 5.8."""

from drf_spectacular.utils import extend_schema_view
from rest_framework import serializers

from dcm.lib.api import Moment, Uuid
from dcm.lib.openapi import (
    PAGE,
    STRING,
    UUID,
    in_path,
    in_query,
    operation,
    own_id,
    page_of,
    shape,
    success,
)
from projects.models import Subtask
from projects.serializers import (
    ProjectOutput,
    RequestOutput,
    SubtaskOutput,
    TaskOutput,
)
from projects.views.projects import (
    ProjectBody,
    Projects,
    list_active_agents,
    post_project,
    project_tree,
    show_project,
    show_project_of_path,
)

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

operation(
    "createProject",
    "Create a project, or update the one of this path",
    tag="Projects",
    description="Slashes at the end of the path are removed. Metadata is merged by key.",
    body=ProjectBody,
    replies={201: ProjectReply},
)(post_project)

operation(
    "getProject",
    "One project with its newest requests and its figures",
    tag="Projects",
    parameters=own_id("project"),
    replies={200: shape("WholeProjectReply", project=WholeProject())},
    errors=NO_PROJECT,
)(show_project)

operation(
    "getProjectByPath",
    "The project of a working directory",
    tag="Projects",
    parameters=[in_query("path", STRING, "The directory.", required=True, minLength=1)],
    replies={200: shape("FoundProject", project=ProjectOutput())},
    errors={400: "Missing query parameter: path", **NO_PROJECT},
)(show_project_of_path)

extend_schema_view(
    list=operation(
        "listProjects",
        "Projects, latest change first",
        tag="Projects",
        parameters=PAGE,
        replies={200: page_of("ProjectList", "projects", ProjectOutput, total=True)},
    ),
    destroy=operation(
        "deleteProject",
        "Delete a project and all its work",
        tag="Projects",
        parameters=own_id("project"),
        replies={204: None},
        errors=NO_PROJECT,
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


operation(
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
)(project_tree)

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

operation(
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
)(list_active_agents)
