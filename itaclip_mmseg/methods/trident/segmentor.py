"""Trident (arXiv 2411.09219): windows of CLIP and DINO, spliced, averaged by SAM's attention and drawn again by SAM."""

from types import MappingProxyType
from typing import NamedTuple

import cv2
import numpy as np
import torch
from mmseg.registry import MODELS
from torch import Tensor

from itaclip_mmseg.methods.trident.aggregation import Aggregation, aggregate
from itaclip_mmseg.methods.trident.refinement import refine
from itaclip_mmseg.methods.trident.settings import TridentSettings
from itaclip_mmseg.methods.trident.windows import attend, encode_windows, in_patches, splice, whole
from itaclip_mmseg.models.backbones.clip_text import TextEncoder
from itaclip_mmseg.models.backbones.sam import PATCH, Seen
from itaclip_mmseg.models.segmentors.base import OpenVocabularySegmentor
from itaclip_mmseg.models.stages.encode import Track
from itaclip_mmseg.models.stages.labelling import strip_scores
from itaclip_mmseg.models.stages.photograph import Photograph
from itaclip_mmseg.models.stages.postprocess import Result, decide
from itaclip_mmseg.models.stages.sliding import Grid
from itaclip_mmseg.models.stages.tiles import Tile
from itaclip_mmseg.models.stages.variants import labelled_strips
from itaclip_mmseg.text.bank import TextBank
from itaclip_mmseg.utils.checks import check, from_dict, is_number
from itaclip_mmseg.utils.errors import UserError


class Encoded(NamedTuple):
    """An image after the half that does not depend on words.

    Attributes:
        tokens: unit length, h x w x E on SAM's grid.
        seen: the picture as SAM encoded it.
    """

    tokens: Tensor
    seen: Seen


