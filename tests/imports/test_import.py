"""Moving over from the original: what arrives, what is mended, what is left out and why."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import OutputWrapper

from dcm.imports.models import ImportedTable
from dcm.imports.services import AnotherImport, Progress, import_all
from dcm.imports.source import Source
from dcm.lib.audit.models import AuditEntry
from dcm.lib.threads import in_thread
from dcm.management.commands.import_dcm import Bar
from messaging.models import Block, Message, Subscription
from projects.models import Action, Project, Request, Subtask, Task
from realtime.models import LoggedEvent
from routing.models import KeywordToolScore
from sessions_app.models import AgentContext, Session
from tests.conftest import Api
from tests.factories import make_project, make_score
from tests.imports.original import SHIPPED, Original, address, original, packed, twice

NEVER = datetime(2000, 1, 1, tzinfo=UTC)


def imported(url: str, *options: str) -> str:
    output = io.StringIO()
    call_command("import_dcm", "--database-url", url, *options, stdout=output)
    return output.getvalue()


def figures(text: str) -> dict[str, list[int]]:
    """noun -> rows, copied, here already, mended, left out."""
    lines = [line.rsplit(maxsplit=5) for line in text.splitlines()]
    return {
        line[0]: [int(cell.replace(",", "")) for cell in line[1:]]
        for line in lines
        if len(line) == 6 and line[5].isdigit()
    }


def last_event() -> int:
    newest = LoggedEvent.objects.order_by("-seq").first()
    return newest.seq if newest else 0


def events_after(seq: int) -> list[tuple[str, Any]]:
    events = LoggedEvent.objects.filter(seq__gt=seq).order_by("seq")
    return [(event.type, event.data) for event in events]


def branch(database: Original, **action: Any) -> dict[str, Any]:
    """One row of each kind of the work tree, and a session; their ids."""
    ids = {"project": database.add("projects", path="/srv/shop", metadata=twice({"a": 1}))}
    ids["request"] = database.add(
        "requests",
        project_id=ids["project"],
        session_id="run-1",
        prompt="Add a login form",
        metadata=json.dumps(['{"compacted_at": "2026-03-04T05:06:07.089Z"}', '{"b": 2}']),
    )
    ids["task"] = database.add("task_lists", request_id=ids["request"], wave_number=2)
    ids["subtask"] = database.add(
        "subtasks",
        task_list_id=ids["task"],
        description="Write the form",
        agent_id="ag-1",
        status="running",
        started_at="2026-03-04T05:06:07.089123Z",
        context_snapshot=twice({"files": ["a.py"]}),
    )
    about = {"session_id": "run-1", "project_path": "/srv/shop", "compressed_input": True}
    columns = {"tool_name": "Edit", "tool_type": "builtin", "subtask_id": ids["subtask"]}
    ids["action"] = database.add("actions", metadata=twice(about), **{**columns, **action})
    ids["session"] = database.add("sessions", id="run-1", project_id=ids["project"])
    return ids


async def test_the_work_tree_arrives_as_it_was(api: Api, small: Original) -> None:
    long = "def login(): ...\n" * 100
    ids = branch(small, input=packed(long), output=b"ok", duration_ms=7, file_paths=["/srv/a.py"])

    told = figures(await in_thread(imported, small.url))

    assert told["actions"] == [1, 1, 0, 1, 0]
    tree = (await api.get(f"/api/hierarchy/{ids['project']}")).json()
    assert str(ids["subtask"]) in json.dumps(tree)
    session = (await api.get("/api/actions", params={"session_id": "run-1"})).json()
    assert [each["id"] for each in session["actions"]] == [str(ids["action"])]
    status = (await api.get("/api/compact/status/run-1")).json()
    assert status["compacted"] is True
    subtask = await Subtask.objects.aget(id=ids["subtask"])
    assert subtask.context_snapshot == {"files": ["a.py"]}
    assert subtask.started_at == datetime(2026, 3, 4, 5, 6, 7, 89123, tzinfo=UTC)
    action = await Action.objects.aget(id=ids["action"])
    assert (action.input, action.output, action.duration_ms) == (long, "ok", 7)


def test_sessions_count_their_actions(small: Original) -> None:
    ids = branch(small, exit_code=1)
    about = twice({"session_id": "run-1"})
    small.add("actions", tool_name="Read", tool_type="builtin", metadata=about)
    small.add("sessions", id="run-2", total_tools_used=9, total_success=8, total_errors=1)

    imported(small.url)

    session = Session.objects.get(id="run-1")
    assert (session.total_tools_used, session.total_success, session.total_errors) == (2, 1, 1)
    assert session.project_id == ids["project"]
    assert Session.objects.get(id="run-2").total_tools_used == 9


def test_what_agents_said_and_learned_arrives(small: Original) -> None:
    branch(small)
    columns = {"message_type": "task.created", "topic": "task.created", "from_agent_id": "lead"}
    later = datetime.now(UTC) + timedelta(hours=1)
    note = small.add(
        "agent_messages",
        payload=twice({"n": 1}),
        priority=7,
        expires_at=later,
        read_by=["x"],
        **columns,
    )
    small.add("subscriptions", agent_id="ag-1", topic="task.created")
    small.add("blocked_agents", blocked_by="ag-1", blocked_agent="ag-2", reason="migration")
    small.add("agent_contexts", agent_id="ag-1", agent_type="dev", role_context=twice({"a": 1}))
    small.add(
        "keyword_tool_scores", keyword="login", tool_name="Edit", tool_type="builtin", score=2.5
    )

    imported(small.url)

    message = Message.objects.get(id=note)
    assert (message.content, message.priority, message.read_by) == ({"n": 1}, 7, ["x"])
    assert (message.from_agent, message.to_agent, message.expires_at) == ("lead", None, later)
    assert Subscription.objects.get().agent_id == "ag-1"
    assert Block.objects.get().reason == "migration"
    assert AgentContext.objects.get().role_context == {"a": 1}
    assert KeywordToolScore.objects.get().score == 2.5


def test_scores_are_not_learned_again_from_the_actions(small: Original) -> None:
    branch(small, input=b"login form")

    imported(small.url)

    assert not KeywordToolScore.objects.exists()


def test_an_import_is_on_record_and_a_trial_is_not(small: Original) -> None:
    branch(small)

    imported(small.url, "--dry-run")
    assert not AuditEntry.objects.exists()
    imported(small.url)

    (entry,) = AuditEntry.objects.all()
    assert (entry.act, entry.details["actions"]) == ("import", 1)


def test_an_import_is_announced_once_for_each_table(small: Original) -> None:
    branch(small)
    seq = last_event()

    imported(small.url)

    nouns = ["projects", "requests", "tasks", "subtasks", "actions", "sessions"]
    assert events_after(seq) == [("rows.imported", {"rows": noun, "count": 1}) for noun in nouns]


def test_a_second_import_copies_only_what_has_come_since(small: Original) -> None:
    ids = branch(small)
    imported(small.url)
    small.add(
        "actions", tool_name="Bash", tool_type="builtin", metadata=twice({"session_id": "run-1"})
    )
    small.rows.execute("UPDATE requests SET prompt = 'Changed later'")
    seq = last_event()

    told = figures(imported(small.url))

    assert told["requests"] == [1, 0, 1, 1, 0]
    assert told["actions"] == [2, 1, 1, 2, 0]
    assert Request.objects.get(id=ids["request"]).prompt == "Add a login form"
    assert Session.objects.get(id="run-1").total_tools_used == 2
    assert events_after(seq) == [("rows.imported", {"rows": "actions", "count": 1})]


def test_a_project_that_is_here_takes_in_what_is_below(small: Original) -> None:
    here = make_project(path="/srv/shop", name="Mine")
    ids = branch(small)
    small.add("projects", path="/srv/shop/", name="The same with a slash")

    told = figures(imported(small.url))

    assert told["projects"] == [2, 0, 2, 1, 0]
    assert Request.objects.get(id=ids["request"]).project_id == here.id
    assert Project.objects.get().name == "Mine"


def test_of_two_scores_the_more_experienced_stays(small: Original) -> None:
    make_score("login", tool_name="Edit", usage_count=10, score=3.0)
    make_score("form", tool_name="Edit", usage_count=1, score=3.0)
    for keyword in ("login", "form"):
        small.add(
            "keyword_tool_scores",
            keyword=keyword,
            tool_name="Edit",
            tool_type="builtin",
            score=2.0,
            usage_count=5,
        )

    told = [figures(imported(small.url))["scores"] for _ in range(2)]

    assert told == [[2, 1, 1, 0, 0], [2, 0, 2, 0, 0]]
    scores = KeywordToolScore.objects.order_by("keyword").values_list("keyword", "score")
    assert [*scores] == [("form", 2.0), ("login", 3.0)]


def test_secrets_are_taken_out(small: Original) -> None:
    ids = branch(small, input=b"export AWS_KEY=AKIAIOSFODNN7EXAMPLE")
    small.rows.execute("UPDATE requests SET prompt = 'Use AKIAIOSFODNN7EXAMPLE'")

    imported(small.url)

    assert "AKIA" not in str(Action.objects.get(id=ids["action"]).input)
    assert "AKIA" not in Request.objects.get(id=ids["request"]).prompt


def test_a_database_of_the_shipped_schema_is_enough(database: None) -> None:
    with original("shipped", SHIPPED) as shipped:
        branch(shipped)
        columns = {"message_type": "info", "topic": None, "payload": twice({"n": 1})}
        note = shipped.add("agent_messages", **columns)

        told = figures(imported(shipped.url))

    assert "subscriptions" not in told
    assert Message.objects.get(id=note).priority == 0


def test_what_cannot_be_kept_is_left_out_and_said(small: Original) -> None:
    branch(small)
    lost = small.add("requests", session_id="run-9", prompt="Nowhere")
    wave = small.add("task_lists", request_id=lost)
    part = small.add("subtasks", task_list_id=wave, description="Lost")
    alone = small.add("actions", subtask_id=part, tool_name="Edit", tool_type="builtin")
    over = {"message_type": "x", "payload": "{}", "expires_at": NEVER}
    small.add("agent_messages", **over)
    small.add("subscriptions", agent_id="ag-1", topic="no.such")
    small.add("blocked_agents", blocked_by="ag-1", blocked_agent="ag-1")
    seq = last_event()

    said = imported(small.url)

    for noun, reason in [
        ("requests", "without a project"),
        ("tasks", "without a project"),
        ("subtasks", "without a project"),
        ("messages", "expired"),
        ("subscriptions", "to a topic that there is not"),
        ("blocks", "of an agent by itself"),
    ]:
        assert f"Left out: 1 {noun}, {reason}" in said
    assert Action.objects.get(id=alone).subtask_id is None
    assert not any(name.startswith("message.") for name, _ in events_after(seq))


def test_odd_values_are_mended(small: Original) -> None:
    ids = branch(small, tool_type="weird", exit_code=None, created_at="infinity")
    small.rows.execute("UPDATE requests SET status = 'in_progress', prompt_type = 'general'")
    small.rows.execute("UPDATE task_lists SET wave_number = -1, status = NULL")

    told = figures(imported(small.url))

    assert told["requests"][3] == told["tasks"][3] == told["actions"][3] == 1
    request = Request.objects.get(id=ids["request"])
    assert (request.status, request.prompt_type) == ("completed", None)
    task = Task.objects.get(id=ids["task"])
    assert (task.wave_number, task.status) == (0, "pending")
    action = Action.objects.get(id=ids["action"])
    assert (action.tool_type, action.exit_code) == ("builtin", 0)
    assert action.created_at.year >= 2026


def test_a_dry_run_says_what_an_import_would_do_and_does_nothing(small: Original) -> None:
    branch(small)
    small.add("blocked_agents", blocked_by="ag-1", blocked_agent="ag-1")
    make_project(path="/srv/shop")
    seq = last_event()

    dry = imported(small.url, "--dry-run")

    assert "Would copy 5 rows" in dry
    assert not Request.objects.exists()
    assert not ImportedTable.objects.exists()
    assert events_after(seq) == []
    assert figures(dry) == figures(imported(small.url))


def test_of_two_imports_at_once_one_gives_up(small: Original) -> None:
    branch(small)

    def overtaken(progress: Progress) -> None:
        if progress.noun == "actions" and not progress.read:
            imported(small.url)

    with Source.open(small.url) as source, pytest.raises(AnotherImport):
        import_all(source, overtaken)

    assert Action.objects.count() == Session.objects.get().total_tools_used == 1


def test_the_original_is_only_read(small: Original) -> None:
    with Source.open(small.url) as source, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        source._connection.execute("DELETE FROM projects")


def test_a_terminal_shows_how_far_it_is() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        Bar(OutputWrapper(stream), began=0.0).show(Progress("actions", total=200, read=50))

    assert "actions" in terminal.getvalue()
    assert " 25%  50 of 200 " in terminal.getvalue()
    assert pipe.getvalue() == ""


URLS = [
    ("mysql://x/y", "--database-url must be like postgresql://"),
    ("postgresql://a:secret@127.0.0.1:1/dcm", "cannot reach PostgreSQL at 127.0.0.1:1/dcm"),
    ("postgresql://a:secret@127.0.0.1:x/dcm", "cannot"),
    ("postgresql://a:secret@[/dcm", "--database-url cannot be understood"),
]


@pytest.mark.parametrize(("url", "told"), URLS)
def test_an_address_that_is_no_use_is_refused(database: None, url: str, told: str) -> None:
    with pytest.raises(CommandError, match=told) as refused:
        imported(url)

    assert "secret" not in str(refused.value)


def test_a_database_that_is_not_there_is_refused(database: None) -> None:
    with pytest.raises(CommandError, match=r'database "no_such" does not exist'):
        imported(address("no_such"))


ODD = [
    ("", "is no database of the original service: it lacks projects, requests"),
    ("DROP TABLE actions", "it lacks actions$"),
    ("ALTER TABLE actions DROP tool_name", "the table actions of .* lacks tool_name"),
    ("ALTER TABLE sessions ALTER id TYPE bytea USING id::bytea", "are bytea, not uuid"),
]


@pytest.mark.parametrize(("change", "told"), ODD)
def test_a_database_of_something_else_is_refused(database: None, change: str, told: str) -> None:
    with (
        original("odd", f"{SHIPPED}; {change}" if change else "SELECT 1") as odd,
        pytest.raises(CommandError, match=told),
    ):
        imported(odd.url)

    assert not ImportedTable.objects.exists()


def test_a_user_who_may_not_read_is_told_so(small: Original) -> None:
    small.rows.execute("DROP ROLE IF EXISTS dcm_no_reader")
    small.rows.execute("CREATE ROLE dcm_no_reader LOGIN PASSWORD 'x'")
    try:
        url = address(small.name, USER="dcm_no_reader", PASSWORD="x")
        with pytest.raises(CommandError, match="does not let this user read the table projects"):
            imported(url)
    finally:
        small.rows.execute("DROP ROLE dcm_no_reader")
