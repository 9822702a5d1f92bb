#!/usr/bin/env python
"""The command line of the server: `manage.py serve` runs it, `manage.py help` lists the rest."""

import os
import sys
from pathlib import Path

from dcm.env import BadSetting, read_env_file


def main() -> None:
    try:
        # The environment wins over the file.
        os.environ.update(read_env_file(Path(".env")) | os.environ)
    except BadSetting as error:
        sys.exit(f"dcm: {error}")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dcm.settings")
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        from dcm.serving.database import is_unreachable, unreachable

        if not is_unreachable(error):
            raise
        sys.exit(f"dcm: {unreachable(error)}")


if __name__ == "__main__":
    main()
