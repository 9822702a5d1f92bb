from dcm.lib.pruning import PruneCommand
from realtime.pruning import OLD_EVENTS


class Command(PruneCommand):
    help = "Delete events older than EVENT_RETENTION_HOURS, or beyond EVENT_RETENTION_MAX."
    pruning = OLD_EVENTS
