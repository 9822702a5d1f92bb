"""Files that shell commands write: what their text says, and what becomes of it."""

from typing import Any

import pytest

from dcm.lib.threads import in_thread
from realtime.models import LoggedEvent
from sessions_app.shell_writes import MOST_WRITES, written_files
from tests.conftest import Api
from tests.sessions_app.test_edit_hooks import begin, edit, holders, hook


@pytest.mark.parametrize(
    ("command", "files"),
    [
        ("echo a > a.txt", ["/w/a.txt"]),
        ("echo a >> a.txt 2>&1", ["/w/a.txt"]),
        ("make &> build.log; make 2> err.log >|out.log", ["build.log", "err.log", "out.log"]),
        ("cat < in.txt | sort >/w/sorted.txt", ["/w/sorted.txt"]),
        ("cmd > /dev/null 2>/dev/stderr", []),
        ("echo 'a > b' \"c > d\" e\\>f", []),
        ("echo a # > comment.txt\necho b > real#1.txt", ["real#1.txt"]),
        ('echo > \'a b.txt\' && echo > "c\\"d" && echo > e\\ f', ["a b.txt", 'c"d', "e f"]),
        ('echo > $HOME/a > "$X" > `date` > *.py > ~/a > {a,b} > a?', []),
        ("cat <<EOF > a.py\nx > y\nEOF\necho > b.py", ["a.py", "b.py"]),
        ("cat > a.py <<-'END'\n\trm b.py\n\tEND\nrm c.py", ["a.py", "c.py"]),
        ("cat <<< word > a.py", ["a.py"]),
        ("ls | tee -a one.log two.log | wc", ["one.log", "two.log"]),
        ("sed -i 's/a/b/' a.py b.py", ["a.py", "b.py"]),
        ("sed -i.bak -e 's/a/b/' -e 's/c/d/' a.py", ["a.py"]),
        ("sed -i '' 's/a/b/' a.py; sed -Ei 's/a/b/' b.py", ["a.py", "b.py"]),
        ("sed -n '1,5p' a.py; sed 's/a/b/' b.py", []),
        ("mv a.py b.py", ["a.py", "b.py"]),
        ("mv a.py lib/b.py src/", ["a.py", "lib/b.py", "src/a.py", "src/b.py"]),
        ("cp -r a.py b.py; cp a b lib", ["b.py", "lib/a", "lib/b"]),
        ("rm -rf a.py -- -b.py", ["a.py", "-b.py"]),
        ("touch -d yesterday a.py; truncate -s 0 b.py", ["a.py", "b.py"]),
        ("git checkout -- a.py b.py; git checkout main; git checkout main c.py", ["a.py", "b.py"]),
        ("git restore -s HEAD a.py; git restore --staged b.py", ["a.py"]),
        ("git rm a.py; git mv b.py c.py; git rm --cached d.py", ["a.py", "b.py", "c.py"]),
        ("cd src && echo > a.py", ["/w/src/a.py"]),
        ("(cd src; echo > a.py); echo > b.py", ["/w/src/a.py", "/w/b.py"]),
        ("cd $X && echo > a.py && echo > /w/b.py", ["/w/b.py"]),
        ("cd; rm a.py", []),
        ("sudo X=1 Y='2 3' /bin/rm a.py", ["a.py"]),
        ("if true; then rm a.py; fi", ["a.py"]),
        ("x=$(cat a > b.py)", ["b.py"]),
        ("echo > a.py '", []),
        ("cat <<EOF > a.py\nno end", []),
        ("", []),
        ("rm", []),
        ("mv", []),
        ("sed -i", []),
        ("git", []),
        (";;)(&|><<", []),
    ],
)
def test_what_a_command_writes_plainly_is_found(command: str, files: list[str]) -> None:
    expected = [file if file.startswith("/") else f"/w/{file}" for file in files]

    assert written_files(command, folder="/w") == expected


def test_long_commands_are_read_in_time_and_few_files_told() -> None:
    many = "; ".join(f"echo > {n}.py" for n in range(1_000))
    endless = [
        "'" * 9_999,
        "\\" * 9_999,
        '"a\\' * 5_000,
        "<<a " * 5_000,
        "(" * 20_000,
        "a>" * 9_999,
    ]

    assert len(written_files(many, folder="/w")) == MOST_WRITES
    for command in endless:
        assert len(written_files(command, folder="/w")) <= MOST_WRITES


# --- what becomes of it -----------------------------------------------------------------------


async def shell(api: Api, session_id: str, command: Any, **fields: Any) -> dict[str, Any]:
    given = {"tool_name": "Bash", "tool_input": {"command": command}}
    told = await hook(api, fields.pop("name", "PostToolUse"), session_id, **given, **fields)
    output: dict[str, Any] = told.get("hookSpecificOutput", {})
    return output


@pytest.mark.parametrize("mode", ["warn", "enforce"])
async def test_who_wrote_what_another_holds_is_told_and_so_is_the_holder(
    api: Api, mode: str
) -> None:
    project_id = await begin(api, mode)
    await edit(api, "run-1")

    told = await shell(api, "run-2", "cd src && sed -i 's/a/b/' forms.py other.py")

    assert set(told) == {"hookEventName", "additionalContext"}
    assert "src/forms.py: src/forms.py is leased to run-1" in told["additionalContext"]
    conflicts = LoggedEvent.objects.filter(type="lease.conflict", data__project_id=project_id)
    (said,) = await in_thread(lambda: list(conflicts))
    assert (said.data["agent_id"], said.data["holder"]) == ("run-2", "run-1")
    assert {"agents/run-1", "agents/run-2", "sessions/run-2"} <= set(said.channels)
    assert await holders(api) == {"run-1": "src/forms.py", "run-2": "src/other.py"}


async def test_its_own_files_and_those_elsewhere_are_nobodys_business(api: Api) -> None:
    await begin(api)
    await edit(api, "run-1")

    assert await shell(api, "run-1", "rm src/forms.py") == {}
    assert await shell(api, "run-2", "rm /tmp/a; cat src/forms.py") == {}
    assert await holders(api) == {"run-1": "src/forms.py"}


async def test_where_leases_are_off_nothing_is_told(api: Api) -> None:
    await begin(api, "off")

    assert await shell(api, "run-1", "echo > a.py") == {}
    assert await holders(api) == {}


@pytest.mark.parametrize(
    "fields", [{"name": "PostToolUseFailure"}, {"timestamp": "2026-01-01T00:00:00Z"}, {"cwd": 5}]
)
async def test_what_did_not_happen_just_now_takes_nothing(api: Api, fields: dict[str, Any]) -> None:
    await begin(api)

    assert await shell(api, "run-1", "echo > a.py", **fields) == {}
    assert await holders(api) == {}


@pytest.mark.parametrize("command", [None, 7, ["rm", "a"], {}, "x" * 300_000])
async def test_any_command_is_taken(api: Api, command: Any) -> None:
    await begin(api)

    assert await shell(api, "run-1", command) == {}
