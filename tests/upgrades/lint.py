"""`python -m tests.upgrades.lint`: whether each migration keeps the rules of docs/upgrading.md.

pyproject.toml lists those of the first release that do not: they found no server running.
"""

import contextlib
import io
import os
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="dcm-lint-") as folder:
        Path(folder).chmod(0o711)
        for name in ("DATABASE_URL", "DB_USER"):
            os.environ.pop(name, None)
        os.environ |= {"DCM_HOME": f"{folder}/home", "DJANGO_SETTINGS_MODULE": "dcm.settings"}
        import django

        django.setup()
        from django.conf import settings
        from django.db import connections

        from dcm.lib import embedded

        # What a statement looks like depends on the server's version.
        with embedded.kept_running(settings.DCM_HOME, fsync="off"):
            checked, wrong = _lint()
            connections.close_all()
    sys.stdout.write("".join(f"{each}\n" for each in wrong))
    sys.stdout.write(f"{checked} migrations, {len(wrong)} objections\n")
    return 1 if wrong else 0


def _lint() -> tuple[int, list[str]]:
    from tests.upgrades.rules import wrong_in

    configured = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["dcm"]
    first = set(configured["migrations-of-the-first-release"])
    ours = {f"{app}.{name}" for app, name in _ours()}
    wrong = [f"pyproject.toml: there is no migration {name}" for name in sorted(first - ours)]
    for migration in sorted(ours - first):
        wrong += [f"{migration}: {why}" for why in wrong_in(_sql_of(*migration.split(".")))]
    return len(ours - first), wrong


def _ours() -> list[tuple[str, str]]:
    from django.apps import apps
    from django.db.migrations.loader import MigrationLoader

    folders = {app.label: Path(app.path) for app in apps.get_app_configs()}
    venv = Path(sys.prefix)
    return [
        (app, name)
        for app, name in MigrationLoader(None).disk_migrations
        if ROOT in folders[app].parents and venv not in folders[app].parents
    ]


def _sql_of(app: str, name: str) -> str:
    from django.core.management import call_command

    with contextlib.redirect_stdout(io.StringIO()) as printed:
        call_command("sqlmigrate", app, name, no_color=True)
    return printed.getvalue()


if __name__ == "__main__":
    sys.exit(main())
