"""SFP's last block: self-adaptive feature purifier."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from itaclip_mmseg.last_block import last_block
from itaclip_mmseg.last_inputs import Keep, LastInputs
from itaclip_mmseg.models.backbones.attention import attention_map
from itaclip_mmseg.models.backbones.calibration import Calibration, attend_by
from itaclip_mmseg.models.backbones.similarity import cut, similarity_attention
from itaclip_mmseg.utils.checks import check, is_count, is_number

OUTLIERS = ('attention', 'norm', 'density')


@last_block('sfp')
@dataclass(frozen=True)
class SFP(Calibration):
    """SFP: anomalies are outliers that draw the CLS token's attention; attention uses thresholded similarity.

    Args:
        outliers: 'attention' for patches that CLS attends to more than they attend to themselves, 'norm' for the
            largest norms in the last block's input, 'density' for local outlier factor (SOM, L2 and LOF in the public
            code).
        outlier_layer: layer of that attention.
        outlier_scale: factor of CLS's attention in that comparison.
        most_outliers: maximum number of outliers by attention or norm, the largest first.
    """

    outliers: str = 'attention'
    outlier_layer: int = 11
    outlier_scale: float = 1.5
    most_outliers: int = 10

    isolated_stay = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self.outliers in OUTLIERS, 'last_block.outliers', self.outliers, ', '.join(OUTLIERS))
        for name in ('outlier_layer', 'most_outliers'):
            check(is_count(getattr(self, name)), f'last_block.{name}', getattr(self, name), 'whole numbers from 1')
        check(is_number(self.outlier_scale, 0), 'last_block.outlier_scale', self.outlier_scale, 'numbers from 0')

    @property
    def keep(self) -> Keep:
        """Also keep the projections of `outlier_layer`."""
        return super().keep | Keep(qkv=frozenset({self.outlier_layer}) if self.outliers == 'attention' else frozenset())

    def anomalies(self, inputs: LastInputs) -> Tensor:
        """Outliers of the chosen kind, V x L, bool."""
        patches = inputs.x[:, 1:]
        if self.outliers == 'density':
            return self.outlying(patches)
        if self.outliers == 'norm':
            scores = patches.float().norm(dim=-1)
        else:
            scores = drawn_attention(inputs.qkv[self.outlier_layer], self.outlier_scale)
        return greatest(scores, self.most_outliers)

    def attend(self, block: nn.Module, x: Tensor, similarity: Tensor, fused: bool) -> Tensor:
        """Attend by the mean of thresholded similarity, q-q and k-k; for the sum of layers by similarity. V x L x D."""
        attention = similarity_attention(cut(similarity, self.threshold), self.sharpness)
        return attend_by(block, x, attention, terms=() if fused else ('qq', 'kk'))


def drawn_attention(qkv: Tensor, scale: float) -> Tensor:
    """Attention of CLS to patches, times `scale`, where it exceeds their attention to themselves; else -inf.

    Args:
        qkv: projections of a block, 3 x V x heads x (1 + L) x d.

    Returns:
        V x L, float32, averaged over the heads.
    """
    attention = attention_map(qkv).mean(dim=1)  # V x (1 + L) x (1 + L)
    drawn, own = scale * attention[:, 0, 1:], attention.diagonal(dim1=-2, dim2=-1)[:, 1:]
    return drawn.masked_fill(drawn <= own, -torch.inf)


def greatest(scores: Tensor, number: int) -> Tensor:
    """Mark the `number` largest scores V x L of each view that are not -inf, V x L, bool."""
    top = scores.topk(min(number, scores.shape[-1]))
    return torch.zeros_like(scores, dtype=torch.bool).scatter(-1, top.indices, top.values > -torch.inf)
