"""ProxyCLIP's last block (arXiv:2408.04883): CLIP's values attended by DINO's similarity."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from itaclip_mmseg.last_block import LastBlock, last_block
from itaclip_mmseg.last_inputs import Keep, LastInputs, Network
from itaclip_mmseg.models.backbones.attention import output
from itaclip_mmseg.models.backbones.similarity import cosines, enlarged, similarity_attention
from itaclip_mmseg.utils.checks import check, from_dict, is_number


@last_block('proxyclip')
@dataclass(frozen=True)
class ProxyCLIP(LastBlock):
    """Attention by the similarity of DINO's patches, on their grid; no residual, no feed-forward network.

    Args:
        dino: config of DINO, dict(pretrained=PATH).
        centre: beta; similarities below beta times the view's mean are excluded.
        sharpness: gamma, factor of the similarities in the softmax.
    """

    dino: Network | None = None
    centre: float = 1.2
    sharpness: float = 3.0

    def __post_init__(self) -> None:
        if isinstance(self.dino, Mapping):
            object.__setattr__(self, 'dino', from_dict(Network, self.dino, 'last_block.dino'))
        check(isinstance(self.dino, Network), 'last_block.dino', self.dino, 'dict(pretrained=PATH)')
        for name in ('centre', 'sharpness'):
            check(is_number(getattr(self, name), 0), f'last_block.{name}', getattr(self, name), 'numbers from 0')

    @property
    def keep(self) -> Keep:
        """The network's features."""
        return Keep(networks=frozenset({self.dino}))

    def grid(self, inputs: LastInputs) -> tuple[int, int]:
        """Rows and columns of DINO's patches."""
        return tuple(inputs.features[self.dino].shape[-2:])

    def tokens(self, inputs: LastInputs, block: nn.Module) -> Tensor:
        """Tokens on DINO's grid, V x L' x D."""
        similarity = cosines(inputs.features[self.dino].flatten(2).mT)
        attention = similarity_attention(similarity, self.sharpness, self.centre)  # V x L' x L'
        values = enlarged(inputs.qkv[max(inputs.qkv)][2][:, :, 1:], inputs.grid, self.grid(inputs))
        return output(block, attention[:, None].to(values) @ values)
