"""Self-calibrating last blocks: repair anomalous patches, aggregate features by similarity, fuse layers."""

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from itaclip_mmseg.last_block import LastBlock
from itaclip_mmseg.last_inputs import Keep, LastInputs
from itaclip_mmseg.models.backbones.attention import output, project
from itaclip_mmseg.models.backbones.similarity import aggregate, cosines, cut
from itaclip_mmseg.utils.checks import check, is_count, is_number


@dataclass(frozen=True)
class Calibration(LastBlock):
    """Base of self-calibrating last blocks; a subclass defines which patches are anomalous and how to attend.

        tokens: anomalies -> fill -> aggregate by the middle layer -> attend, twice -> aggregate by the low layer -> sum

    Args:
        middle_layer: the similarity of its repaired patches guides the aggregation before the last block and the
            attention in it.
        low_layer: the similarity of its patches guides the aggregation after the last block.
        fused_layers: the sum of these layers also runs through the last block.
        threshold: lower cosines count as 0 in the aggregation.
        sharpness: factor of the similarities in the softmax.
        cls_share: share of the CLS token that is added to every patch.
        neighbours: number of nearest patches that define a patch's density.
        quantile: patches whose local outlier factor lies above this quantile of the view are anomalous.
    """

    middle_layer: int = 9
    low_layer: int = 4
    fused_layers: tuple[int, ...] = (4, 5, 6, 7, 8, 9, 10)
    threshold: float = 0.4
    sharpness: float = 3.0
    cls_share: float = 0.3
    neighbours: int = 30
    quantile: float = 0.95

    def __post_init__(self) -> None:
        object.__setattr__(self, 'fused_layers', tuple(self.fused_layers))
        for layer in (self.middle_layer, self.low_layer, *self.fused_layers):
            check(is_count(layer), 'last_block, layer', layer, 'numbers of blocks, counted from 1')
        check(len(self.fused_layers) > 0, 'last_block.fused_layers', self.fused_layers, 'one or more numbers of blocks')
        check(is_number(self.threshold, -1, 1), 'last_block.threshold', self.threshold, 'numbers from -1 to 1')
        check(is_number(self.quantile, 0, 1), 'last_block.quantile', self.quantile, 'numbers from 0 to 1')
        check(is_count(self.neighbours), 'last_block.neighbours', self.neighbours, 'whole numbers from 1')
        for name in ('sharpness', 'cls_share'):
            check(is_number(getattr(self, name), 0), f'last_block.{name}', getattr(self, name), 'numbers from 0')

    @property
    def keep(self) -> Keep:
        """The residual stream after the layers in the settings."""
        return Keep(hidden=frozenset({self.middle_layer, self.low_layer, *self.fused_layers}))

    def tokens(self, inputs: LastInputs, block: nn.Module) -> Tensor:
        """Patch tokens V x L x D, the sum of both branches; see the class."""
        return sum(self.branches(inputs, block))

    def branches(self, inputs: LastInputs, block: nn.Module) -> tuple[Tensor, Tensor]:
        """The last block applied to its own input and to the sum of layers, V x L x D each."""
        last, middle = self.mended(inputs)
        similarity = cosines(middle)
        gathered = aggregate(last, cut(similarity, self.threshold))
        first = self.attend(block, gathered, similarity, fused=False) + self.cls_share * inputs.x[:, :1]
        fused = sum(inputs.hidden[layer] for layer in self.fused_layers)
        second = self.attend(block, fused[:, 1:], similarity, fused=True) + self.cls_share * fused[:, :1]
        low = cosines(inputs.hidden[self.low_layer][:, 1:], self.threshold)
        return aggregate(first, low), aggregate(second, low)

    def mended(self, inputs: LastInputs) -> tuple[Tensor, Tensor]:
        """Patches of the last block's input and of the middle layer, V x L x D each, with anomalies filled."""
        anomalous = self.anomalies(inputs)
        states = inputs.x, inputs.hidden[self.middle_layer]
        return tuple(fill(x[:, 1:], anomalous, inputs.grid, self.isolated_stay) for x in states)

    @property
    @abstractmethod
    def isolated_stay(self) -> bool:
        """Whether an anomalous patch without a normal neighbour is kept; otherwise it becomes 0."""

    @abstractmethod
    def anomalies(self, inputs: LastInputs) -> Tensor:
        """Mark anomalous patches, V x L, bool."""

    @abstractmethod
    def attend(self, block: nn.Module, x: Tensor, similarity: Tensor, fused: bool) -> Tensor:
        """Run the last block's attention on patches only, without residual and feed-forward network, V x L x D.

        Args:
            block: the last block.
            x: its input, V x L x D.
            similarity: cosines of the middle layer's repaired patches, before the threshold, V x L x L.
            fused: whether `x` is the sum of layers.
        """

    def outlying(self, patches: Tensor) -> Tensor:
        """Patches V x L x D whose local outlier factor is above the quantile, V x L, bool."""
        factors = outlier_factors(patches, self.neighbours)
        return factors > factors.quantile(self.quantile, dim=-1, keepdim=True)


def attend_by(block: nn.Module, x: Tensor, *maps: Tensor, terms: tuple[str, ...] = ()) -> Tensor:
    """Attend by the mean of attention maps V x L x L, the same for all heads, and of terms; project the output."""
    qkv = project(block, x)
    values = [attention[:, None].to(x) @ qkv[2] for attention in maps]
    values += [F.scaled_dot_product_attention(*(qkv['qkv'.index(letter)] for letter in term), qkv[2]) for term in terms]
    return output(block, sum(values) / len(values))


def outlier_factors(patches: Tensor, neighbours: int) -> Tensor:
    """Local outlier factor of each patch, V x L, float32: how much sparser its neighbourhood is than its neighbours'.

    It is the mean over the neighbours j of K_i / K_j, where K is the squared distance to the farthest neighbour: the
    usual factor with each patch's own K as reachability distance.

    Args:
        patches: V x L x D, any L; in a view with fewer other patches than `neighbours`, all of them count.
        neighbours: number of nearest patches.
    """
    patches = patches.float()
    # Differences, not products: exact for patches that lie close together.
    distances = torch.cdist(patches, patches, compute_mode='donot_use_mm_for_euclid_dist').square()
    nearest = distances.topk(min(neighbours + 1, patches.shape[1]), largest=False)
    reach = nearest.values[..., -1]  # V x L
    places = nearest.indices[..., 1:].flatten(1)  # without the patch itself
    return (reach[..., None] / reach.gather(1, places).unflatten(1, (patches.shape[1], -1))).mean(dim=-1)


def fill(patches: Tensor, anomalous: Tensor, grid: tuple[int, int], isolated_stay: bool) -> Tensor:
    """Replace anomalous patches by the mean of their normal neighbours, at most eight on the grid.

    Args:
        patches: V x L x D.
        anomalous: V x L, bool.
        grid: rows and columns of the patches.
        isolated_stay: keep an anomalous patch without a normal neighbour; otherwise it becomes 0.
    """
    sound = (~anomalous)[..., None].float()
    stacked = torch.cat([patches.float() * sound, sound], dim=-1).mT.unflatten(-1, grid)  # V x (D + 1) x rows x columns
    sums = 9 * F.avg_pool2d(stacked, 3, stride=1, padding=1)
    totals, counts = sums.flatten(2).mT.split([patches.shape[-1], 1], dim=-1)
    counts = counts.round()
    replaced = anomalous[..., None] & ((counts > 0) | (not isolated_stay))
    return torch.where(replaced, (totals / counts.clamp(min=1)).to(patches), patches)
