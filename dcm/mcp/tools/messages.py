"""What agents say to each other."""

import uuid
from typing import Annotated, Any, Literal

import msgspec

from dcm.lib.body import NonEmpty
from dcm.mcp.caller import Caller
from dcm.mcp.tool import Call, SessionCall, tool
from messaging.addresses import recipients
from messaging.models import Delivery, Message
from messaging.selectors import sent_and_open
from messaging.services.blocking import block_agent, unblock_agent
from messaging.services.delivery import acknowledge
from messaging.services.inbox import Inbox, read_inbox
from messaging.services.messages import send as send_letters
from messaging.services.posting import Letter
from sessions_app.briefs.of_session import MOST_QUESTIONS
from sessions_app.coordinator_objects import question_object
from sessions_app.coordinator_selectors import questions_concerning
from sessions_app.services.coordinator import answer_question, ask_question

LONGEST_TTL_SECONDS = 86_400
MOST_SENT = 10


class InboxCall(SessionCall, kw_only=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    mark_read: bool = True
    acknowledge: Annotated[
        list[uuid.UUID],
        msgspec.Meta(max_length=100, description="Ids of messages whose senders are told"),
    ] = []


@tool(
    InboxCall,
    "Your unread messages, most urgent first, the questions that wait for you, the answers to"
    " yours, and what you sent that is not acknowledged.",
)
def inbox(caller: Caller, given: InboxCall) -> object:
    agent_id = caller.agent(given.agent_id)
    for message_id in given.acknowledge:
        acknowledge(message_id, agent_id)
    return inbox_of(
        agent_id,
        caller.session(given.session_id),
        limit=given.limit,
        mark_read=given.mark_read,
    )


def inbox_of(agent_id: str, session_id: str, *, limit: int, mark_read: bool) -> dict[str, Any]:
    wanted = Inbox(agent_id=agent_id, unread_only=True, limit=limit, mark_read=mark_read)
    messages, unread = read_inbox(wanted)
    questions = questions_concerning(session_id, agent_id, MOST_QUESTIONS)
    return {
        # What the agent told everyone itself is no news to it.
        "messages": [_note(message) for message in messages if message.from_agent != agent_id],
        "unread_remaining": unread,
        "questions": [question_object(question) for question in questions],
        **({"sent": sent} if (sent := [*map(_sent, sent_and_open(agent_id, MOST_SENT))]) else {}),
    }


def _sent(delivery: Delivery) -> dict[str, Any]:
    return {"id": delivery.message_id, "to": delivery.to_agent, "state": delivery.state}


def _note(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "from": message.from_agent,
        "to": message.to_agent or "everyone",
        "topic": message.topic,
        "priority": message.priority,
        "at": message.created_at,
        "content": message.content,
    }


class SendCall(Call, kw_only=True):
    message: NonEmpty
    to: (
        Annotated[
            NonEmpty,
            msgspec.Meta(
                description="Id or name of an agent, type:<agent type>, session:<id>, or project;"
                " everyone by default"
            ),
        ]
        | None
    ) = None
    in_reply_to: uuid.UUID | None = None
    topic: Literal[
        "task.created",
        "task.completed",
        "task.failed",
        "context.request",
        "context.response",
        "alert.blocking",
        "agent.heartbeat",
        "workflow.progress",
    ] = "workflow.progress"
    priority: Annotated[int, msgspec.Meta(ge=0, le=10, description="5 and more is urgent")] = 0
    ttl_seconds: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_TTL_SECONDS)] | None = None


@tool(
    SendCall,
    "Send a message to an agent, several or everyone. It waits in the inbox until it expires.",
)
def send(caller: Caller, given: SendCall) -> object:
    agent_id = caller.agent(given.agent_id)
    ids = [each.agent_id for each in recipients(given.to, sender=agent_id)] if given.to else [None]
    sent = send_letters(
        [
            Letter(
                from_agent=agent_id,
                to_agent=to_agent,
                topic=given.topic,
                content={"message": given.message},
                priority=given.priority,
                ttl_seconds=given.ttl_seconds,
                in_reply_to=given.in_reply_to,
            )
            for to_agent in ids
        ]
    )
    told = {"id": sent[0].id, "expires_at": sent[0].expires_at}
    deliveries = [each.delivery for each in sent if each.delivery]
    return told | ({"deliveries": deliveries} if deliveries else {})


class AskCall(SessionCall, kw_only=True):
    question: NonEmpty
    to: Annotated[NonEmpty, msgspec.Meta(description="An agent id; anyone by default")] | None = (
        None
    )


@tool(AskCall, "Ask another agent, or anyone in the session. The answer comes to your inbox.")
def ask(caller: Caller, given: AskCall) -> object:
    asked = ask_question(
        session_id=caller.session(given.session_id),
        question=given.question,
        to_agent=given.to,
        agent_id=caller.agent(given.agent_id),
    )
    return question_object(asked)


class AnswerCall(SessionCall, kw_only=True):
    question_id: NonEmpty
    answer: NonEmpty


@tool(AnswerCall, "Answer a question from your inbox. A newer answer replaces an older one.")
def answer(caller: Caller, given: AnswerCall) -> object:
    answered = answer_question(
        session_id=caller.session(given.session_id),
        question_id=given.question_id,
        answer=given.answer,
        agent_id=caller.agent(given.agent_id),
    )
    return question_object(answered)


class BlockCall(Call, kw_only=True):
    blocked_agent: NonEmpty
    reason: Annotated[str, msgspec.Meta(max_length=500)] | None = None


@tool(BlockCall, "Ask another agent to wait for you. Advice: nothing stops it.")
def block(caller: Caller, given: BlockCall) -> object:
    blocking = block_agent(
        blocked_by=caller.agent(given.agent_id),
        blocked_agent=given.blocked_agent,
        reason=given.reason,
    )
    return {"id": blocking.id}


class UnblockCall(Call, kw_only=True):
    blocked_agent: NonEmpty


@tool(UnblockCall, "Tell an agent that it need not wait for you any longer.")
def unblock(caller: Caller, given: UnblockCall) -> object:
    removed = unblock_agent(
        blocked_by=caller.agent(given.agent_id), blocked_agent=given.blocked_agent
    )
    return {"id": removed.id}
