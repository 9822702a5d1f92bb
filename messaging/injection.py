"""Messages as the text that is put before an agent. Pure. Contract: integrations 1, Output."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from dcm.lib import wire
from messaging.models import Delivery, Message

LARGEST_INJECTION = 9_000
"""Characters: hosts cut at 10,000."""
LARGEST_MESSAGE = 2_000
MOST_INJECTIONS = 3
"""How often one message is put before its agent, if it is never seen."""
CUT = " … [cut: the whole message is in the inbox]"
ENDING = (
    "A reply by `send` with in_reply_to, or `inbox` with acknowledge, tells the sender that it"
    " arrived."
)


class Note(NamedTuple):
    delivery: Delivery
    message: Message


def in_words(
    notes: Sequence[Note], *, names: Mapping[str, str], most: int
) -> tuple[str, list[Note]]:
    """The most urgent and oldest that fit into so many characters, and which they are.

    names: agent_id -> what people call it. ("", []) when none fits.
    """
    chosen: list[Note] = []
    parts: list[str] = []
    left = most - len(_heading(len(notes))) - len(ENDING) - 2
    for note in sorted(notes, key=_urgency):
        part = _paragraph(note, names)
        if len(part) + 1 <= left:
            left -= len(part) + 1
            chosen.append(note)
            parts.append(part)
    if not chosen:
        return "", []
    return "\n".join([_heading(len(chosen)), *parts, ENDING]), chosen


def _urgency(note: Note) -> tuple[int, object, object]:
    return -note.message.priority, note.delivery.queued_at, note.delivery.message_id


def _heading(count: int) -> str:
    return f"Messages from other agents, by DCM: {count}."


def _paragraph(note: Note, names: Mapping[str, str]) -> str:
    delivery, message = note
    sender = delivery.from_agent or "DCM"
    name = names.get(sender)
    about = [f"id {message.id}", f"number {delivery.number}"]
    if message.priority >= Message.HIGH_PRIORITY:
        about.append(f"priority {message.priority}")
    if delivery.in_reply_to:
        about.append(f"in reply to {delivery.in_reply_to}")
    if delivery.is_crossed:
        about.append("sent before your latest message was seen")
    who = f"{name} ({sender})" if name else sender
    return f"From {who[:200]} [{', '.join(about)}]: {said(message)}"


def said(message: Message) -> str:
    """What it says, cut."""
    content = message.content
    text = content.get("message") if isinstance(content, dict) and len(content) == 1 else None
    if not isinstance(text, str):
        text = wire.dump(content).decode()
    return text if len(text) <= LARGEST_MESSAGE else text[: LARGEST_MESSAGE - len(CUT)] + CUT
