"""The `dcm` command: what people do with a DCM server in the terminal.

Exit codes: 0 done, 1 refused or a problem found, 2 wrong usage, 3 no server, 4 the key does not do,
130 interrupted.
"""


def main() -> None:
    from dcm_client.cli.app import app

    app()
