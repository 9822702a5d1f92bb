from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from dcm.lib.admin import RowAdmin, Up
from messaging.models import CONTEXT_GENERATED, Block, Message, Subscription, Topic
from messaging.services.blocking import unblock
from messaging.services.messages import expire_message
from messaging.services.subscriptions import unsubscribe


class TopicFilter(admin.SimpleListFilter):
    title = "topic"
    parameter_name = "topic"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(topic, topic) for topic in [*Topic.values, CONTEXT_GENERATED]]

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
