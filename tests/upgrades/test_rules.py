"""The rules for migrations find what old servers would notice, and let the rest pass."""

import tomllib

import httpx
import pytest

import dcm
from tests.conftest import Server
from tests.serve.serving import ROOT
from tests.upgrades.rules import wrong_in

CHANGELOG = (ROOT / "CHANGELOG.md").read_text()

BAD = {
    'ALTER TABLE "t" DROP COLUMN "a" CASCADE;': "DROP_COLUMN",
    'DROP TABLE "t" CASCADE;': "DROP_TABLE",
    'ALTER TABLE "t" RENAME COLUMN "a" TO "b";': "RENAME_COLUMN",
    'ALTER TABLE "t" RENAME TO "u";': "RENAME_TABLE",
    'ALTER TABLE "t" ADD COLUMN "a" text NOT NULL;': "NOT_NULL",
    'ALTER TABLE "t" ALTER COLUMN "a" TYPE bigint;': "ALTER_COLUMN",
    'ALTER TABLE "t" ADD CONSTRAINT "u" UNIQUE ("a");': "ADD_UNIQUE",
    'CREATE INDEX "i" ON "t" ("a");': "CREATE_INDEX",
    'ALTER TABLE "t" ADD CONSTRAINT "c" CHECK ("a" > 0);': "ADD_CONSTRAINT",
    "ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (a)\n REFERENCES u (id);": "ADD_CONSTRAINT",
}
GOOD = [
    'CREATE TABLE "t" ("a" text NOT NULL); CREATE INDEX "i" ON "t" ("a");',
    'CREATE TABLE "t" ("a" text);ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES u (b);',
    'ALTER TABLE "t" ADD COLUMN "a" text NULL;',
    'ALTER TABLE "t" ADD COLUMN "a" text DEFAULT \'x\' NOT NULL;',
    'CREATE INDEX CONCURRENTLY "i" ON "t" ("a");',
    'ALTER TABLE "t" ADD CONSTRAINT "c" CHECK ("a" > 0) NOT VALID;',
    'ALTER TABLE "t" VALIDATE CONSTRAINT "c";',
]


@pytest.mark.parametrize("sql", BAD)
def test_what_old_servers_would_notice_is_found(sql: str) -> None:
    assert any(f"({BAD[sql]})" in why for why in wrong_in(sql))


@pytest.mark.parametrize("sql", GOOD)
def test_what_they_would_not_passes(sql: str) -> None:
    assert wrong_in(sql) == []


def test_server_and_client_have_one_version_which_health_tells(server: Server) -> None:
    client = tomllib.loads((ROOT / "client/pyproject.toml").read_text())

    told = httpx.get(f"{server.url}/health").json()["version"]

    assert told == dcm.__version__ == client["project"]["version"]
    assert f"## [{told}]" in CHANGELOG or "## [Unreleased]" in CHANGELOG
