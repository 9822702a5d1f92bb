"""Recorded runs: a session of several agents, some hours in, as rows of the database.

What was said and done is in runs/*.toml; the tool calls in between are drawn by a generator with
a fixed seed: read, change, run the tests, now and then fail and mend.
"""

import random
import tomllib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from django.utils import timezone

from messaging.models import Block, Message
from projects.models import Action, Project, Request, Subtask, Task
from sessions_app.models import Answer, ContextEntry, Coordination, Decision, Question, Session
from tests.factories import make_project, make_request, make_subtask, make_task

RUNS = Path(__file__).parent / "runs"
NAMES = ("shop", "fleet", "clinic")
LASTED = timedelta(hours=3)
CALLS_AT_WORK = 260
CALLS_DONE = 90
_NAMESPACE = uuid.UUID("3f0c2a64-58f4-4b52-9a8c-0f1f2a7f9b1e")

Facts = dict[str, Any]
Said = tuple[Callable[[Facts, Coordination, int, datetime], None], Facts]


@dataclass(frozen=True)
class Recording:
    """A run in the database. facts: its file, as it is written there."""

    name: str
    facts: Facts
    session_id: str
    actions: int


@cache
def facts_of(name: str) -> Facts:
    return tomllib.loads((RUNS / f"{name}.toml").read_text())


def record(name: str) -> Recording:
    """Put the run into the database, ending now."""
    facts = facts_of(name)
    writer = _Writer(name, facts, random.Random(name), timezone.now())
    return Recording(name, facts, facts["session"], writer.write())


