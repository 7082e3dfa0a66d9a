"""Which edges of a graph lie on a cycle. Pure; the audit of :mod:`.suppression` asks it.

An edge may be walked in one direction, or in both. It lies on a cycle of three edges or more if both its ends lie in
one strongly connected component, and if it is no bridge there: an edge that may be walked both ways, and whose loss
would cut its component in two, leads nowhere but back along itself. (An edge that is no bridge has another way round.
Say nothing else led from `u` to `v` or back: then what `u` reaches and what `v` reaches would be apart, with the edge
alone between them, and it were a bridge.) Both are found in one walk each (R. Tarjan, *Depth-first search and linear
graph algorithms*, 1972), so the whole takes as long as there are edges.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

Corner = Hashable

_NONE: Final = -1


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge between two corners: whether it may be walked from `tail` to `head`, and whether back."""

    tail: Corner
    head: Corner
    there: bool
    back: bool


def on_no_cycle(edges: Sequence[Edge]) -> set[int]:
    """Give the places of the edges through which no cycle goes. No two edges join the same two corners."""
    numbers: dict[Corner, int] = {}
    ends = [(numbers.setdefault(one.tail, len(numbers)), numbers.setdefault(one.head, len(numbers))) for one in edges]
    steps: list[list[int]] = [[] for _ in numbers]
    for (tail, head), edge in zip(ends, edges, strict=True):
        if edge.there:
            steps[tail].append(head)
        if edge.back:
            steps[head].append(tail)
    component = _components(steps)
    within: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for place, (tail, head) in enumerate(ends):
        if component[tail] == component[head] and (edges[place].there or edges[place].back):
            within[tail].append((head, place))
            within[head].append((tail, place))
    apart = {place for place, (tail, head) in enumerate(ends) if component[tail] != component[head]}
    dead = {place for place, edge in enumerate(edges) if not (edge.there or edge.back)}
    return apart | dead | _bridges(within)


def _components(steps: Sequence[Sequence[int]]) -> list[int]:
    """The strongly connected component of each corner, by a number."""
    order, low, component = [_NONE] * len(steps), [_NONE] * len(steps), [_NONE] * len(steps)
    waiting: list[int] = []
    count = 0
    for start in range(len(steps)):
        if order[start] != _NONE:
            continue
        order[start] = low[start] = count
        count += 1
        waiting.append(start)
        path = [(start, iter(steps[start]))]
        while path:
            corner, onward = path[-1]
            for other in onward:
                if order[other] == _NONE:
                    order[other] = low[other] = count
                    count += 1
                    waiting.append(other)
                    path.append((other, iter(steps[other])))
                    break
                if component[other] == _NONE:
                    low[corner] = min(low[corner], order[other])
            else:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[corner])
                if low[corner] == order[corner]:
                    last = _NONE
                    while last != corner:
                        last = waiting.pop()
                        component[last] = corner
    return component


def _bridges(near: Mapping[int, Iterable[tuple[int, int]]]) -> set[int]:
    """The edges of a graph without directions whose loss would cut it; corners with their edges, by place."""
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    found: set[int] = set()
    for start in near:
        if start in order:
            continue
        order[start] = low[start] = len(order)
        path = [(start, _NONE, iter(near[start]))]
        while path:
            corner, came_by, onward = path[-1]
            for other, place in onward:
                if place == came_by:
                    continue
                if other not in order:
                    order[other] = low[other] = len(order)
                    path.append((other, place, iter(near[other])))
                    break
                low[corner] = min(low[corner], order[other])
            else:
                path.pop()
                if path:
                    above = path[-1][0]
                    low[above] = min(low[above], low[corner])
                    if low[corner] > order[above]:
                        found.add(came_by)
    return found
