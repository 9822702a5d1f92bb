from dcm.lib.pruning import PruneCommand
from messaging.pruning import ENDED_AGENTS


class Command(PruneCommand):
    help = "Forget agents of hooks that ended a week ago."
    pruning = ENDED_AGENTS