class _Writer:
    def __init__(self, name: str, facts: Facts, dice: random.Random, now: datetime) -> None:
        self.name = name
        self.facts = facts
        self.background = facts_of("background")
        self.dice = dice
        self.now = now
        self.begin = now - LASTED
        self.root = facts["project"]["path"]
        self.actions: list[Action] = []

    def write(self) -> int:
        project = make_project(**self.facts["project"])
        Session.objects.create(id=self.facts["session"], project=project, started_at=self.begin)
        self._work(project)
        self._talk()
        Action.objects.bulk_create(self.actions, batch_size=1_000)
        return len(self.actions)

    # --- the work tree ------------------------------------------------------------------------

    def _work(self, project: Project) -> None:
        for place, prompt in enumerate(self.facts["earlier_prompts"]):
            self._request(project, prompt, -30 + 5 * place, Request.Status.COMPLETED)
        request = self._request(project, self.facts["prompt"], 0, Request.Status.ACTIVE)
        first = make_task(
            request=request, name="Find out", status="completed", created_at=self._at(1)
        )
        second = make_task(
            request=request, name="Build", wave_number=1, status="running", created_at=self._at(60)
        )
        for place, each in enumerate(self.facts["done"]):
            self._done(first, each, 2 + 9 * place)
        for each in self.facts["agents"]:
            self._at_work(second, each)

    def _request(self, project: Project, prompt: str, minute: int, status: str) -> Request:
        return make_request(
            project=project,
            session_id=self.facts["session"],
            prompt=prompt,
            status=status,
            created_at=self._at(minute),
        )

    def _done(self, wave: Task, each: Facts, minute: int) -> None:
        subtask = make_subtask(
            task=wave,
            id=self._id("subtask", each["agent"]),
            agent_id=each["agent"],
            agent_type=each["type"],
            description=each["description"],
            status="completed",
            result={"message": each["result"]},
            created_at=self._at(minute),
            started_at=self._at(minute),
            completed_at=self._at(minute + 25),
        )
        self._calls(subtask, each, [], minute, minute + 25, CALLS_DONE)

    def _at_work(self, wave: Task, each: Facts) -> None:
        waits_for = each.get("waits_for")
        begun = 60 + self.dice.randrange(8)
        subtask = make_subtask(
            task=wave,
            id=self._id("subtask", each["id"]),
            agent_id=each["id"],
            agent_type=each["type"],
            description=each["description"],
            status=each["status"],
            blocked_by=[self._id("subtask", waits_for)] if waits_for else [],
            created_at=self._at(60),
            started_at=self._at(begun),
        )
        failures = [f for f in self.facts["failures"] if f["agent"] == each["id"]]
        self._calls(subtask, each, failures, begun, 179, CALLS_AT_WORK)

    # --- tool calls ---------------------------------------------------------------------------

    def _calls(
        self, subtask: Subtask, each: Facts, failures: list[Facts], start: int, end: int, many: int
    ) -> None:
        """So many calls between two minutes. Each file is changed at some time, most of them
        more than once; failures are among the last twenty and are not mended."""
        many += self.dice.randrange(many // 4)
        changed, commands = each.get("changed", []), each.get("commands", ["git status --short"])
        due = {self.dice.randrange(many * 9 // 10): path for path in changed}
        while len(due) < len(changed):
            missing = next(path for path in changed if path not in due.values())
            due[self.dice.randrange(many * 9 // 10)] = missing
        failing = {many - 3 - self.dice.randrange(17): failure for failure in failures}
        mended: list[str] = []
        known = list(each["read"])
        for number in range(many):
            at = self._at(start + (end - start) * number / many)
            if number in due:
                known.append(due[number])
                self._call(
                    subtask, at, "Write" if self.dice.random() < 0.3 else "Edit", due[number]
                )
            elif number in failing:
                failure = failing[number]
                commands = [each for each in commands if each != failure["command"]]
                self._run(subtask, at, failure["command"], failure["error"], 1)
            elif mended:
                self._run(subtask, at, mended.pop(), "ok", 0)
            else:
                self._usual_call(subtask, at, known, changed, commands, mended, many - number > 40)

    def _usual_call(
        self,
        subtask: Subtask,
        at: datetime,
        known: list[str],
        changed: list[str],
        commands: list[str],
        mended: list[str],
        may_fail: bool,
    ) -> None:
        drawn = self.dice.random()
        again = [path for path in changed if path in known]
        if drawn < 0.45:
            self._call(subtask, at, "Read", self.dice.choice(known))
        elif drawn < 0.6:
            self._call(subtask, at, "Grep", None)
        elif drawn < 0.8 and again:
            self._call(subtask, at, "Edit", self.dice.choice(again))
        else:
            command = self.dice.choice(commands)
            if may_fail and self.dice.random() < 0.12:
                self._run(subtask, at, command, "1 failed, see above", 1)
                mended.append(command)
            else:
                self._run(subtask, at, command, "ok", 0)

    def _call(self, subtask: Subtask, at: datetime, tool: str, path: str | None) -> None:
        full = f"{self.root}/{path}" if path else None
        told = f'{{"file_path":"{full}"}}' if full else '{"pattern":"TODO|FIXME","path":"."}'
        self._add(subtask, at, tool, told, "", [full] if full else [], 0)

    def _run(self, subtask: Subtask, at: datetime, command: str, output: str, code: int) -> None:
        quoted = command.replace("\\", "\\\\").replace('"', '\\"')
        self._add(subtask, at, "Bash", f'{{"command":"{quoted}"}}', output, [], code)

    def _add(
        self,
        subtask: Subtask,
        at: datetime,
        tool: str,
        told: str,
        output: str,
        paths: list[str],
        code: int,
    ) -> None:
        self.actions.append(
            Action(
                id=self._id("action", str(len(self.actions))),
                subtask=subtask,
                session_id=self.facts["session"],
                project_path=self.root,
                tool_name=tool,
                tool_type="builtin",
                input=told,
                output=output,
                file_paths=paths,
                exit_code=code,
                duration_ms=self.dice.randrange(3, 4_000),
                created_at=at,
            )
        )

    # --- what was said ------------------------------------------------------------------------

    def _talk(self) -> None:
        """Facts and background in one order, drawn."""
        room = Coordination.objects.create(session_id=self.facts["session"])
        said: list[Said] = [(self._decide, each) for each in self.facts["decisions"]]
        said += [(self._share, each) for each in self.facts["keys"]]
        said += [(self._ask, each) for each in self.facts["questions"]]
        said += [(self._send, each) for each in self.facts["messages"]]
        said += self._background()
        self.dice.shuffle(said)
        for number, (say, each) in enumerate(said, start=1):
            say(each, room, number, self._at(20 + 155 * number / len(said)))
        room.last_number = len(said)
        room.save()
        for each in self.facts["blocks"]:
            Block.objects.create(
                blocked_by=each["by"], blocked_agent=each["agent"], reason=each["reason"]
            )

    def _background(self) -> list[Said]:
        def by() -> str:
            return str(self.dice.choice(self.facts["done"])["agent"])

        said: list[Said] = [
            (self._decide, {"by": by(), "text": text}) for text in self.background["decisions"]
        ]
        said += [
            (self._share, {"by": by(), "key": key, "value": value})
            for key, value in self.background["keys"]
        ]
        said += [
            (self._send, {"from": by(), "topic": topic, "priority": priority, "text": text})
            for topic, priority, text in self.background["messages"]
        ]
        said += [
            (self._ask, {"by": by(), "text": text, "answer": answer, "answered_by": by()})
            for text, answer in self.background["questions"]
        ]
        return said

    def _decide(self, each: Facts, room: Coordination, number: int, at: datetime) -> None:
        Decision.objects.create(
            id=self._id("decision", each["text"]),
            coordination=room,
            number=number,
            decision=each["text"],
            rationale=each.get("why"),
            decided_by=each["by"],
            created_at=at,
        )

    def _share(self, each: Facts, room: Coordination, number: int, at: datetime) -> None:
        ContextEntry.objects.create(
            id=self._id("entry", each["key"]),
            coordination=room,
            number=number,
            key=each["key"],
            key_hash=ContextEntry.hash_of(each["key"]),
            value=each["value"],
            created_by=each["by"],
            updated_by=each["by"],
            version=number,
            created_at=at,
            updated_at=at,
        )

    def _ask(self, each: Facts, room: Coordination, number: int, at: datetime) -> None:
        question = Question.objects.create(
            id=str(self._id("question", each["text"])),
            coordination=room,
            number=number,
            question=each["text"],
            asked_by=each["by"],
            to_agent=each.get("to"),
            created_at=at,
        )
        if each.get("answer"):
            question.newest_answer = Answer.objects.create(
                question=question,
                answer=each["answer"],
                answered_by=each["answered_by"],
                answered_at=at + timedelta(minutes=3),
            )
            question.save()

    def _send(self, each: Facts, _room: Coordination, _number: int, at: datetime) -> None:
        Message.objects.create(
            from_agent=each["from"],
            to_agent=each.get("to"),
            topic=each["topic"],
            message_type=each["topic"],
            priority=each["priority"],
            content={"message": each["text"]},
            created_at=at,
            expires_at=self.now + timedelta(hours=1),
        )

    def _at(self, minute: float) -> datetime:
        return self.begin + timedelta(minutes=minute)

    def _id(self, kind: str, name: str) -> uuid.UUID:
        return uuid.uuid5(_NAMESPACE, f"{self.name} {kind} {name}")
