from dcm.lib.pruning import PruneCommand
from sessions_app.pruning import ABSENT_AGENTS


class Command(PruneCommand):
    help = "Take coordinated agents off their lists that nothing was heard of for ten minutes."
    pruning = ABSENT_AGENTS
