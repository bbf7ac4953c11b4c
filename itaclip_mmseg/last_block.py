"""How the last block of the vision encoder may attend, and what it is given: the edge between settings and encoder."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import ClassVar, NamedTuple

from torch import Tensor, nn

from itaclip_mmseg.utils.checks import as_tuple, check, is_count, is_number

TERMS = ('qk', 'qq', 'kk', 'vv', 'identity')


@dataclass(frozen=True)
class Network:
    """A further vision transformer whose patch features a last block needs.

    Args:
        pretrained: path of its weights.
        heads: attention heads a block; None for width / 64, as in all published ones.
        type: its class, in MMSegmentation's registry of models.
    """

    pretrained: str
    heads: int | None = None
    type: str = 'DINO'

    def __post_init__(self) -> None:
        check(self.heads is None or is_count(self.heads), 'heads', self.heads, 'None or whole numbers from 1')


@dataclass(frozen=True)
class Feedback:
    """A second pass of the last block, told by the first one's answer which patches are of one kind.

    Args:
        scale: factor of the second pass's scores.
        share: of the relation of patches in these scores, 0 to 1; the rest are the block's own.
        threshold: pixels whose best word is below count as the first word.
        logit_scale: factor of the cosines before the softmax over the words.
        decay: relate patches of one kind less with their distance where others lie between them.
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


class Keep(NamedTuple):
    """What a last block needs of the shared pass; blocks by number, counted from 1.

    Attributes:
        qkv: whose queries, keys and values.
        hidden: whose output, the residual stream after them; 0 for the embedded patches.
        networks: whose patch features of the views.
    """

    qkv: frozenset[int] = frozenset()
    hidden: frozenset[int] = frozenset()
    networks: frozenset[Network] = frozenset()

    @classmethod
    def projections(cls, layers: Iterable[int]) -> 'Keep':
        """Queries, keys and values of some blocks."""
        return cls(qkv=frozenset(layers))

    def __or__(self, other: 'Keep') -> 'Keep':
        return Keep(*(mine | theirs for mine, theirs in zip(self, other)))


class LastInputs(NamedTuple):
    """What the shared blocks leave for the last one, whatever its settings.

    Attributes:
        x: its input, V x (1 + L) x D.
        qkv: queries, keys and values, 3 x V x heads x (1 + L) x d, by number of the block, counted from 1; the last
            block's are always there.
        hidden: the residual stream after a block, V x (1 + L) x D, by its number.
        grid: rows and columns of patches.
        views: what was encoded, V x 3 x H x W, normalised RGB.
        features: of the views by a further network, V x D' x its rows x its columns.
        relation: how much tokens are of one kind by a first pass's answer, V x (1 + L) x (1 + L); None in a first pass.
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
        """Those of the first views, at most `number`."""
        qkv = {block: one[:, :number] for block, one in self.qkv.items()}
        hidden = {block: one[:number] for block, one in self.hidden.items()}
        features = {network: one[:number] for network, one in self.features.items()}
        return LastInputs(self.x[:number], qkv, hidden, self.grid, self.views[:number], features)


@dataclass(frozen=True)
class LastBlock:
    """How the last block of the vision encoder turns what the shared blocks left into patch tokens.

    A frozen dataclass of settings, so that variants which have it in common share it. One that is more than a sum of
    attention terms is a subclass in `methods/NAME/last_block.py`, decorated with `last_block(NAME)`: it names the
    states it needs (`keep`) and computes `tokens`. docs/add_a_method.md shows one.
    """

    name: ClassVar[str]  # by which configs choose it
    feedback: ClassVar[Feedback | None] = None  # a field of those that run a second time

    @property
    def keep(self) -> Keep:
        """What it needs beside the last block's own input and projections."""
        return Keep()

    def grid(self, inputs: LastInputs) -> tuple[int, int]:
        """Rows and columns of its tokens: CLIP's patches, unless it says otherwise."""
        return inputs.grid

    def tokens(self, inputs: LastInputs, block: nn.Module) -> Tensor:
        """Patch tokens V x L x D, row by row of `grid`, before the final norm and projection.

        Args:
            inputs: what the shared blocks left.
            block: open_clip's last residual attention block.
        """
        raise NotImplementedError

    @classmethod
    def from_config(cls, backbone: Mapping) -> 'LastBlock':
        """That of a backbone's config: its `last_block`, a name or dict(type=NAME, ...), else the sum of its terms."""
        chosen = backbone.get('last_block')
        if chosen is None:
            keys = [field.name for field in fields(AttentionSum)]
            return AttentionSum(**{key: backbone[key] for key in keys if key in backbone})
        settings = dict(chosen) if isinstance(chosen, Mapping) else dict(type=chosen)
        name = settings.pop('type', None)
        check(isinstance(name, str) and name in LAST_BLOCKS, 'backbone.last_block', name, ', '.join(LAST_BLOCKS))
        return from_dict(LAST_BLOCKS[name], settings, f'backbone.last_block of {name}')

    def check_depth(self, depth: int, model: str) -> None:
        """Raise a `UserError` if a layer whose state it needs is none of the blocks 1 to `depth`."""
        where = 'backbone, layer of the last block'
        for layer in sorted(self.keep.qkv):
            check(layer <= depth, where, layer, f'{model} has blocks 1 to {depth}')
        for layer in sorted(self.keep.hidden):
            check(layer < depth, where, layer, f'{model} has blocks 1 to {depth - 1} before the last')


def from_dict(cls: type, settings: Mapping, where: str) -> object:
    """A dataclass from a config's keys; a `UserError` for one that it does not have."""
    allowed = {field.name for field in fields(cls)}
    for key in settings:
        check(key in allowed, where, key, ', '.join(sorted(allowed)))
    return cls(**settings)


LAST_BLOCKS: dict[str, type[LastBlock]] = {}


def last_block(name: str) -> Callable[[type[LastBlock]], type[LastBlock]]:
    """Register a last block under the name that configs choose it by."""

    def register(cls: type[LastBlock]) -> type[LastBlock]:
        LAST_BLOCKS[name], cls.name = cls, name
        return cls

    return register


@last_block('sum')
@dataclass(frozen=True)
class AttentionSum(LastBlock):
    """A sum of attention terms over the last block's values (paper, section 3.1; tables 2 to 4).

    Args:
        attention: terms whose softmax maps are summed: qk (plain CLIP), qq, kk, vv, identity (a token keeps its value).
        intermediate_layers: blocks, counted from 1, whose mean map is mixed half and half with the last block's.
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
