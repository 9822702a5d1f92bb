"""The same work without HTTP, Python or batching: pgbench on the same PostgreSQL.

One action row and ten keyword upserts, in statements of their own: with a commit for each, as the
original does it, or, harder to beat, with one commit for all eleven.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Literal

import psycopg

from dcm.lib import embedded

SCRIPT = """
\\set k random(1, 4990)
{begin}
INSERT INTO floor_action (id, tool_name, tool_type, input, file_paths, exit_code, duration_ms,
                          session_id, created_at)
VALUES (gen_random_uuid(), 'Bash', 'builtin', repeat('word ', 40), ARRAY['/srv/shop/a.py'], 0, :k,
        'bench', now());
{upserts}
{commit}
"""
UPSERT = """
INSERT INTO floor_score (keyword, tool_name, tool_type, score, usage_count, success_count,
                         last_used)
VALUES ('word' || (:k + %d), 'Bash', 'builtin', 1.0, 1, 1, now())
ON CONFLICT (keyword, tool_name) DO UPDATE SET score = least(5.0, floor_score.score + 0.1),
  usage_count = floor_score.usage_count + 1, success_count = floor_score.success_count + 1,
  last_used = EXCLUDED.last_used;
"""
TABLES = """
CREATE TABLE floor_action (LIKE projects_action INCLUDING ALL);
CREATE TABLE floor_score (LIKE routing_keywordtoolscore INCLUDING ALL);
"""


class Floor:
    """pgbench against the database of the server under `home`."""

    def __init__(self, home: Path) -> None:
        self._server: dict[str, Any] = embedded.connection(home)
        self._home = home
        with self.connect() as link:
            link.execute(TABLES)

    def connect(self) -> "psycopg.Connection[Any]":
        server = self._server
        return psycopg.connect(
            dbname=server["NAME"],
            user=server["USER"],
            password=server["PASSWORD"],
            host=server["HOST"],
            port=server["PORT"],
            autocommit=True,
        )

    def run(self, *, connections: int, seconds: float, commits: Literal["each", "one"]) -> float:
        """Actions per second."""
        begin, commit = ("", "") if commits == "each" else ("BEGIN;", "COMMIT;")
        upserts = "".join(UPSERT % n for n in range(10))
        script = SCRIPT.format(begin=begin, upserts=upserts, commit=commit)
        return self.pgbench(script, connections=connections, seconds=seconds)

    def pgbench(self, script: str, *, connections: int, seconds: float) -> float:
        """How often a second the script was done."""
        file = self._home / "floor.sql"
        file.write_text(script)
        shipped = embedded.shipped_binaries() / "pgbench"
        program = str(shipped) if shipped.exists() else shutil.which("pgbench")
        if program is None:
            raise SystemExit("pgbench is needed for the floor: install PostgreSQL's contrib tools")
        options = ["-n", "-M", "prepared", "-c", str(connections), "-j", str(min(connections, 2))]
        options += ["-T", str(max(1, round(seconds))), "-f", str(file)]
        options += ["-h", self._server["HOST"], "-U", self._server["USER"]]
        done = subprocess.run(
            [program, *options, self._server["NAME"]],
            env={**os.environ, "PGPASSWORD": self._server["PASSWORD"]},
            capture_output=True,
            text=True,
            check=True,
        )
        found = re.search(r"tps = ([0-9.]+)", done.stdout)
        assert found, done.stdout
        return float(found[1])
