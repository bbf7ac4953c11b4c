"""Settings of the last block of the vision encoder: the base class of its variants, and the sum of attentions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import ClassVar

from torch import Tensor, nn

from itaclip_mmseg.last_inputs import Keep, LastInputs
from itaclip_mmseg.utils.checks import as_tuple, check, from_dict, is_count, is_number

TERMS = ('qk', 'qq', 'kk', 'vv', 'identity')


@dataclass(frozen=True)
class Feedback:
    """A second pass of the last block, whose attention uses which patches the first pass labelled alike.

    Args:
        scale: factor of the attention scores of the second pass.
        share: share of the patch relation in these scores, 0 to 1; the rest is the block's own attention.
        threshold: pixels whose best score is below this count as the first word.
        logit_scale: factor of the cosine similarities before the softmax over the words.
        decay: reduce the relation of patches with the same label with their distance if other labels lie between them.
    """

    scale: float = 2.0
    share: float = 0.7
    threshold: float = 0.25
    logit_scale: float = 40
    decay: bool = True

    def __post_init__(self) -> None:
        for name, high in (('scale', float('inf')), ('share', 1), ('threshold', 1), ('logit_scale', float('inf'))):
            value = getattr(self, name)
            check(is_number(value, 0, high), f'last_block.feedback.{name}', value, f'numbers from 0 to {high}')
        check(isinstance(self.decay, bool), 'last_block.feedback.decay', self.decay, 'True or False')


@dataclass(frozen=True)
class LastBlock:
    """Computes patch tokens in the last block of the vision encoder; the base class of each method's variant.

    Subclasses are frozen dataclasses of settings, so that equal ones are computed only once. A method whose last block
    is more than a sum of attention terms defines one in `methods/NAME/last_block.py`, decorated with
    `last_block(NAME)`: `keep` lists the states it needs, and `tokens` computes the result. See docs/add_a_method.md.
    """

    name: ClassVar[str]  # the name in configs
    feedback: ClassVar[Feedback | None] = None  # a field of subclasses with a second pass

    @property
    def keep(self) -> Keep:
        """The states it needs besides the last block's own input and projections."""
        return Keep()

    def grid(self, inputs: LastInputs) -> tuple[int, int]:
        """Rows and columns of its tokens: those of CLIP's patches, unless a subclass changes them."""
        return inputs.grid

    def tokens(self, inputs: LastInputs, block: nn.Module) -> Tensor:
        """Compute patch tokens V x L x D, row by row of `grid`, before the final norm and projection.

        Args:
            inputs: outputs of the shared blocks.
            block: open_clip's last residual attention block.
        """
        raise NotImplementedError

    @classmethod
    def from_config(cls, backbone: Mapping) -> 'LastBlock':
        """From a backbone's config: its `last_block`, a name or dict(type=NAME, ...), or else an `AttentionSum`."""
        chosen = backbone.get('last_block')
        if chosen is None:
            keys = [field.name for field in fields(AttentionSum)]
            return AttentionSum(**{key: backbone[key] for key in keys if key in backbone})
        settings = dict(chosen) if isinstance(chosen, Mapping) else dict(type=chosen)
        name = settings.pop('type', None)
        check(isinstance(name, str) and name in LAST_BLOCKS, 'backbone.last_block', name, ', '.join(LAST_BLOCKS))
        return from_dict(LAST_BLOCKS[name], settings, f'backbone.last_block of {name}')

    def check_depth(self, depth: int, model: str) -> None:
        """Raise a `UserError` if it needs the state of a block outside 1 to `depth`."""
        where = 'backbone, layer of the last block'
        for layer in sorted(self.keep.qkv):
            check(layer <= depth, where, layer, f'{model} has blocks 1 to {depth}')
        for layer in sorted(self.keep.hidden):
            check(layer < depth, where, layer, f'{model} has blocks 1 to {depth - 1} before the last')


LAST_BLOCKS: dict[str, type[LastBlock]] = {}


def last_block(name: str) -> Callable[[type[LastBlock]], type[LastBlock]]:
    """Decorate a last block to register it under its name in configs."""

    def register(cls: type[LastBlock]) -> type[LastBlock]:
        LAST_BLOCKS[name], cls.name = cls, name
        return cls

    return register


@last_block('sum')
@dataclass(frozen=True)
class AttentionSum(LastBlock):
    """A sum of attention terms over the last block's values (paper, section 3.1; tables 2 to 4).

    Args:
        attention: terms whose softmax maps are summed: qk (plain CLIP), qq, kk, vv, identity (each token attends only
            to itself).
        intermediate_layers: blocks, counted from 1, whose mean attention map is averaged with the last block's.
        residual: add the block's input to its attention output.
        final_ffn: run the block's feed-forward network (table 3).
        neighbourhood_std: standard deviation, in patches, of NACLIP's Gaussian prior on the scores; None for no prior.
    """

    attention: tuple[str, ...] = ('qq', 'kk')
    intermediate_layers: tuple[int, ...] = (7, 8, 10)
    residual: bool = True
    final_ffn: bool = False
    neighbourhood_std: float | None = None

    def __post_init__(self) -> None:
        terms = (self.attention,) if isinstance(self.attention, str) else self.attention
        attention = as_tuple(terms, 'backbone.attention', f'any sum of {", ".join(TERMS)}')
        layers = as_tuple(self.intermediate_layers or (), 'backbone.intermediate_layers', 'numbers of blocks')
        object.__setattr__(self, 'attention', attention)
        object.__setattr__(self, 'intermediate_layers', layers)
        for term in attention:
            check(term in TERMS, 'backbone.attention', term, f'any sum of {", ".join(TERMS)}')
        check(len(attention) > 0, 'backbone.attention', attention, f'any sum of {", ".join(TERMS)}')
        for layer in self.intermediate_layers:
            check(is_count(layer), 'backbone.intermediate_layers', layer, 'numbers of blocks, counted from 1')
        std = self.neighbourhood_std
        check(std is None or is_number(std, 1e-3), 'backbone.neighbourhood_std', std, 'None or a number above 0')

    @property
    def keep(self) -> Keep:
        """The projections of the intermediate layers."""
        return Keep.projections(self.intermediate_layers)
