"""What goes stale is deleted, and nothing else."""

from datetime import timedelta
from io import StringIO
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from dcm.cleanup import sweep
from dcm.lib.idempotency.models import StoredReply
from dcm.lib.threads import in_thread
from messaging.models import Message
from projects.models import Action
from realtime.models import EventHead, LoggedEvent
from sessions_app.models import Compaction, ToolStart
from tests.conftest import Api, Listen
from tests.factories import make_action


def command(name: str, *arguments: str) -> str:
    output = StringIO()
    call_command(name, *arguments, stdout=output)
    return output.getvalue()


def make_message(**columns: Any) -> Message:
    defaults = {"from_agent": "a", "message_type": "task.created", "topic": "task.created"}
    return Message.objects.create(content={}, **(defaults | columns))


async def test_expired_messages_go_and_are_announced(api: Api, listen: Listen) -> None:
    backend = await listen("agents/b")
    past = timezone.now() - timedelta(seconds=1)
    gone = await in_thread(make_message, to_agent="b", expires_at=past)
    await in_thread(make_message, to_agent="b")

    said = await in_thread(command, "prune_messages")

    assert said == "Pruned 1 messages\n"
    event = await backend.next_event("message.expired", channel="agents/b")
    assert event["data"]["id"] == str(gone.id)
    assert (await api.get("/api/messages/b")).json()["count"] == 1


async def test_a_dry_run_counts_and_deletes_nothing(api: Api) -> None:
    past = timezone.now() - timedelta(seconds=1)
    await in_thread(make_message, expires_at=past)

    said = await in_thread(command, "cleanup", "--dry-run")

    assert "Would prune 1 messages" in said.splitlines()
    assert await in_thread(Message.objects.count) == 1


async def test_the_log_is_pruned_from_its_beginning(api: Api) -> None:
    for number in range(30):
        await api.post("/api/sessions", json={"id": f"s-{number}"})

    def keep_ten() -> list[int]:
        settings.EVENT_RETENTION_MAX = 10
        command("prune_events")
        return [*LoggedEvent.objects.order_by("seq").values_list("seq", flat=True)]

    before = settings.EVENT_RETENTION_MAX
    try:
        kept = await in_thread(keep_ten)
    finally:
        settings.EVENT_RETENTION_MAX = before
    head = (await in_thread(EventHead.objects.get)).seq
    assert kept == [*range(head - 9, head + 1)]


async def test_actions_are_kept_unless_told_otherwise(api: Api) -> None:
    old = timezone.now() - timedelta(days=400)
    await in_thread(make_action, created_at=old)
    await in_thread(make_action)

    kept = await in_thread(command, "prune_actions")
    settings.ACTION_RETENTION_DAYS = 30
    pruned = await in_thread(command, "prune_actions")
    settings.ACTION_RETENTION_DAYS = 0

    assert (kept, pruned) == ("Pruned 0 actions\n", "Pruned 1 actions\n")
    assert await in_thread(Action.objects.count) == 1


async def test_a_sweep_takes_everything_in_any_number(api: Api) -> None:
    def fill_and_sweep() -> dict[str, int]:
        old = timezone.now() - timedelta(days=2)
        ToolStart.objects.bulk_create(
            ToolStart(tool_use_id=str(n), session_id="s", started_at=old) for n in range(1_100)
        )
        for number, age in ((1, 91), (2, 1)):
            Compaction.objects.create(
                session_id="s", number=number, begun_at=timezone.now() - timedelta(days=age)
            )
        StoredReply.objects.create(key="k", fingerprint=b"", created_at=old)
        StoredReply.objects.create(key="young", fingerprint=b"")
        return sweep()

    pruned = await in_thread(fill_and_sweep)

    assert (pruned["tool starts"], pruned["stored replies"]) == (1_100, 1)
    assert pruned["compactions"] == 1
    stats = (await api.get("/api/cleanup/stats")).json()
    assert stats["last_cleanup"]["deletedMessages"] == 0
    assert stats["messages"] == {"total": 0, "expired": 0, "unread": 0, "byTopic": {}}
