from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from sessions_app.agents import agents
from sessions_app.views.coordinator import AgentNotFound


class Agents(APIView):
    failure = "Failed to fetch agents"

    def get(self, request: Request) -> Response:
        found = agents()
        return Response({"agents": found, "count": len(found)})


class OneAgent(APIView):
    failure = "Failed to fetch agent"

    def get(self, request: Request, agent_id: str) -> Response:
        found = agents(agent_id)
        if not found:
            raise AgentNotFound
        return Response({"agent": found[0]})
