"""Reading COCO segmentations: polygons, run lengths, or compressed run lengths."""

import numpy as np

from itaclip_mmseg.datasets.preparation.document import Node
from itaclip_mmseg.datasets.preparation.shapes import Shape


def read_segment(name: str | None, node: Node, size: tuple[int, int]) -> Shape:
    """Read the shape of a segmentation in an image of a size (height, width)."""
    if isinstance(node.value, dict):
        own = node.get('size')
        if own and own.numbers().tolist() != list(size):
            raise own.fault(f'is {own.value}, but the image has {list(size)}')
        counts = node['counts']
        if isinstance(counts.value, str):
            counts = Node(run_lengths(counts), counts.path, counts.place)
        return Shape(name, runs=counts.runs(size[0] * size[1]))
    rings = node.of(list).value
    if rings and not isinstance(rings[0], list):
        return Shape(name, rings=(node.points(),))
    return Shape(name, rings=tuple(ring.points() for ring in node))


def run_lengths(node: Node) -> list[int]:
    """Decode COCO's compressed run lengths: five bits per character, from the fourth run on as differences."""
    codes = np.frombuffer(node.value.encode('utf-8', 'replace'), np.uint8).astype(np.int64) - 48
    last = codes & 32 == 0  # the last character of each run
    if not codes.size or codes.min() < 0 or codes.max() > 63 or not last[-1]:
        raise node.fault('is not valid compressed run lengths, or truncated')
    ends = np.flatnonzero(last)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > 8:
        raise node.fault('has a run longer than any image')
    runs = np.add.reduceat((codes & 31) << 5 * (np.arange(codes.size) - np.repeat(starts, lengths)), starts)
    runs -= np.where(codes[ends] & 16, 1 << 5 * lengths, 0)
    for first in (1, 2):
        runs[first::2] = np.cumsum(runs[first::2])
    return runs.tolist()
