"""A segment as COCO writes it: polygons, run lengths, or compressed run lengths."""

import numpy as np

from itaclip_mmseg.datasets.preparation.document import Node
from itaclip_mmseg.datasets.preparation.shapes import Shape


def read_segment(name: str | None, node: Node, size: tuple[int, int]) -> Shape:
    """The shape of a segment in a photograph of a size (height, width)."""
    if isinstance(node.value, dict):
        own = node.get('size')
        if own and own.numbers().tolist() != list(size):
            raise own.fault(f'is {own.value}, but its photograph has {list(size)}')
        counts = node['counts']
        if isinstance(counts.value, str):
            counts = Node(run_lengths(counts), counts.path, counts.place)
        return Shape(name, runs=counts.runs(size[0] * size[1]))
    rings = node.of(list).value
    if rings and not isinstance(rings[0], list):
        return Shape(name, rings=(node.points(),))
    return Shape(name, rings=tuple(ring.points() for ring in node))


def run_lengths(node: Node) -> list[int]:
    """COCO's compressed run lengths: five bits a character, from the third on differences to the last but one."""
    runs, value, shift = [], 0, 0
    for character in node.value:
        code = ord(character) - 48
        if not 0 <= code < 64 or shift > 60:
            raise node.fault('is no compressed run lengths')
        value |= (code & 31) << shift
        shift += 5
        if code & 32:
            continue
        if code & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    if shift:
        raise node.fault('ends within a run length')
    return runs
