"""Leases in the OpenAPI document."""

from drf_spectacular.utils import extend_schema_view
from rest_framework import serializers

from dcm.lib.openapi import (
    UUID,
    in_path,
    operation,
    own_id,
    page_of,
    shape,
    success,
)
from projects.models import LeaseBook
from projects.openapi.holding import HELD, ONLY_OF
from projects.serializers import (
    LeaseCheckInput,
    LeaseModeInput,
    LeaseOutput,
    LeasesInput,
    LeaseUpdate,
)
from projects.views.leases import LeaseCheck, LeaseMode, Leases

NO_LEASE = {404: "Lease not found"}
NOT_THE_HOLDER = {403: "This lease belongs to another agent", **NO_LEASE}
NO_PROJECT = {404: "Project not found"}

extend_schema_view(
    create=operation(
        "takeLeases",
        "Lease paths of a project: all that are asked for, or none",
        tag="Leases",
        description="A pattern begins at the project and names all below what it matches, too: `*`"
        " is any text between slashes, `?` one character, `**` any number of folders. The leases"
        " that speak against it are in `conflicts` of the reply 409. Without `ttl_seconds` a"
        " lease lasts 15 minutes. `token` grows with each take in the project.",
        body=LeasesInput,
        replies={
            201: shape("LeasesReply", success=success(), leases=LeaseOutput(many=True)),
        },
        errors={
            400: "Invalid pattern: outside the project: /etc",
            **NO_PROJECT,
            409: "Leased to another agent",
            429: "Too many leases in this project: at most 10000",
        },
    ),
    list=operation(
        "listLeases",
        "Leases that are held, newest first",
        tag="Leases",
        parameters=HELD,
        replies={200: page_of("LeaseList", "leases", LeaseOutput, cursor=True)},
    ),
    partial_update=operation(
        "renewLease",
        "Hold a lease from now on for another while",
        tag="Leases",
        description="Under the same token. A lease that is over cannot be renewed: take it again.",
        parameters=own_id("lease"),
        body=LeaseUpdate,
        replies={200: shape("LeaseReply", success=success(), lease=LeaseOutput())},
        errors=NOT_THE_HOLDER,
    ),
    destroy=operation(
        "releaseLease",
        "Give a lease back",
        tag="Leases",
        parameters=[*own_id("lease"), ONLY_OF],
        replies={200: shape("ReleasedLease", success=success(), released=LeaseOutput())},
        errors=NOT_THE_HOLDER,
    ),
)(Leases)

extend_schema_view(
    post=operation(
        "checkLeases",
        "Which leases of others speak against changes of these files",
        tag="Leases",
        description="Takes none. Leases of the agent itself and of its session's main agent do not"
        " count; files outside the project are nobody's.",
        body=LeaseCheckInput,
        replies={
            200: shape(
                "LeaseCheckReply",
                mode=serializers.ChoiceField(LeaseBook.Mode.values),
                conflicts=shape(
                    "LeaseConflict",
                    path=serializers.CharField(help_text="As it was given."),
                    lease=LeaseOutput(),
                )(many=True),
            )
        },
        errors=NO_PROJECT,
    )
)(LeaseCheck)

extend_schema_view(
    get=operation(
        "getLeaseMode",
        "What becomes of edits of files that another agent leased",
        tag="Leases",
        parameters=[in_path("project_id", UUID, "The project.")],
        replies={200: shape("LeaseModeReply", mode=serializers.ChoiceField(LeaseBook.Mode.values))},
        errors=NO_PROJECT,
    ),
    put=operation(
        "setLeaseMode",
        "Let such edits pass, hint at the lease, or deny them",
        tag="Leases",
        parameters=[in_path("project_id", UUID, "The project.")],
        body=LeaseModeInput,
        replies={
            200: shape(
                "LeaseModeSet",
                success=success(),
                mode=serializers.ChoiceField(LeaseBook.Mode.values),
            )
        },
        errors=NO_PROJECT,
    ),
)(LeaseMode)
