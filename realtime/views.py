from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dcm.lib.errors import DomainError
from realtime.tokens import LIFETIME_SECONDS, Identity, make_token


class NoAgent(DomainError):
    message = "Missing agent_id"


class Token(APIView):
    """A token for a socket. Contract: rest 5.14, R32."""

    failure = "Failed to generate token"

    def post(self, request: Request) -> Response:
        given = request.data if isinstance(request.data, dict) else {}
        agent_id, session_id = given.get("agent_id"), given.get("session_id")
        if not _is_id(agent_id):
            raise NoAgent
        identity = Identity(str(agent_id), session_id if _is_id(session_id) else None)
        return Response({"token": make_token(identity), "expires_in": LIFETIME_SECONDS})


def _is_id(value: object) -> bool:
    return isinstance(value, str) and value != "" and "\0" not in value
