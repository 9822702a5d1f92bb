"""Names of agents that people can say. Pure: an agent is called the same wherever it is asked."""

import hashlib
from collections.abc import Iterator

_ADJECTIVES = (
    "able amber ample azure basic bold brave brief bright brisk broad calm candid cheery civil "
    "clean clear clever cool coral cosy crisp curious daring deft direct eager early easy even "
    "fair fancy fast fine firm fleet fond frank free fresh gentle glad golden good grand green "
    "handy happy hardy honest humble ideal jolly keen kind lively loyal lucid lucky mellow "
    "merry mild modest neat nimble noble novel orange patient plain polite proud prompt pure "
    "quick quiet rapid ready robust rosy round royal sharp silent silver simple sleek smart "
    "smooth snug sober solid sound spry stable steady still stout sunny sure sweet swift tidy "
    "tough trim true upbeat vivid warm wise witty"
)
_ANIMALS = (
    "ant badger bat bear beaver bee bison bobcat camel carp cat condor crane crow deer dingo "
    "dolphin dove eagle eel egret elk falcon ferret finch fox frog gecko gibbon goat goose gull "
    "hare hawk heron hippo horse ibex ibis iguana jackal jaguar jay kiwi koala lark lemur "
    "leopard lion lizard llama lobster lynx magpie mantis marmot marten mole moose moth mouse "
    "mule newt ocelot octopus orca oriole osprey otter owl ox panda panther parrot pelican "
    "penguin pigeon pony puffin puma quail rabbit raccoon raven robin salmon seal shark sheep "
    "shrew shrimp sloth snail sparrow squid stork swallow swan tapir tern tiger toad trout "
    "turtle viper vole walrus wasp weasel whale wolf wombat wren yak zebra"
)
ADJECTIVES = _ADJECTIVES.split()
ANIMALS = _ANIMALS.split()


def names_for(session_id: str, agent_id: str) -> Iterator[str]:
    """`quiet-otter` and so on: an agent has the first of these that is free. Never ends."""
    attempt = 0
    while True:
        text = f"{session_id}\n{agent_id}\n{attempt}"
        digest = int.from_bytes(hashlib.sha256(text.encode(errors="replace")).digest()[:8], "big")
        rest, adjective = divmod(digest, len(ADJECTIVES))
        number, animal = divmod(rest, len(ANIMALS))
        name = f"{ADJECTIVES[adjective]}-{ANIMALS[animal]}"
        # A crowd has taken most of them: then a number goes with it.
        yield name if attempt < 8 else f"{name}-{number % 10_000}"
        attempt += 1
