"""Decoding Label Studio's brush masks: run-length encoded bits (`rle-pack`) of a four-channel image."""

import numpy as np

from itaclip_mmseg.datasets.preparation.document import Node


class Bits:
    """Reads numbers of any bit width from bytes."""

    def __init__(self, node: Node) -> None:
        values = node.numbers()
        if values.ndim != 1 or (values < 0).any() or (values > 255).any() or (values % 1).any():
            raise node.fault('is not a list of bytes')
        self.node, self.position = node, 0
        self.bits = np.unpackbits(values.astype(np.uint8)).tobytes().translate(bytes.maketrans(b'\0\1', b'01'))

    def read(self, width: int) -> int:
        """Read the next number of `width` bits."""
        start, self.position = self.position, self.position + width
        if self.position > len(self.bits):
            raise self.node.fault('is truncated')
        return int(self.bits[start : self.position], 2)


def decode_brush(node: Node, size: tuple[int, int]) -> np.ndarray:
    """Decode a mask, H x W bool: all pixels that are not transparent."""
    bits = Bits(node)
    number, width = bits.read(32), bits.read(5) + 1
    widths = [bits.read(4) + 1 for _ in range(4)]
    if number != size[0] * size[1] * 4:
        raise node.fault(f'has {number} values instead of {size[0]} x {size[1]} x 4')
    values, filled = np.zeros(number, np.int64), 0
    while filled < number:
        repeated = bits.read(1)
        end = min(filled + 1 + bits.read(widths[bits.read(2)]), number)
        values[filled:end] = bits.read(width) if repeated else [bits.read(width) for _ in range(end - filled)]
        filled = end
    return values.reshape(*size, 4)[..., 3] > 0
