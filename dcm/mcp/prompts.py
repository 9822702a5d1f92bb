"""Prompts that a person picks in the host: to hand over, and to find one's feet again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dcm.lib import wire
from dcm.lib.errors import ValidationFailed
from dcm.mcp.caller import Caller
from sessions_app.briefs import generate_brief

_HAND_OVER = """\
Hand your work over{to}, so that it can go on without asking you anything. Use the tools of this
server:

1. decide: each choice you made that is not logged yet, with its reason.
2. share: under handover/{agent_id}, what is done, what is open, what to do next, the files that
   matter, how to check the result, and what you tried in vain.
3. send{send_to}: that the hand-over is there, with its key.
4. report_progress: status completed, or blocked with the reason.

What the server knows of your work:

{brief}"""

_AFTER_COMPACTION = """\
Your conversation was compacted. This is what the server knows of your work; where your memory
differs, trust this and the files. Look into your inbox, then go on with the open task.

{brief}"""

_ARGUMENTS = {
    "agent_id": "Your id, unless the address of this server names it",
    "session_id": "The session, by default the one of your open work",
    "to": "Who takes over; anyone by default",
}


@dataclass(frozen=True)
class Prompt:
    """arguments: names of texts, all of them optional. write: the text, as a user would say it."""

    name: str
    description: str
    arguments: tuple[str, ...]
    write: Callable[[Caller, Mapping[str, str]], str]

    def text(self, caller: Caller, given: Mapping[str, str]) -> str:
        """Raises ValidationFailed and NoAgent."""
        known = {name: given[name] for name in self.arguments if given.get(name)}
        bad = [name for name, value in known.items() if not wire.is_storable(value)]
        if bad:
            raise ValidationFailed({name: [wire.UNSTORABLE] for name in bad})
        return self.write(caller, known)

    def described(self) -> list[tuple[str, str]]:
        return [(name, _ARGUMENTS[name]) for name in self.arguments]


def _hand_over(caller: Caller, given: Mapping[str, str]) -> str:
    to = given.get("to")
    return _HAND_OVER.format(
        to=f" to {to}" if to else "",
        send_to=f" to {to}" if to else "",
        agent_id=caller.agent(given.get("agent_id")),
        brief=_brief(caller, given),
    )


def _after_compaction(caller: Caller, given: Mapping[str, str]) -> str:
    return _AFTER_COMPACTION.format(brief=_brief(caller, given))


def _brief(caller: Caller, given: Mapping[str, str]) -> str:
    agent_id = caller.agent(given.get("agent_id"))
    session_id = caller.working_session(agent_id, given.get("session_id"))
    return generate_brief(agent_id=agent_id, session_id=session_id).content


PROMPTS = {
    prompt.name: prompt
    for prompt in (
        Prompt(
            "hand_over",
            "Hand your work over to another agent, or to your next session",
            ("to", "agent_id", "session_id"),
            _hand_over,
        ),
        Prompt(
            "after_compaction",
            "What you should know after the host compacted the conversation",
            ("agent_id", "session_id"),
            _after_compaction,
        ),
    )
}
