import uuid

from django.db import transaction

from dcm.lib.errors import NotFound
from messaging.models import Subscription

_UPSERT = """
INSERT INTO messaging_subscription (id, agent_id, topic, callback_url, created_at, updated_at)
VALUES (%(id)s, %(agent_id)s, %(topic)s, %(callback_url)s, now(), now())
ON CONFLICT (agent_id, topic) DO UPDATE SET
  callback_url = EXCLUDED.callback_url, updated_at = EXCLUDED.updated_at
RETURNING *
"""


class SubscriptionNotFound(NotFound):
    message = "Subscription not found"


def subscribe(*, agent_id: str, topic: str, callback_url: str | None = None) -> Subscription:
    """The agent's interest in this topic; subscribing again replaces the callback."""
    parameters = {
        "id": uuid.uuid4(),
        "agent_id": agent_id,
        "topic": topic,
        "callback_url": callback_url,
    }
    return Subscription.objects.raw(_UPSERT, parameters)[0]


@transaction.atomic
def unsubscribe(**which: object) -> Subscription:
    """Delete the subscription of this id, or of this agent_id and topic.

    Raises SubscriptionNotFound.
    """
    subscription = Subscription.objects.select_for_update().filter(**which).first()
    if subscription is None:
        raise SubscriptionNotFound
    Subscription.objects.filter(id=subscription.id).delete()
    return subscription
