"""Requests in the OpenAPI document. Contract: rest 5.3."""

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
from projects.models import Request
from projects.serializers import (
    RequestInput,
    RequestOutput,
    RequestUpdate,
    TaskOutput,
)
from projects.views.requests import Requests


class RequestUpdateSchema(UpdateSchema):
    target_class = RequestUpdate
    some_of = {"status": STRING, "metadata": {"type": "object"}}


class WholeRequest(RequestOutput):
    tasks = TaskOutput(many=True)

    class Meta(RequestOutput.Meta):
        fields = [*RequestOutput.Meta.fields, "tasks"]


RequestReply = shape("RequestReply", success=success(), request=RequestOutput())
NO_REQUEST = {404: "Request not found"}

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
        parameters=own_id("request"),
        replies={200: shape("WholeRequestReply", request=WholeRequest())},
        errors=NO_REQUEST,
    ),
    partial_update=operation(
        "updateRequest",
        "Change the status or add metadata",
        tag="Requests",
        parameters=own_id("request"),
        body=RequestUpdate,
        replies={200: RequestReply},
        errors=NO_UPDATE | NO_REQUEST,
    ),
    destroy=operation(
        "deleteRequest",
        "Delete a request, its tasks, subtasks and actions",
        tag="Requests",
        parameters=own_id("request"),
        replies={204: None},
        errors=NO_REQUEST,
    ),
)(Requests)
