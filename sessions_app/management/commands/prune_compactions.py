from dcm.lib.pruning import PruneCommand
from sessions_app.pruning import OLD_COMPACTIONS


class Command(PruneCommand):
    help = "Forget compactions that began more than 90 days ago."
    pruning = OLD_COMPACTIONS
