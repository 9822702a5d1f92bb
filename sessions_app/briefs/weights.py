"""How relevant each kind of thing is to the agent, from 0 to 1: what a short brief keeps.

First what stops the agent or waits for it, then its own work, then what others decided, shared and
finished, by how much it bears on that work; general advice last.
"""

from collections.abc import Iterator

from messaging.models import Message
from projects.models import Subtask
from sessions_app.briefs.items import said_in
from sessions_app.briefs.material import Asked, Decided, Material, Shared, Touch, Wanted
from sessions_app.briefs.rank import Bearing

HINT = 0.1
NOTE = 0.3
BLOCK, TEAM_BLOCK = 0.97, 0.87
FAILURE, CONFLICT = 0.93, 0.9
AWAITED, TEAM, FINISHED_SINCE = 0.95, 0.86, 0.85
OWN_TASK, PROGRESS, RECALLED = 0.8, 0.4, 0.35
ANSWER, ASKED, LEASE = 0.75, 0.72, 0.7


class Weights:
    """For one agent and what there is to tell it. leads: it directs others."""

    def __init__(self, wanted: Wanted, material: Material, *, leads: bool) -> None:
        self._agent_id = wanted.agent_id
        self._leads = leads
        self._awaited = {str(one) for task in material.tasks for one in task.blocked_by}
        self._bearing = Bearing(_work(material), _talk(material))

    def message(self, message: Message) -> float:
        if message.topic == "agent.heartbeat":
            return 0.05
        if message.to_agent is not None:
            return 0.7 + 0.02 * message.priority
        return 0.2 + 0.03 * message.priority + 0.3 * self._bearing.of(said_in(message))

    def question(self, question: Asked) -> float:
        if question.to == self._agent_id:
            return 0.92
        return 0.25 + 0.4 * self._bearing.of(question.text)

    def decision(self, decision: Decided) -> float:
        return self._said_by(decision.by, f"{decision.text} {decision.why or ''}")

    def entry(self, entry: Shared) -> float:
        return self._said_by(entry.by, f"{entry.key} {entry.value}")

    def _said_by(self, agent_id: str, text: str) -> float:
        own = 0.25 if agent_id == self._agent_id else 0
        return min(0.9, 0.2 + own + 0.6 * self._bearing.of(text))

    def finished(self, task: Subtask, *, is_news: bool) -> float:
        """is_news: it still ran when the agent's memory was shortened."""
        if self.is_awaited(task):
            return AWAITED
        if is_news:
            return FINISHED_SINCE
        lead = 0.2 if self._leads else 0
        return min(0.85, 0.2 + lead + 0.55 * self._bearing.of(told_of(task)))

    def is_awaited(self, task: Subtask) -> bool:
        """Whether open work of the agent names it as what it waits for."""
        return str(task.id) in self._awaited

    def own_file(self, touch: Touch, place: int) -> float:
        return max(0.55, 0.8 - 0.01 * place) if touch.is_changed else max(0.1, 0.35 - 0.02 * place)

    def file_of_others(self, touch: Touch) -> float:
        return 0.15 + 0.2 * self._bearing.of(touch.path)


def told_of(task: Subtask) -> str:
    return f"{task.description} {task.result or ''}"


def _work(material: Material) -> Iterator[str]:
    """What the agent is about."""
    if material.request is not None:
        yield material.request.prompt
    for task in material.tasks:
        yield task.description
    for touch in material.touches:
        if touch.is_own and touch.is_changed:
            yield "/".join(touch.path.split("/")[-2:])
    for question in (*material.asked, *material.questions):
        if question.to is not None:
            yield question.text


def _talk(material: Material) -> Iterator[str]:
    """All that the bearing is asked of."""
    yield from (f"{each.text} {each.why or ''}" for each in material.decisions)
    yield from (f"{each.key} {each.value}" for each in material.entries)
    yield from (said_in(each) for each in material.messages)
    yield from (told_of(each) for each in material.team)
