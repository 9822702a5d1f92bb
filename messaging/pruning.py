from django.utils import timezone

from dcm.lib.pruning import Pruning
from messaging.models import Message
from messaging.services.messages import expire_messages

EXPIRED_MESSAGES = Pruning(
    "messages",
    lambda: Message.objects.filter(expires_at__lte=timezone.now()).count(),
    expire_messages,
)
"""Publishes message.expired for each."""
