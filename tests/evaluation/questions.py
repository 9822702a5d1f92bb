"""What an agent would ask after a compaction, and what a right answer contains.

Made from the facts of a run alone: of each kind, everything that concerns the agent. Written
before any brief was looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.evaluation.recording import Facts

LEADERS = ("tech-lead", "project-supervisor", "step-orchestrator")


@dataclass(frozen=True)
class Asked:
    """answer: texts that a line of the brief has, all in the same line."""

    agent_id: str
    agent_type: str
    question: str
    kind: str
    answer: tuple[str, ...]

    def is_answered_by(self, brief: str) -> bool:
        wanted = [text.lower() for text in self.answer]
        return any(all(text in line for text in wanted) for line in brief.lower().splitlines())


def questions_of(facts: Facts) -> list[Asked]:
    return [asked for agent in facts["agents"] for asked in _of_agent(facts, agent)]


def _of_agent(facts: Facts, agent: Facts) -> Iterator[Asked]:
    me = agent["id"]

    def ask(kind: str, question: str, *answer: str) -> Asked:
        return Asked(me, agent["type"], question, kind, answer)

    yield ask("task", "What am I to do?", agent["fact"])
    yield ask("task", "In what state is it?", agent["status"])
    yield ask("request", "What does the user want?", facts["prompt_fact"])
    yield ask("project", "Where is the project?", facts["project"]["path"])
    for path in agent["changed"]:
        yield ask("files", f"Which files did I change? ({path})", path)
    for other in facts["agents"]:
        for path in set(agent["changed"]) & set(other["changed"]):
            if other is not agent:
                yield ask("conflict", f"Who else works on {path}?", path, other["id"])
    for failure in facts["failures"]:
        if failure["agent"] == me:
            yield ask("failure", "What failed last?", failure["fact"])
            yield ask("failure", "Why did it fail?", failure["why"])
    for block in facts["blocks"]:
        if block["agent"] == me:
            yield ask("block", "Who blocks me, and why?", block["by"], block["fact"])
    for other in facts["agents"]:
        if other["id"] == agent.get("waits_for"):
            yield ask("block", "Whose work do I wait for?", other["id"])
    yield from _said(facts, agent)


def _said(facts: Facts, agent: Facts) -> Iterator[Asked]:
    me = agent["id"]

    def ask(kind: str, question: str, *answer: str) -> Asked:
        return Asked(me, agent["type"], question, kind, answer)

    for decision in facts["decisions"]:
        if me in decision["concerns"]:
            yield ask("decision", f"What was decided about {decision['about']}?", decision["fact"])
    for entry in facts["keys"]:
        if me in entry["concerns"]:
            yield ask("shared", f"What is {entry['key']}?", entry["key"], entry["fact"])
    for question in facts["questions"]:
        if question.get("to") == me and "answer" not in question:
            yield ask("question", f"What does {question['by']} ask me?", question["fact"])
        if question["by"] == me and "answer" in question:
            yield ask("answer", "What was I answered?", question["answer_fact"])
        if question["by"] == me and "answer" not in question:
            yield ask("question", "What did I ask that is still open?", question["fact"])
    for message in facts["messages"]:
        if message["to"] == me:
            yield ask("message", f"What did {message['from']} tell me?", message["fact"])
    for done in facts["done"]:
        if me in done["matters_to"]:
            yield ask("finished", f"What came out of: {done['description']}?", done["fact"])
    if agent["type"] in LEADERS:
        for other in facts["agents"]:
            if other is not agent:
                yield ask("team", f"What does {other['id']} do?", other["id"], other["fact"])
        for block in facts["blocks"]:
            yield ask("team", "Who is blocked?", block["agent"], block["fact"])
