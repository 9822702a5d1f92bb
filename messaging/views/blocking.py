from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dcm.lib.api import Query, path_uuid
from dcm.lib.errors import DomainError
from messaging.models import Block
from messaging.selectors import block_summary
from messaging.serializers import BlockInput, BlockOutput, UnblockInput
from messaging.services.blocking import block_agent, unblock, unblock_agent


class NoPair(DomainError):
    message = "Missing required query params: blocker and blocked"


class Blocking(APIView):
    failure = "Failed to block agent"

    def post(self, request: Request) -> Response:
        block = block_agent(**BlockInput.read(request.data))
        return Response({"success": True, "blocking": BlockOutput(block).data}, status=201)


class BlockingOf(APIView):
    """What blocks an agent by its id; one block by its own id to be deleted."""

    failures = {
        "get": "Failed to check blocking status",
        "delete": "Failed to unblock agent",
    }

    def get(self, request: Request, key: str) -> Response:
        return Response(block_summary(key))

    def delete(self, request: Request, key: str) -> Response:
        return Response(_unblocked(unblock(path_uuid(key, "blocked_id"))))


class BlockingCheck(APIView):
    failure = "Failed to check blocking status"

    def get(self, request: Request) -> Response:
        query = Query(request.query_params)
        blocker = query.text("blocker", "blocker_id", "blocker_agent_id", "blocked_by")
        blocked = query.text("blocked", "blocked_id", "blocked_agent_id", "blocked_agent")
        agent_id = query.text("agent_id")
        if blocker and blocked:
            found = Block.objects.filter(blocked_by=blocker, blocked_agent=blocked).exists()
            return Response({"blocker": blocker, "blocked": blocked, "is_blocked": found})
        if agent_id:
            found = Block.objects.against(agent_id).exists()
            return Response({"agent_id": agent_id, "is_blocked": found})
        raise NoPair


class Unblock(APIView):
    failure = "Failed to unblock agent"

    def post(self, request: Request) -> Response:
        return Response(_unblocked(unblock_agent(**UnblockInput.read(request.data))))


def _unblocked(block: Block) -> dict[str, Any]:
    row = dict(BlockOutput(block).data)
    del row["created_at"]
    return {"success": True, "unblocked": row}
