"""How far messages have come. Beyond the contract."""

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dcm.lib.api import Keyset, Listing, Query, path_uuid
from messaging.models import Delivery
from messaging.selectors import delivery_of
from messaging.serializers import DeliveryOutput, ReaderInput
from messaging.services.delivery import acknowledge

DELIVERIES = Listing(
    Delivery.objects.all,
    DeliveryOutput,
    name="deliveries",
    keyset=Keyset("-queued_at", "message_id"),
)


class Deliveries(APIView):
    failure = "Failed to fetch deliveries"

    def get(self, request: Request) -> Response:
        query = Query(request.query_params)
        state = query.choice("state", "any", ["any", *Delivery.State.values])
        return Response(
            DELIVERIES.page(
                query,
                from_agent=query.text("from_agent"),
                to_agent=query.text("to_agent"),
                state=None if state == "any" else state,
            )
        )


class OneDelivery(APIView):
    failure = "Failed to fetch delivery"

    def get(self, request: Request, message_id: str) -> Response:
        return Response({"delivery": DeliveryOutput(delivery_of(path_uuid(message_id))).data})


class Acknowledgement(APIView):
    failure = "Failed to acknowledge message"

    def post(self, request: Request, message_id: str) -> Response:
        agent_id = ReaderInput.read(request.data)["agent_id"]
        delivery = acknowledge(path_uuid(message_id), agent_id)
        return Response({"success": True, "delivery": DeliveryOutput(delivery).data})
