from django.urls import path

from messaging.views import blocking, deliveries, messages, subscriptions

urlpatterns = [
    path("messages", messages.post_message),
    path("messages/<str:message_id>/read", messages.MessageReadMark.as_view()),
    path("messages/<text:agent_id>", messages.inbox),
    path("deliveries", deliveries.Deliveries.as_view()),
    path("deliveries/<str:message_id>", deliveries.OneDelivery.as_view()),
    path("deliveries/<str:message_id>/acknowledge", deliveries.Acknowledgement.as_view()),
    path("subscribe", subscriptions.Subscribe.as_view()),
    path("unsubscribe", subscriptions.Unsubscribe.as_view()),
    path("subscriptions", subscriptions.Subscriptions.as_view()),
    path("subscriptions/<text:key>", subscriptions.SubscriptionsOf.as_view()),
    path("blocking", blocking.Blocking.as_view()),
    path("blocking/check", blocking.BlockingCheck.as_view()),
    path("blocking/<text:key>", blocking.BlockingOf.as_view()),
    path("unblock", blocking.Unblock.as_view()),
]
