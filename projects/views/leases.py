from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from dcm.lib.api import Keyset, Listing, Query, path_uuid
from projects.models import Lease
from projects.selectors import lease_mode
from projects.serializers import (
    LeaseCheckInput,
    LeaseModeInput,
    LeaseOutput,
    LeasesInput,
    LeaseUpdate,
)
from projects.services.lease_checks import check_paths
from projects.services.leases import (
    release_lease,
    renew_lease,
    set_lease_mode,
    take_leases,
)
from projects.views.projects import find_project

LEASES = Listing(Lease.objects.live, LeaseOutput, name="leases", keyset=Keyset("-created_at", "id"))


class Leases(ViewSet):
    noun = "lease"

    def create(self, request: Request) -> Response:
        leases = take_leases(**LeasesInput.read(request.data))
        shown = LeaseOutput(leases, many=True).data
        return Response({"success": True, "leases": shown}, status=201)

    def list(self, request: Request) -> Response:
        query = Query(request.query_params)
        return Response(
            LEASES.page(
                query,
                project_id=query.id("project_id"),
                agent_id=query.text("agent_id"),
                session_id=query.text("session_id"),
            )
        )

    def partial_update(self, request: Request, pk: str) -> Response:
        lease = renew_lease(path_uuid(pk), **LeaseUpdate.read(request.data))
        return Response({"success": True, "lease": LeaseOutput(lease).data})

    def destroy(self, request: Request, pk: str) -> Response:
        agent_id = Query(request.query_params).text("agent_id")
        lease = release_lease(path_uuid(pk), agent_id=agent_id)
        return Response({"success": True, "released": LeaseOutput(lease).data})


class LeaseCheck(APIView):
    failure = "Failed to check leases"

    def post(self, request: Request) -> Response:
        mode, against = check_paths(**LeaseCheckInput.read(request.data))
        conflicts = [{"path": path, "lease": LeaseOutput(lease).data} for path, lease in against]
        return Response({"mode": mode, "conflicts": conflicts})


class LeaseMode(APIView):
    failures = {"get": "Failed to fetch lease mode", "put": "Failed to set lease mode"}

    def get(self, request: Request, project_id: str) -> Response:
        return Response({"mode": lease_mode(find_project(project_id, "project_id"))})

    def put(self, request: Request, project_id: str) -> Response:
        mode = LeaseModeInput.read(request.data)["mode"]
        set_lease_mode(path_uuid(project_id, "project_id"), mode)
        return Response({"success": True, "mode": mode})
