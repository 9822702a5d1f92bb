from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from dcm.lib.api import Keyset, Listing, Query, path_uuid
from projects.models import Claim
from projects.selectors import waiting_for
from projects.serializers import ClaimInput, ClaimOutput, ClaimUpdate, SubtaskOutput
from projects.services.claims import Wish, claim_next, count_waiting, release_claim, renew_claim

CLAIMS = Listing(
    Claim.objects.live, ClaimOutput, name="claims", keyset=Keyset("-claimed_at", "subtask_id")
)


class Claims(ViewSet):
    noun = "claim"

    def create(self, request: Request) -> Response:
        given = ClaimInput.read(request.data)
        own = {name: given.pop(name) for name in ("session_id", "ttl_seconds") if name in given}
        wish = Wish(**given)
        claim = claim_next(wish, **own)
        reply = {"success": True, **claimed(claim), "waiting": count_waiting(wish)}
        return Response(reply, status=200 if claim is None else 201)

    def list(self, request: Request) -> Response:
        query = Query(request.query_params)
        return Response(
            CLAIMS.page(
                query,
                subtask__task__request__project_id=query.id("project_id"),
                agent_id=query.text("agent_id"),
                session_id=query.text("session_id"),
            )
        )

    def partial_update(self, request: Request, pk: str) -> Response:
        claim = renew_claim(path_uuid(pk), **ClaimUpdate.read(request.data))
        return Response({"success": True, "claim": ClaimOutput(claim).data})

    def destroy(self, request: Request, pk: str) -> Response:
        agent_id = Query(request.query_params).text("agent_id")
        claim = release_claim(path_uuid(pk), agent_id=agent_id)
        return Response({"success": True, "released": ClaimOutput(claim).data})


def claimed(claim: Claim | None) -> dict[str, Any]:
    """What was claimed, and what waits for it; nulls when nothing was."""
    if claim is None:
        return {"claim": None, "subtask": None, "unblocks": []}
    return {
        "claim": ClaimOutput(claim).data,
        "subtask": SubtaskOutput(claim.subtask).data,
        "unblocks": waiting_for(claim.subtask_id),
    }
