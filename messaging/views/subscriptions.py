from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dcm.lib.api import Query, path_uuid
from messaging.models import Subscription
from messaging.serializers import SubscriptionInput, SubscriptionOutput, UnsubscribeInput
from messaging.services.subscriptions import subscribe, unsubscribe

MOST_SUBSCRIPTIONS = 1000


class Subscribe(APIView):
    failure = "Failed to create subscription"

    def post(self, request: Request) -> Response:
        subscription = subscribe(**SubscriptionInput.read(request.data))
        shown = SubscriptionOutput(subscription).data
        return Response({"success": True, "subscription": shown}, status=201)


class Unsubscribe(APIView):
    failure = "Failed to unsubscribe"

    def post(self, request: Request) -> Response:
        return Response(_deleted(unsubscribe(**UnsubscribeInput.read(request.data))))


class Subscriptions(APIView):
    failure = "Failed to fetch subscriptions"

    def get(self, request: Request) -> Response:
        query = Query(request.query_params)
        wanted = query.given(agent_id=query.text("agent_id"), topic=query.text("topic"))
        rows = Subscription.objects.filter(**wanted).order_by("-created_at", "id")
        shown = SubscriptionOutput(rows if wanted else rows[:MOST_SUBSCRIPTIONS], many=True).data
        return Response({"subscriptions": shown, "count": len(shown)})


class SubscriptionsOf(APIView):
    """An agent's by its id; one by its own id to be deleted."""

    failures = {
        "get": "Failed to fetch agent subscriptions",
        "delete": "Failed to delete subscription",
    }

    def get(self, request: Request, key: str) -> Response:
        rows = Subscription.objects.filter(agent_id=key).order_by("topic")
        shown = SubscriptionOutput(rows, many=True).data
        return Response(
            {
                "agent_id": key,
                "subscriptions": shown,
                "topics": [row["topic"] for row in shown],
                "count": len(shown),
            }
        )

    def delete(self, request: Request, key: str) -> Response:
        return Response(_deleted(unsubscribe(id=path_uuid(key))))


def _deleted(subscription: Subscription) -> dict[str, Any]:
    return {
        "success": True,
        "deleted": {
            "id": subscription.id,
            "agent_id": subscription.agent_id,
            "topic": subscription.topic,
        },
    }
