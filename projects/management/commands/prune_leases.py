from dcm.lib.pruning import PruneCommand
from projects.pruning import ENDED_LEASES


class Command(PruneCommand):
    help = "End leases whose time is over. A running server does so every minute."
    pruning = ENDED_LEASES
