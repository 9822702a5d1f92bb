from dcm.lib.pruning import PruneCommand
from projects.pruning import OLD_ACTIONS


class Command(PruneCommand):
    help = "Delete actions older than ACTION_RETENTION_DAYS; by default they are kept."
    pruning = OLD_ACTIONS
