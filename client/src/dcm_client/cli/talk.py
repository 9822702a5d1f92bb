"""Commands by which agents and people talk: inbox, send, ask, answer, share, decide."""

import json
import sys
from typing import Annotated

import typer

from dcm_client.cli.options import Json, Sender, Session, Url, server, the_sender, the_session
from dcm_client.cli.terminal import ago, clean, give_up, line, say, show_json, show_table
from dcm_client.results import Message, Question

TOPIC = "workflow.progress"


def inbox(
    agent: Annotated[str | None, typer.Argument(help="By default you, see --as.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Read ones, too.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave them unread.")] = False,
    limit: Annotated[int, typer.Option(min=1)] = 50,
    sender: Sender = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Messages to an agent, most urgent first; what is shown counts as read."""
    with server(url) as dcm:
        messages = list(
            dcm.get_messages(
                agent or the_sender(sender),
                unread_only=not everything,
                mark_read=not keep,
                limit=limit,
            )
        )
    if as_json:
        show_json(messages)
        return
    for message in messages:
        _show_message(message)
    if not messages:
        say("No messages" if everything else "No unread messages")


def _show_message(message: Message) -> None:
    to = "" if message.to_agent else " to all"
    urgent = f" priority {message.priority}" if message.priority else ""
    topic = "" if message.topic == TOPIC else f" [{line(message.topic)}]"
    say(f"{line(message.from_agent)}{to}, {ago(message.created_at)}{topic}{urgent}")
    text = _text_of(message.content)
    say("\n".join(f"  {each}" for each in clean(text).splitlines() or [""]))


def _text_of(content: object) -> str:
    """Of a message that is a text, which the server wraps; else its JSON."""
    if isinstance(content, dict) and content.keys() == {"message"}:
        content = content["message"]
    return content if isinstance(content, str) else json.dumps(content)


def send(
    text: Annotated[str, typer.Argument(help="What to say; - reads it from stdin.")],
    to: Annotated[str | None, typer.Option(help="An agent; without, everybody.")] = None,
    topic: Annotated[str, typer.Option(help="What it is about, such as task.completed.")] = TOPIC,
    priority: Annotated[int | None, typer.Option(min=0, max=10)] = None,
    sender: Sender = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Tell an agent, or everybody, something."""
    text = _read(text)
    with server(url) as dcm:
        receipt = dcm.send_message(the_sender(sender), topic, text, to_agent=to, priority=priority)
    if as_json:
        show_json(receipt)
    else:
        say(f"Sent to {receipt.to_agent or 'everybody'}")


def ask(
    question: Annotated[str, typer.Argument(help="- reads it from stdin.")],
    to: Annotated[str | None, typer.Option(help="An agent; without, whoever knows.")] = None,
    session: Session = None,
    sender: Sender = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Ask the agents of a session something."""
    question = _read(question)
    with server(url) as dcm:
        asked = dcm.ask_question(the_session(dcm, session), question, the_sender(sender), to=to)
    if as_json:
        show_json(asked)
    else:
        say(f"Asked: {asked.id}")


def answer(
    question_id: Annotated[
        str | None, typer.Argument(help="Or its beginning; without, the open questions are shown.")
    ] = None,
    text: Annotated[str | None, typer.Argument(help="- reads it from stdin.")] = None,
    session: Session = None,
    sender: Sender = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Answer a question, or see which are open."""
    with server(url) as dcm:
        session_id = the_session(dcm, session)
        pending = list(dcm.list_questions(session_id, state="pending"))
        if question_id is None:
            _show_questions(pending, as_json)
            return
        if text is None:
            give_up("say the answer after the question's id", 2)
        matching = [each.id for each in pending if each.id.startswith(question_id)]
        if len(matching) > 1:
            give_up(f"{len(matching)} open questions begin with {question_id}: give more of it")
        chosen = matching[0] if matching else question_id
        answered = dcm.answer_question(session_id, chosen, _read(text), the_sender(sender))
    if as_json:
        show_json(answered)
    else:
        say(f"Answered: {answered.question}")


def _show_questions(questions: list[Question], as_json: bool) -> None:
    if as_json:
        show_json(questions)
        return
    rows = [(q.id[:8], q.asked_by, q.to_agent, ago(q.created_at), q.question) for q in questions]
    show_table(("ID", "BY", "TO", "ASKED", "QUESTION"), rows, empty="No open questions")


def share(
    key: Annotated[str | None, typer.Argument(help="Without, all keys are shown.")] = None,
    value: Annotated[
        str | None, typer.Argument(help="- reads it from stdin; without, the value is shown.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="May be given several times.")] = None,
    session: Session = None,
    sender: Sender = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Share a value under a key with the agents of a session, or see what is shared."""
    with server(url) as dcm:
        session_id = the_session(dcm, session)
        if key is None:
            entries = list(dcm.list_entries(session_id, tags=tag))
            if as_json:
                show_json(entries)
                return
            rows = [(e.key, e.version, ago(e.updated_at), e.created_by, e.value) for e in entries]
            headings = ("KEY", "VERSION", "CHANGED", "BY", "VALUE")
            show_table(headings, rows, empty="Nothing is shared")
            return
        if value is None:
            entry = dcm.get_entry(session_id, key)
        else:
            entry = dcm.share_context(session_id, key, _read(value), the_sender(sender), tags=tag)
    if as_json:
        show_json(entry)
    else:
        say(entry.value if value is None else f"Shared: {entry.key}, version {entry.version}")


def decide(
    decision: Annotated[str | None, typer.Argument(help="Without, all are shown.")] = None,
    why: Annotated[str | None, typer.Option(help="The reason.")] = None,
    session: Session = None,
    sender: Sender = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Put a decision on record for the agents of a session, or see what was decided."""
    with server(url) as dcm:
        session_id = the_session(dcm, session)
        if decision is not None:
            logged = dcm.log_decision(
                session_id, _read(decision), the_sender(sender), rationale=why
            )
            if as_json:
                show_json(logged)
            else:
                say("Decided")
            return
        decisions = list(dcm.list_decisions(session_id))
    if as_json:
        show_json(decisions)
        return
    rows = [(ago(d.created_at), d.decided_by, d.decision, d.rationale) for d in decisions]
    show_table(("WHEN", "BY", "DECISION", "WHY"), rows, empty="Nothing was decided")


def _read(text: str) -> str:
    return sys.stdin.read() if text == "-" else text
