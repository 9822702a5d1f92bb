"""`manage.py backup` and `restore`: everything comes back, and clients notice."""

import json
import os
from pathlib import Path

import psycopg
import pytest

from tests.backup.conftest import Kept
from tests.backup.contents import (
    contents,
    last_event,
    manage_badly,
    manage_well,
    paths_of_projects,
    work,
)
from tests.serve.serving import Serving, manage
from tests.sockets import Listener

NEW_AFTER_A_RESTORE = {"realtime_eventhead", "audit_auditentry"}
OTHER = {"path": "/srv/other"}


def test_every_row_comes_back_into_an_empty_database(
    tmp_path: Path, kept: Kept, empty: str
) -> None:
    told = manage_well(tmp_path, "restore", str(kept.file), "-v", "2", DATABASE_URL=empty)
    after = contents(empty)

    assert "realtime_loggedevent" in told
    assert set(kept.before) == set(after)
    changed = {name for name, rows in kept.before.items() if after[name] != rows}
    assert changed == NEW_AFTER_A_RESTORE
    filled = [name for name, (number, _) in kept.before.items() if number]
    assert len(filled) > 15, filled


async def test_who_comes_back_is_told_that_the_log_began_anew(
    tmp_path: Path, kept: Kept, empty: str
) -> None:
    manage_well(tmp_path, "restore", str(kept.file), DATABASE_URL=empty)

    with Serving(tmp_path, DATABASE_URL=empty) as serving:
        url = f"ws://127.0.0.1:{serving.port('WS_PORT')}/?last_event_id={kept.last_event}"
        async with Listener.open(url) as listener:
            greeting = await listener.next_frame()
        listed = serving.http.get("/api/events", params={"after": kept.last_event}).json()
        work(serving)
        newest = last_event(serving)
        after = contents(empty)

    assert (greeting["recovered"], greeting["reason"]) == (False, "epoch")
    assert (listed["recovered"], listed["reason"]) == (False, "epoch")
    # Numbers go on, in another epoch; so do those of rows.
    (_, old_epoch, old), (_, epoch, new) = kept.last_event.split("_"), newest.split("_")
    assert epoch != old_epoch
    assert int(new) > int(old)
    assert after["projects_action"][0] == kept.before["projects_action"][0] + 1


def test_what_is_there_is_replaced_only_by_force(tmp_path: Path, kept: Kept, empty: str) -> None:
    with Serving(tmp_path, DATABASE_URL=empty) as serving:
        serving.http.post("/api/projects", json=OTHER)
        in_use = manage_badly(tmp_path, "restore", str(kept.file), "--force", DATABASE_URL=empty)
        assert paths_of_projects(serving) == ["/srv/other"]
    before = contents(empty)

    full = manage_badly(tmp_path, "restore", str(kept.file), DATABASE_URL=empty)
    untouched = contents(empty)
    manage_well(tmp_path, "restore", str(kept.file), "--force", DATABASE_URL=empty)

    assert "stop every server" in in_use
    assert "not empty" in full
    assert untouched == before
    assert contents(empty)["projects_project"] == kept.before["projects_project"]


def test_what_cannot_be_read_leaves_everything_as_it_was(
    tmp_path: Path, kept: Kept, empty: str
) -> None:
    manage_well(tmp_path, "migrate", DATABASE_URL=empty)
    before, whole = contents(empty), kept.file.read_bytes()
    damaged, text = tmp_path / "damaged.dump", tmp_path / "text.dump"
    damaged.write_bytes(whole[: len(whole) * 9 // 10])
    text.write_text("not a backup")

    for file in (damaged, text, tmp_path / "missing.dump"):
        manage_badly(tmp_path, "restore", str(file), "--force", DATABASE_URL=empty)

    assert contents(empty) == before


def test_a_backup_of_a_newer_version_is_refused(tmp_path: Path, kept: Kept, empty: str) -> None:
    newer = tmp_path / "newer.dump"
    manage_well(tmp_path, "restore", str(kept.file), DATABASE_URL=empty)
    with psycopg.connect(empty, autocommit=True) as link:
        link.execute(
            "INSERT INTO django_migrations (app, name, applied)"
            " VALUES ('projects', '9999_x', now())"
        )
    manage_well(tmp_path, "backup", str(newer), DATABASE_URL=empty)
    before = contents(empty)

    refused = manage_badly(tmp_path, "restore", str(newer), "--force", DATABASE_URL=empty)

    assert "projects 9999_x" in refused
    assert contents(empty) == before


def test_what_belongs_to_others_stays(tmp_path: Path, kept: Kept, empty: str) -> None:
    with psycopg.connect(empty, autocommit=True) as link:
        link.execute("CREATE SCHEMA others")
        link.execute("CREATE TABLE others.theirs AS SELECT 1 AS n")

    manage_well(tmp_path, "restore", str(kept.file), DATABASE_URL=empty)

    with psycopg.connect(empty, autocommit=True) as link:
        assert link.execute("SELECT n FROM others.theirs").fetchall() == [(1,)]
        left = link.execute("SELECT to_regnamespace('dcm_set_aside')").fetchone()
        assert left == (None,)


def test_backups_of_a_folder_are_named_by_time_and_the_newest_kept(
    tmp_path: Path, empty: str
) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    for number in range(3):
        (folder / f"dcm-2026010{number}T000000Z.dump").write_bytes(b"old")
    mine = folder / "mine.dump"
    mine.write_bytes(b"mine")
    nothing = manage_badly(tmp_path, "backup", str(folder), DATABASE_URL=empty)
    manage_well(tmp_path, "migrate", DATABASE_URL=empty)

    done = manage(tmp_path, "backup", str(folder), "--keep", "2", DATABASE_URL=empty)
    there = manage_badly(tmp_path, "backup", str(mine), DATABASE_URL=empty)

    assert "no tables of DCM" in nothing
    assert "there already" in there
    assert mine.read_bytes() == b"mine"
    old, new = sorted(folder.glob("dcm-*"))
    assert old.name == "dcm-20260102T000000Z.dump"
    assert done.stdout.startswith("Backed up ")
    assert str(new) in done.stdout
    assert oct(new.stat().st_mode)[-3:] == "600"
    assert {path.name for path in folder.iterdir()} == {old.name, new.name, "mine.dump"}


def test_nobody_else_sees_the_password(
    tmp_path: Path, kept: Kept, empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The programs of PostgreSQL get it by their environment."""
    noted = tmp_path / "arguments"
    wrapper = tmp_path / "bin" / "pg_dump"
    wrapper.parent.mkdir()
    wrapper.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo "pg_dump (PostgreSQL) 99.0" && exit\n'
        f'echo "$@" > {noted}; echo "error: enough" >&2; exit 1\n'
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")

    manage_badly(tmp_path, "backup", str(tmp_path / "x.dump"), DATABASE_URL=empty)

    password = psycopg.conninfo.conninfo_to_dict(empty).get("password")
    assert "dbname=" in noted.read_text()
    assert not password or str(password) not in noted.read_text()


def test_who_restored_what_is_recorded(tmp_path: Path, kept: Kept, empty: str) -> None:
    manage_well(tmp_path, "restore", str(kept.file), DATABASE_URL=empty)

    lines = manage(tmp_path, "audit", "--json", DATABASE_URL=empty).stdout.splitlines()

    acts = [(each["act"], each["about"]) for each in map(json.loads, lines)]
    assert acts[-1] == ("restore", "kept.dump")
    assert "apikey.create" in [act for act, _ in acts]
