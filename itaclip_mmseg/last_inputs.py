"""What the encoder keeps for its last block, and the inputs of that block."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from torch import Tensor

from itaclip_mmseg.utils.checks import check, is_count


@dataclass(frozen=True)
class Network:
    """A second vision transformer whose patch features a last block needs.

    Args:
        pretrained: path of its weights.
        heads: attention heads per block; None for width / 64, as in all published models.
        type: name of its class in MMSegmentation's registry of models.
    """

    pretrained: str
    heads: int | None = None
    type: str = 'DINO'

    def __post_init__(self) -> None:
        check(self.heads is None or is_count(self.heads), 'heads', self.heads, 'None or whole numbers from 1')


class Keep(NamedTuple):
    """What the encoder keeps of the shared pass for a last block; blocks are counted from 1.

    For example, `Keep.projections([7, 8])` keeps the queries, keys and values of blocks 7 and 8.

    Attributes:
        qkv: blocks whose queries, keys and values are kept.
        hidden: blocks whose output, the residual stream, is kept; 0 for the embedded patches.
        networks: second networks whose patch features of the views are kept.
    """

    qkv: frozenset[int] = frozenset()
    hidden: frozenset[int] = frozenset()
    networks: frozenset[Network] = frozenset()

    @classmethod
    def projections(cls, layers: Iterable[int]) -> 'Keep':
        """Keep the queries, keys and values of some blocks."""
        return cls(qkv=frozenset(layers))

    def __or__(self, other: 'Keep') -> 'Keep':
        return Keep(*(mine | theirs for mine, theirs in zip(self, other)))


class LastInputs(NamedTuple):
    """Inputs of the last block from the shared blocks, which do not depend on its settings.

    Attributes:
        x: input of the last block, V x (1 + L) x D.
        qkv: queries, keys and values, 3 x V x heads x (1 + L) x d, by block number from 1; always includes the last
            block's.
        hidden: the residual stream after a block, V x (1 + L) x D, by block number.
        grid: rows and columns of patches.
        views: the encoded views, V x 3 x H x W, normalised RGB.
        features: patch features of the views from second networks, V x D' x rows x columns.
        relation: how much the first pass labels tokens alike, V x (1 + L) x (1 + L); None in the first pass.
    """

    x: Tensor
    qkv: dict[int, Tensor]
    hidden: dict[int, Tensor]
    grid: tuple[int, int]
    views: Tensor
    features: Mapping[Network, Tensor] = MappingProxyType({})
    relation: Tensor | None = None

    @property
    def last_qkv(self) -> Tensor:
        """The last block's queries, keys and values, 3 x V x heads x (1 + L) x d."""
        return self.qkv[max(self.qkv)]

    def first(self, number: int) -> 'LastInputs':
        """The inputs of at most the first `number` views."""
        qkv = {block: one[:, :number] for block, one in self.qkv.items()}
        hidden = {block: one[:number] for block, one in self.hidden.items()}
        features = {network: one[:number] for network, one in self.features.items()}
        return LastInputs(self.x[:number], qkv, hidden, self.grid, self.views[:number], features)
