from dcm.lib.pruning import PruneCommand
from projects.pruning import LOST_CLAIMS


class Command(PruneCommand):
    help = "End claims of agents that fell silent. A running server does so every minute."
    pruning = LOST_CLAIMS
