"""Who waits for whom, from left to right: each arrow leads to the one that has to move first."""

from collections.abc import Collection
from dataclasses import dataclass

COLUMN, ROW = 230, 46
WIDTH, HEIGHT = 168, 30
MARGIN = 4
MOST_NODES = 60


@dataclass(frozen=True, kw_only=True)
class Node:
    name: str
    x: int
    y: int
    tone: str


@dataclass(frozen=True, kw_only=True)
class Edge:
    path: str
    tone: str
    title: str


@dataclass(frozen=True, kw_only=True)
class Graph:
    """circle: agents that wait for each other, which nobody will end by waiting."""

    nodes: list[Node]
    edges: list[Edge]
    width: int
    height: int
    circle: list[str]


def graph(waits: Collection[tuple[str, str]]) -> Graph | None:
    """waits: (who waits, for whom). None when nobody does."""
    if not waits:
        return None
    waits = _few(waits)
    circle = _in_a_circle(waits)
    columns = _columns(waits)
    rows: dict[int, int] = {}
    nodes: dict[str, Node] = {}
    waiting = {who for who, _ in waits}
    for name, column in sorted(columns.items(), key=lambda each: (each[1], each[0])):
        row = rows.get(column, 0)
        rows[column] = row + 1
        tone = "failed" if name in circle else "blocked" if name in waiting else "running"
        nodes[name] = Node(name=name, x=MARGIN + COLUMN * column, y=MARGIN + ROW * row, tone=tone)
    return Graph(
        nodes=list(nodes.values()),
        edges=[_edge(nodes[who], nodes[whom], circle) for who, whom in waits],
        width=2 * MARGIN + COLUMN * max(columns.values()) + WIDTH,
        height=2 * MARGIN + ROW * (max(rows.values()) - 1) + HEIGHT,
        circle=sorted(circle),
    )


def _few(waits: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
    names: set[str] = set()
    kept = []
    for pair in waits:
        if len(names | set(pair)) <= MOST_NODES:
            names |= set(pair)
            kept.append(pair)
    return kept


def _in_a_circle(waits: Collection[tuple[str, str]]) -> set[str]:
    """Those left when whoever waits for nobody, or is waited for by nobody, is taken away."""
    left = list(waits)
    while True:
        waiting, awaited = {who for who, _ in left}, {whom for _, whom in left}
        kept = [(who, whom) for who, whom in left if whom in waiting and who in awaited]
        if len(kept) == len(left):
            return waiting
        left = kept


def _columns(waits: Collection[tuple[str, str]]) -> dict[str, int]:
    """As far to the right as the longest chain that leads there; in a circle that has an end."""
    columns = dict.fromkeys((name for pair in waits for name in pair), 0)
    for _ in range(min(len(columns), 8)):
        for who, whom in waits:
            columns[whom] = max(columns[whom], min(columns[who] + 1, 8, len(columns) - 1))
    places = {column: place for place, column in enumerate(sorted(set(columns.values())))}
    return {name: places[column] for name, column in columns.items()}


def _edge(who: Node, whom: Node, circle: Collection[str]) -> Edge:
    y1, y2 = who.y + HEIGHT // 2, whom.y + HEIGHT // 2
    x1, x2 = who.x + WIDTH, whom.x - 7
    if x2 > x1:
        bend = (x2 - x1) // 2
        path = f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
    else:  # back, or within a column: around the right side
        x2 = whom.x + WIDTH + 7
        bend = max(x1, x2) + 34
        path = f"M{x1} {y1}C{bend} {y1} {bend} {y2} {x2} {y2}"
    tone = "failed" if who.name in circle and whom.name in circle else "blocked"
    return Edge(path=path, tone=tone, title=f"{who.name} waits for {whom.name}")
