from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from dcm.lib.admin import RowAdmin, Up
from messaging.models import (
    CONTEXT_GENERATED,
    MESSAGE_UNDELIVERABLE,
    Agent,
    Block,
    Correspondence,
    Delivery,
    Message,
    Subscription,
    Topic,
)
from messaging.services.blocking import unblock
from messaging.services.messages import expire_message
from messaging.services.registry import end_agent
from messaging.services.subscriptions import unsubscribe


class TopicFilter(admin.SimpleListFilter):
    title = "topic"
    parameter_name = "topic"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            (topic, topic) for topic in [*Topic.values, CONTEXT_GENERATED, MESSAGE_UNDELIVERABLE]
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        return queryset.filter(topic=self.value()) if self.value() else queryset


@admin.register(Message)
class MessageAdmin(RowAdmin):
    columns = (
        "id",
        "project",
        "from_agent",
        "to_agent",
        "topic",
        "priority",
        "content",
        "created_at",
        "expires_at",
    )
    up = {"project": Up("projects.project", text="project__path")}
    sortable = ("created_at", "expires_at")
    ordering = ("-created_at", "id")
    list_filter = (TopicFilter, ("to_agent", admin.EmptyFieldListFilter), "created_at")
    search_fields = ("from_agent", "to_agent")
    actions = (*RowAdmin.actions, "expire")

    @admin.action(description="Expire now", permissions=["change"])
    def expire(self, request: HttpRequest, rows: QuerySet[Message]) -> None:
        self.apply(request, rows, lambda row: expire_message(row.id), "expired")


@admin.register(Agent)
class AgentAdmin(RowAdmin):
    columns = (
        "name",
        "agent_id",
        "session_id",
        "project",
        "agent_type",
        "state",
        "reason",
        "state_since",
        "seen_at",
    )
    up = {"project": Up("projects.project", text="project__path")}
    sortable = ("state_since", "seen_at")
    ordering = ("-seen_at", "id")
    list_filter = ("state", "created_at")
    search_fields = ("name", "agent_id", "session_id")
    actions = (*RowAdmin.actions, "end")

    @admin.action(description="End: nothing more is to be heard of it", permissions=["change"])
    def end(self, request: HttpRequest, rows: QuerySet[Agent]) -> None:
        self.apply(request, rows, lambda row: end_agent(row.id), "ended")


@admin.register(Delivery)
class DeliveryAdmin(RowAdmin):
    """How far messages came: view only."""

    columns = (
        "message_id",
        "from_agent",
        "to_agent",
        "number",
        "state",
        "reason",
        "queued_at",
        "injected_at",
        "seen_at",
        "acknowledged_at",
    )
    up = {"message_id": Up("messaging.message")}
    sortable = ("queued_at",)
    ordering = ("-queued_at", "message_id")
    list_filter = ("state", "is_crossed", "to_inject")
    search_fields = ("from_agent", "to_agent")


@admin.register(Correspondence)
class CorrespondenceAdmin(RowAdmin):
    """Counted by sending: view only."""

    columns = ("from_agent", "to_agent", "last_number", "used_at")
    ordering = ("-used_at", "id")
    search_fields = ("from_agent", "to_agent")


@admin.register(Subscription)
class SubscriptionAdmin(RowAdmin):
    columns = ("agent_id", "topic", "callback_url", "created_at", "updated_at")
    sortable = ("agent_id",)
    ordering = ("agent_id", "topic")
    list_filter = ("topic",)
    search_fields = ("agent_id",)

    def remove(self, row: Subscription) -> object:
        return unsubscribe(id=row.id)


@admin.register(Block)
class BlockAdmin(RowAdmin):
    columns = ("id", "blocked_by", "blocked_agent", "reason", "created_at")
    ordering = ("-created_at", "id")
    search_fields = ("blocked_by", "blocked_agent")
    actions = (*RowAdmin.actions, "resolve")

    @admin.action(description="Resolve: the agent need not wait", permissions=["change"])
    def resolve(self, request: HttpRequest, rows: QuerySet[Block]) -> None:
        self.apply(request, rows, lambda row: unblock(row.id), "resolved")