@MODELS.register_module()
class Trident(OpenVocabularySegmentor):
    """The method as its paper's figure draws it.

        encode: windows (CLIP's values, DINO's similarities) -> splice -> aggregate (SAM's attention) -> unit tokens
        decode: cosines -> scores -> labels -> refine (SAM's masks)

    SAM sees the photograph at its own size; a pipeline that does not keep it is refused.

    Args:
        backbone: config of CLIP, see `CLIPVisionBackbone`; its last block has no effect.
        dino: config of the network whose similarities are attended by, see `DINO`; its patches are CLIP's.
        sam: config of `SAM`.
        centre: beta; similarities below the mean of all windows times this are not attended to.
        sharpness: gamma, factor of the similarities in the softmax.
        aggregation: dict of the settings of `Aggregation`.
        text_bank: path of a text bank, or a bank.
        test_cfg: windows are whole patches.
        settings: see `TridentSettings`; all else as in the base class.
    """

    settings_type = TridentSettings
    default_window = dict(mode='slide', crop_size=(336, 336), stride=(224, 224))
    two_halves = sees_photograph = True
    before_rules = MappingProxyType(dict(area_threshold=None, refine=False))

    def build(
        self,
        backbone: dict,
        dino: dict,
        sam: dict,
        centre: float = 1.2,
        sharpness: float = 3.0,
        aggregation: dict | None = None,
    ) -> None:
        """Read the three networks' weights and embed the words."""
        for name, value in (('centre', centre), ('sharpness', sharpness)):
            check(is_number(value, 0), name, value, 'numbers from 0')
        self.centre, self.sharpness = centre, sharpness
        self.aggregation = from_dict(Aggregation, aggregation or {}, 'aggregation')
        self.sam = MODELS.build({'type': 'SAM', **sam})
        self.backbone = MODELS.build(backbone)
        self.patch = self.backbone.patch_size[0]
        sides = self.window.crop_size
        valid = sides is None or all(side % self.patch == 0 for side in sides)
        check(valid, 'test_cfg.crop_size', sides, f'multiples of the patch, {self.patch}')
        self.dino = MODELS.build({'type': 'DINO', **dino})
        if self.dino.patch_size != self.patch:
            raise UserError(
                f'dino.pretrained={dino["pretrained"]!r}: patches of {self.dino.patch_size} pixels, but those of CLIP '
                f'are {self.patch}; give the DINO of that patch'
            )
        self.text_encoder = TextEncoder.beside(self.backbone, 'imagenet')
        self.text_encoder.encode(self.bank.words)

    @torch.no_grad()
    def encode(self, image: Tensor, track: Track = iter, photograph: Photograph | None = None) -> Encoded:
        """The costly half, of an image 3 x h x w and of the photograph it was made from."""
        if photograph is None:
            raise UserError('test_pipeline: does not keep the photograph, which SAM sees; add KeepPhotograph')
        spliced, picture = self.spliced(image, track), in_whole_patches(photograph.pixels)
        seen = self.sam(picture)
        parts = self.halves(spliced, picture) if self.aggregation.halves else [(spliced, seen)]
        tokens = torch.cat([aggregate(*part, self.sam, self.aggregation) for part in parts], dim=1)
        return Encoded(self.backbone.project_tokens(tokens.to(self.backbone.visual.proj)), seen)

    def halves(self, spliced: Tensor, picture: np.ndarray) -> list[tuple[Tensor, Seen]]:
        """Tokens and picture cut into left and right, the pictures as SAM sees each by itself."""
        columns, width = spliced.shape[-1], picture.shape[1]
        pictures = (picture[:, : width // 2], picture[:, width // 2 :])
        return list(zip(spliced.tensor_split([columns // 2], dim=-1), map(self.sam, pictures)))

    def spliced(self, image: Tensor, track: Track = iter) -> Tensor:
        """Tokens of CLIP's last block on the patches of an image 3 x h x w, D x rows x columns."""
        image = in_patches(image, self.patch, self.window.crop_size or (self.patch, self.patch))
        grid = self.grid(image)
        similarities, values = encode_windows(grid.crop(image), self.backbone, self.dino, track)
        tokens = attend(similarities, values, self.backbone.blocks[-1], self.sharpness, self.centre)
        return splice(tokens.float(), grid, self.patch)

    @torch.no_grad()
    def decode(self, encoded: Encoded, bank: TextBank, changes: dict, size: tuple[int, int], scores: bool) -> Result:
        """The cheap half, for any classes and settings.

        Raises:
            UserError: a setting is invalid or one of the other half, or a threshold needs a background.
        """
        settings = self.settings.vary(changes)
        bank.check_background(settings)
        texts = self.text_encoder.encode(bank.words).to(encoded.tokens.device)
        found, labels = decide(word_scores(encoded.tokens, texts, bank, settings, size), settings)
        if settings.refine:
            labels, found = refine(labels, found, encoded.seen, self.sam, settings)
        return Result('', found if scores else None, labels)


def word_scores(
    tokens: Tensor, texts: Tensor, bank: TextBank, settings: TridentSettings, size: tuple[int, int]
) -> Tensor:
    """Scores C x height x width of tokens h x w x E, some rows at a time: those of all words are never held."""
    fields, classes = (tokens @ texts.mT).movedim(-1, 0)[None], torch.tensor(bank.word_classes)
    grid = Grid(tokens.shape[:2], None, None)
    scores = tokens.new_empty(len(bank.classes), *size)
    for strip in labelled_strips(Tile(0, size[0], 0, size[1]), len(texts), tokens.device):
        scores[strip.place] = strip_scores(grid.merge(fields, size, strip), classes, settings.logit_scale)
    return scores


def in_whole_patches(picture: np.ndarray) -> np.ndarray:
    """A picture H x W x 3 uint8 with its sides at the next multiples of 16, by OpenCV's INTER_LINEAR."""
    height, width = (whole(side, PATCH) for side in picture.shape[:2])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
