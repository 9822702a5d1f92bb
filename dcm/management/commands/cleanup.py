from typing import Any

from dcm.cleanup import PRUNINGS
from dcm.lib.pruning import PruneCommand


class Command(PruneCommand):
    help = "Delete all that is stale: what every prune_* command does. A server does it itself."

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        self.sweep(PRUNINGS, dry_run=dry_run)
