"""ResCLIP's last block (arXiv:2411.15851): residual attention."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from itaclip_mmseg.last_block import AttentionSum, Feedback, LastBlock, last_block
from itaclip_mmseg.last_inputs import Keep, LastInputs
from itaclip_mmseg.models.backbones.attention import attend, finish, neighbourhood_prior
from itaclip_mmseg.utils.checks import check, from_dict, is_count, is_number


@last_block('resclip')
@dataclass(frozen=True)
class ResCLIP(LastBlock):
    """A sum of attention terms, mixed with the attention of middle layers (RCS), in a second pass with feedback (SFR).

    Args:
        attention, residual, final_ffn, neighbourhood_std: the base attention, see `AttentionSum`; default: NACLIP's.
        middle_layers: layers whose mean q-k attention is mixed in; empty for no RCS.
        middle_share: weight of the middle layers, 0 to 1.
        scale: sum of a row of the mixture; rows of the base add up to 1.
        feedback: settings of the second pass; None for none.
    """

    attention: tuple[str, ...] = ('kk',)
    residual: bool = False
    final_ffn: bool = False
    neighbourhood_std: float | None = 5
    middle_layers: tuple[int, ...] = (6, 7, 8, 9)
    middle_share: float = 0.4
    scale: float = 2.0
    feedback: Feedback | None = field(default_factory=Feedback)

    def __post_init__(self) -> None:
        base = AttentionSum(self.attention, None, self.residual, self.final_ffn, self.neighbourhood_std)
        object.__setattr__(self, 'attention', base.attention)  # checked
        object.__setattr__(self, 'middle_layers', tuple(self.middle_layers or ()))
        if isinstance(self.feedback, Mapping):
            object.__setattr__(self, 'feedback', from_dict(Feedback, self.feedback, 'last_block.feedback'))
        valid = self.feedback is None or isinstance(self.feedback, Feedback)
        check(valid, 'last_block.feedback', self.feedback, 'None or a dict')
        for layer in self.middle_layers:
            check(is_count(layer), 'last_block.middle_layers', layer, 'numbers of blocks, counted from 1')
        check(is_number(self.middle_share, 0, 1), 'last_block.middle_share', self.middle_share, 'numbers from 0 to 1')
        check(is_number(self.scale, 0), 'last_block.scale', self.scale, 'numbers from 0')

    @property
    def keep(self) -> Keep:
        """The projections of the middle layers."""
        return Keep(qkv=frozenset(self.middle_layers))

    def tokens(self, inputs: LastInputs, block: nn.Module) -> Tensor:
        """Patch tokens V x L x D; in the second pass, the relation is used too."""
        values = inputs.qkv[max(inputs.qkv)][2]
        heads = self.base_attention(inputs)
        if self.middle_layers:
            middle = sum(attend(inputs.qkv[layer], values, 'qk') for layer in self.middle_layers)
            share = self.middle_share
            heads = self.scale * ((1 - share) * heads + share / len(self.middle_layers) * middle)
        return finish(block, inputs.x, heads, self)[:, 1:]

    def base_attention(self, inputs: LastInputs) -> Tensor:
        """Heads of the sum of terms; in the second pass, the relation is added to the scores before each softmax."""
        qkv = inputs.qkv[max(inputs.qkv)]
        prior = None
        if self.neighbourhood_std is not None:
            prior = neighbourhood_prior(*inputs.grid, self.neighbourhood_std, qkv.dtype, qkv.device)
        scale = 1.0
        if inputs.relation is not None:
            related = self.feedback.scale * rounded_share(inputs.relation, self.feedback.share)[:, None].to(qkv)
            prior = related if prior is None else related + prior  # V x 1 x (1 + L) x (1 + L)
            scale = self.feedback.scale * (1 - self.feedback.share)
        return sum(attend(qkv, qkv[2], term, prior, scale) for term in self.attention)


def rounded_share(relation: Tensor, share: float) -> Tensor:
    """Weighted relation for the scores: scaled to at most 1 and rounded to half precision before and after weighting.

    The authors' code rounds like this in every precision; kept for equal numbers.
    """
    return share * (relation / relation.amax(dim=(-2, -1), keepdim=True)).half()
