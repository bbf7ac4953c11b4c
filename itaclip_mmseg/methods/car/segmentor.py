"""CLIP as RNN (CaR, arXiv 2312.07661): one CLIP proposes a mask for each name, another drops names, repeatedly."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from mmseg.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.last_inputs import Keep, LastInputs
from itaclip_mmseg.methods.car.recurrence import (
    Ending,
    Pass,
    describe,
    own_regions,
    paint,
    pair,
    plan,
    recur,
    with_background,
)
from itaclip_mmseg.methods.car.visual_prompt import check_prompts, prompted
from itaclip_mmseg.models.backbones.clip_text import TextEncoder
from itaclip_mmseg.models.segmentors.base import OpenVocabularySegmentor
from itaclip_mmseg.models.stages.affinity import patch_attention, transitions
from itaclip_mmseg.models.stages.class_activation import class_activation, refined_maps, with_second_chance
from itaclip_mmseg.models.stages.crf import close_with_crf, load_crf
from itaclip_mmseg.models.stages.photograph import Photograph, as_photograph, centre_square, whole_patches
from itaclip_mmseg.settings import Decision
from itaclip_mmseg.text.surroundings import SURROUNDINGS
from itaclip_mmseg.utils.checks import check_layers, check_share
from itaclip_mmseg.utils.errors import UserError

EPS = 1e-15


@dataclass(frozen=True)
class RecurrenceSettings(Decision):
    """Settings of CaR, keys of its config.

    Args:
        mask_threshold: threshold of a soft mask for the region that is marked in the image.
        confidence_threshold: minimum score to keep a name.
        box_threshold: threshold of class activation for the boxes that limit masks.
        visual_prompts: how to mark a region, names in `PROMPTS`.
        background_factor: exponent of the background's probability.
        stuff: a second pass, whose classes are painted below the others and have them as background:
            dict(classes=names, visual_prompts=..., background_factor=...); None for one pass.
        affinity_layers: blocks, counted from 1, whose attention spreads the masks.
        crf: refine the masks by a fully connected CRF, as the paper does.
        logit_scale: factor of the cosines before the softmax.
        map_templates, judge_templates: templates of the texts for proposal and classification, see `text/templates.py`.
        background_words: used if the bank has no background words but 'background'; words of a class are left out.
    """

    mask_threshold: float = 0.4
    confidence_threshold: float = 0.6
    box_threshold: float = 0.4
    visual_prompts: tuple[str, ...] = ('circle', 'blur')
    background_factor: float = 1
    stuff: Mapping | None = None
    affinity_layers: tuple[int, ...] = (5, 6, 7, 8, 9, 10, 11, 12)
    crf: bool = True
    logit_scale: float = 100
    map_templates: str = 'origami'
    judge_templates: str = 'sizes'
    background_words: tuple[str, ...] = SURROUNDINGS

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ('mask_threshold', 'confidence_threshold', 'box_threshold'):
            check_share(getattr(self, name), name)
        check_layers(self.affinity_layers, 'affinity_layers')
        check_prompts((*self.visual_prompts, *(self.stuff or {}).get('visual_prompts', ())))
        if self.crf:
            load_crf()


class View(NamedTuple):
    """An image: as H x W x 3 uint8, as inputs of the last block, and as an L x L transition matrix of its patches."""

    picture: np.ndarray
    inputs: LastInputs
    steps: Tensor


@MODELS.register_module()
class CaR(OpenVocabularySegmentor):
    """CaR as in figure 2 of the paper; start reading at `scores_and_notes`.

        a pass: recur(propose -> mark in the image -> judge) -> compete with the background, CRF -> paint

    Images are RGB from 0 to 255 at the photograph's original size: a pipeline without Resize, mean 0 and std 1. The
    text of a class is its first word. Samples get `recurrence`, the result of `describe` for each pass. The method
    predicts labels: scores are 1 for the class of a pixel, 0 for all others.

    Args:
        backbone: config of the vision encoder that proposes masks, see `CLIPVisionBackbone`.
        classifier: config of the image encoder that judges them.
        text_bank: path of a text bank, or a bank.
        settings: see `RecurrenceSettings`; for other arguments see the base class.
    """

    settings_type = RecurrenceSettings

    def build(self, backbone: dict, classifier: dict) -> None:
        """Load both CLIPs and embed the names."""
        settings, self.first = self.settings, int(self.bank.background)  # label of the first class with a name
        self.names = [entry.name for entry in self.bank.classes[self.first :]]
        if settings.stuff and not self.bank.background:
            raise UserError(f'{self.bank.path}: has no background; set model.stuff=None')
        self.passes = plan(self.names, settings.visual_prompts, settings.background_factor, settings.stuff)
        self.backbone, self.classifier = MODELS.build(backbone), MODELS.build(classifier)
        check_layers(settings.affinity_layers, 'affinity_layers', len(self.backbone.blocks))
        self.embed_texts()

    def embed_texts(self) -> None:
        """Embed all names for the first stage, later stages and the judge, and the background words."""
        texts = [entry.words[0] for entry in self.bank.classes[self.first :]]
        maps = TextEncoder.beside(self.backbone, self.settings.map_templates)
        buffers = dict(
            bare_texts=TextEncoder.beside(self.backbone, 'name').encode(texts),
            texts=maps.encode(texts),
            around=maps.encode(self.bank.background_or(self.settings.background_words)),
            judge_texts=TextEncoder.beside(self.classifier, self.settings.judge_templates).encode_sentences(texts),
        )
        for name, embeddings in buffers.items():
            self.register_buffer(name, embeddings, persistent=False)

    def scores_and_notes(
        self, image: Tensor, size: tuple[int, int], photograph: Photograph | None = None
    ) -> tuple[Tensor, dict]:
        """Scores of a photograph, C x height x width, and the stages of the recurrence."""
        picture = as_photograph(image, size)
        pixels = whole_patches(picture, self.backbone.patch_size).to(image.device)
        inputs = self.backbone.shared_blocks(pixels, Keep.projections(self.settings.affinity_layers), 'bilinear_half')
        view = View(picture, inputs, transitions(patch_attention(inputs, self.settings.affinity_layers)))
        labels, notes = np.zeros(size, np.int64), {}
        for name, names in self.passes.items():
            propose, judge = partial(self.propose, view, names), partial(self.judge, picture, names)
            ending = recur(len(names.classes), propose, judge, self.settings.confidence_threshold)
            found = self.regions(ending, names, picture)
            scores, regions = zip(*found.values()) if found else ((), ())
            paint(labels, regions, scores, [self.first + names.classes[index] for index in found])
            notes[name] = describe(ending, [self.names[index] for index in names.classes])
        scores = F.one_hot(torch.from_numpy(labels), len(self.bank.classes)).movedim(-1, 0).float()
        return scores.to(image.device), dict(recurrence=notes)

    def class_scores(self, image: Tensor, size: tuple[int, int]) -> Tensor:
        """Scores of a photograph, C x height x width; see the base class."""
        return self.scores_and_notes(image, size)[0]

    def propose(self, view: View, names: Pass, entered: list[int], first: bool) -> np.ndarray:
        """Propose masks, N x height x width, by plain names in the first stage and by sentences later."""
        settings, own = self.settings, [names.classes[index] for index in entered]
        around = self.around if names.around is None else self.texts[names.around]
        texts = torch.cat([(self.bare_texts if first else self.texts)[own], around])

        find = partial(class_activation, self.backbone, view.inputs.x, view.inputs.grid, settings.logit_scale, EPS)
        maps = with_second_chance(find, texts, len(own))
        return refined_maps(maps, view.steps, settings.box_threshold, view.picture.shape[:2], EPS)

    def judge(self, picture: np.ndarray, names: Pass, entered: list[int], masks: np.ndarray) -> np.ndarray:
        """Scores N x N of the image with each mask marked, for each name, after two softmaxes."""
        side = self.classifier.visual.image_size[0]
        marked = [prompted(picture, mask, self.settings.mask_threshold, names.visual_prompts) for mask in masks]
        images = torch.stack([centre_square(one, side) for one in marked]).to(self.texts.device)
        # The input of the last block is projected, as in the public code.
        seen = self.classifier.embed_images(images, last=False, positions='bilinear_half')  # N x width
        texts = self.judge_texts[[names.classes[index] for index in entered]].transpose(0, 1)  # templates x N x width
        shares = (self.settings.logit_scale * seen @ texts.mT).softmax(dim=-1)  # templates x N x N
        return shares.sum(dim=0).softmax(dim=-1).cpu().numpy()

    def regions(self, ending: Ending, names: Pass, picture: np.ndarray) -> dict[int, tuple[float, np.ndarray]]:
        """Score and region, H x W, of the final names."""
        values = with_background(ending.masks, names.background_factor) if self.bank.background else ending.masks
        values = close_with_crf(values, picture) if self.settings.crf else values
        return pair(values.argmax(axis=0), ending) if self.bank.background else own_regions(values, ending)
