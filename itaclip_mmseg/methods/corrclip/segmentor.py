"""CorrCLIP (arXiv:2411.10086): patches attend only within the regions of a class-agnostic region map."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import torch
from mmseg.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.last_inputs import Keep
from itaclip_mmseg.methods.corrclip.branches import three_branches
from itaclip_mmseg.methods.corrclip.region_attention import PADDING, merge_regions, region_attention
from itaclip_mmseg.models.backbones.clip_text import TextEncoder
from itaclip_mmseg.models.segmentors.base import OpenVocabularySegmentor
from itaclip_mmseg.models.stages.encode import Track
from itaclip_mmseg.models.stages.photograph import Photograph
from itaclip_mmseg.models.stages.postprocess import Result
from itaclip_mmseg.models.stages.region_rules import nearest
from itaclip_mmseg.models.stages.sliding import Grid
from itaclip_mmseg.models.stages.window_labels import label_windows
from itaclip_mmseg.settings import Decision, Pamr, changed_pamr
from itaclip_mmseg.text.bank import TextBank
from itaclip_mmseg.utils.checks import check, check_layers, is_number


@dataclass(frozen=True)
class RegionSettings(Decision):
    """Settings of CorrCLIP, keys of its config.

    Args:
        logit_scale: factor of the cosines before the softmax over the words.
        pamr: refinement of the cosines; the paper uses none.
        sharpness: tau, factor of the similarities before the softmax over the patches.
        merge_distance: largest distance of regions to merge; None merges none.
        spatial_layers: blocks whose mean state runs through the last block in the spatial branch.
        spatial_weight, semantic_weight: weights of the two additional branches.
    """

    logit_scale: float = 40
    pamr: Pamr | None = None
    sharpness: float = 4.0
    merge_distance: float | None = 0.2
    spatial_layers: tuple[int, ...] = (6, 7, 8, 9, 10)
    spatial_weight: float = 1.0
    semantic_weight: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, 'pamr', Pamr.from_config(self.pamr))
        check_layers(self.spatial_layers, 'spatial_layers')
        object.__setattr__(self, 'spatial_layers', tuple(self.spatial_layers))
        for name in ('logit_scale', 'sharpness', 'spatial_weight', 'semantic_weight'):
            check(is_number(getattr(self, name), 0), name, getattr(self, name), 'numbers from 0')
        distance = self.merge_distance
        check(distance is None or is_number(distance, 0), 'merge_distance', distance, 'None or numbers from 0')

    def vary(self, changes: Mapping[str, object]) -> 'RegionSettings':
        """Change settings that do not need other tokens; a `UserError` for any other name."""
        for name in changes:
            check(name in DECODED, 'setting', name, ', '.join(DECODED))
        return replace(self, **changed_pamr(changes, self.pamr))


DECODED = ('logit_scale', 'pamr', *(one.name for one in fields(Decision)))  # settings of `decode`


class Encoded(NamedTuple):
    """An encoded image: everything that does not depend on words.

    Attributes:
        image: the image, 3 x h x w.
        grid: its windows.
        tokens: tokens of all windows, W x width x rows x columns.
    """

    image: Tensor
    grid: Grid
    tokens: Tensor


@MODELS.register_module()
class CorrCLIP(OpenVocabularySegmentor):
    """CorrCLIP as in its public code; start reading at `encode` and `decode`.

        encode: region map -> windows -> features -> merged regions -> attention -> three branches -> tokens
        decode: cosines -> merge -> scores -> labels -> the most frequent label of each region

    Args:
        backbone: config of the vision encoder; its last block has no effect.
        dino: config of the network whose patches are compared, dict(pretrained=PATH).
        regions: generator of region maps, see the base class; required.
        settings: see `RegionSettings`; for other arguments see the base class.
    """

    settings_type = RegionSettings
    default_window = dict(mode='slide', crop_size=(336, 336), stride=(112, 112), pad_windows=56)
    two_halves = True
    needs_regions = True
    no_region = None  # the smallest number in the map

    network = 'DINO'  # used if `dino` has no type

    def build(self, backbone: dict, dino: dict) -> None:
        """Load CLIP and DINO, and embed the words."""
        self.dino = MODELS.build({'type': self.network, **dino})
        self.backbone = MODELS.build(backbone)
        check_layers(self.settings.spatial_layers, 'spatial_layers', len(self.backbone.blocks) - 1)
        pad = self.window.pad
        self.multiple = self.backbone.patch_size if pad is True else (pad or 1, pad or 1)
        self.smallest = self.backbone.patch_size
        self.text_encoder = TextEncoder.beside(self.backbone, 'imagenet')
        self.text_encoder.encode(self.bank.words)

    @torch.no_grad()
    def encode(self, image: Tensor, track: Track = iter, photograph: Photograph | None = None) -> Encoded:
        """Compute everything that does not depend on words; see the base class."""
        grid = self.grid(image)
        regions = nearest(self.region_map(photograph, image.device), image.shape[-2:])
        windows = list(zip(grid.crop(image), grid.crop(regions[None], PADDING)[:, 0]))
        features = self.window_features(image, grid, photograph)
        tokens = [self.window_tokens(*window, next(features)) for window in track(windows)]
        return Encoded(image, grid, torch.stack(tokens))

    def window_features(self, image: Tensor, grid: Grid, photograph: Photograph | None) -> Iterator[Tensor]:
        """Features of the patches of each window, D x rows x columns, not normalised."""
        for window in grid.crop(image):
            queries, keys, _ = self.dino.last_projections(window[None])
            yield (queries + keys)[0]

    def window_tokens(self, window: Tensor, regions: Tensor, features: Tensor) -> Tensor:
        """Unit embeddings of a window on the grid of its features, width x rows x columns.

        Args:
            window: 3 x h x w, padded.
            regions: region map, h x w.
            features: see `window_features`.
        """
        layers = self.settings.spatial_layers
        keep = Keep(qkv=frozenset(range(1, len(self.backbone.blocks))), hidden=frozenset({0, *layers}))
        inputs = self.backbone.shared_blocks(window[None], keep)
        regions, attention = self.attention(features, regions)
        visual, weights = self.backbone.visual, (1, self.settings.spatial_weight, self.settings.semantic_weight)
        branches = three_branches(self.backbone.blocks, inputs, regions, attention, layers)
        total = sum(weight * visual.ln_post(tokens) for weight, tokens in zip(weights, branches))
        return F.normalize((total @ visual.proj).float(), dim=-1).mT.unflatten(-1, regions.shape)

    def attention(self, features: Tensor, regions: Tensor) -> tuple[Tensor, Tensor]:
        """Merged region map, rows x columns, and attention of all patches, L x L, of a window."""
        unit = F.normalize(features.flatten(1).mT.float(), dim=-1)
        regions = nearest(regions, features.shape[-2:])
        if self.settings.merge_distance is not None:
            regions = merge_regions(unit, regions, self.settings.merge_distance)
        return regions, region_attention(unit @ unit.mT, regions, self.settings.sharpness)

    @torch.no_grad()
    def decode(self, encoded: Encoded, bank: TextBank, changes: dict, size: tuple[int, int], scores: bool) -> Result:
        """Label an encoded image with any classes and rules.

        Raises:
            UserError: a setting is invalid or needs other tokens.
        """
        settings = self.settings.vary(changes)
        bank.check_background(settings)
        texts = self.text_encoder.encode(bank.words).to(encoded.tokens)
        fields = torch.einsum('qd,wdrc->wqrc', texts, encoded.tokens)
        classes = torch.tensor(bank.word_classes)
        return label_windows(encoded.image, fields, encoded.grid, size, classes, settings, scores)
