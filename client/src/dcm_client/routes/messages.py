"""Agents, what they say to each other, and who waits for whom."""

from datetime import datetime

from dcm_client.calls import Call, Listing, given, listing, path, route
from dcm_client.results import (
    Block,
    Blocking,
    Delivery,
    Json,
    Message,
    MessageReceipt,
    Subscription,
)
from dcm_client.routes.forms import delete, get, listed, post


class MessageRoutes:
    @route
    def send_message(
        self,
        from_agent: str,
        topic: str,
        content: Json | str,
        *,
        to_agent: str | None = None,
        to: str | None = None,
        in_reply_to: str | None = None,
        priority: int | None = None,
        ttl_seconds: int | None = None,
        project_id: str | None = None,
    ) -> Call[MessageReceipt]:
        """To everybody without a to_agent or `to`.

        to: an address, as `@quiet-otter` or `type:reviewer`; of several that it means the first
        one's receipt is returned.
        """
        return post(
            "/api/messages",
            MessageReceipt,
            "message",
            from_agent=from_agent,
            topic=topic,
            content=content,
            to_agent=to_agent,
            to=to,
            in_reply_to=in_reply_to,
            priority=priority,
            ttl_seconds=ttl_seconds,
            project_id=project_id,
        )

    @route
    def get_delivery(self, message_id: str) -> Call[Delivery]:
        """How far a message to one agent has come."""
        return get(path("deliveries", message_id), Delivery, "delivery")

    @listing
    def list_deliveries(
        self,
        *,
        from_agent: str | None = None,
        to_agent: str | None = None,
        state: str | None = None,
        limit: int | None = None,
    ) -> Listing[Delivery]:
        """Newest first. state: queued, injected, seen, acknowledged or dead."""
        query = given(from_agent=from_agent, to_agent=to_agent, state=state)
        return listed("/api/deliveries", "deliveries", Delivery, limit, **query)

    @route
    def acknowledge_message(self, message_id: str, agent_id: str) -> Call[Delivery]:
        """Tell its sender that this agent, to which it was sent, took note."""
        return post(
            path("deliveries", message_id, "acknowledge"), Delivery, "delivery", agent_id=agent_id
        )

    @listing
    def get_messages(
        self,
        agent_id: str,
        *,
        topic: str | None = None,
        since: datetime | None = None,
        include_broadcasts: bool | None = None,
        unread_only: bool | None = None,
        mark_read: bool | None = None,
        limit: int | None = None,
    ) -> Listing[Message]:
        """Most urgent first; they count as read by the agent, unless mark_read is False."""
        query = given(
            topic=topic,
            since=since,
            include_broadcasts=include_broadcasts,
            unread_only=unread_only,
            mark_read=mark_read,
        )
        return listed(path("messages", agent_id), "messages", Message, limit, **query)

    @route
    def mark_message_read(self, message_id: str, agent_id: str) -> Call[None]:
        return post(path("messages", message_id, "read"), None, agent_id=agent_id)

    @route
    def subscribe(
        self, agent_id: str, topic: str, callback_url: str | None = None
    ) -> Call[Subscription]:
        body = given(agent_id=agent_id, topic=topic, callback_url=callback_url)
        return post("/api/subscribe", Subscription, "subscription", **body)

    @route
    def unsubscribe(self, agent_id: str, topic: str) -> Call[Subscription]:
        body = given(agent_id=agent_id, topic=topic)
        return post("/api/unsubscribe", Subscription, "deleted", **body)

    @route
    def get_subscriptions(
        self, *, agent_id: str | None = None, topic: str | None = None
    ) -> Call[list[Subscription]]:
        query = given(agent_id=agent_id, topic=topic)
        return get("/api/subscriptions", list[Subscription], "subscriptions", **query)

    @route
    def get_subscriptions_of(self, agent_id: str) -> Call[list[Subscription]]:
        return get(path("subscriptions", agent_id), list[Subscription], "subscriptions")

    @route
    def delete_subscription(self, subscription_id: str) -> Call[Subscription]:
        return delete(path("subscriptions", subscription_id), Subscription, "deleted")

    @route
    def block_agent(
        self, blocked_by: str, blocked_agent: str, reason: str | None = None
    ) -> Call[Block]:
        body = given(blocked_by=blocked_by, blocked_agent=blocked_agent, reason=reason)
        return post("/api/blocking", Block, "blocking", **body)

    @route
    def unblock_agent(self, blocked_by: str, blocked_agent: str) -> Call[Block]:
        body = given(blocked_by=blocked_by, blocked_agent=blocked_agent)
        return post("/api/unblock", Block, "unblocked", **body)

    @route
    def is_blocked(self, agent_id: str, by: str | None = None) -> Call[bool]:
        """By anybody, or by this agent."""
        query = given(agent_id=agent_id) if by is None else given(blocked=agent_id, blocker=by)
        return get("/api/blocking/check", bool, "is_blocked", **query)

    @route
    def get_blocking(self, agent_id: str) -> Call[Blocking]:
        return get(path("blocking", agent_id), Blocking)

    @route
    def delete_block(self, block_id: str) -> Call[Block]:
        return delete(path("blocking", block_id), Block, "unblocked")
