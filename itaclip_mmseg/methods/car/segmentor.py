"""CLIP as RNN (CaR, arXiv 2312.07661): one CLIP proposes a mask for every name, another drops names, and so on."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from mmseg.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.last_block import Keep, LastInputs
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
from itaclip_mmseg.settings import Decision, check_layers, check_share
from itaclip_mmseg.text.surroundings import SURROUNDINGS
from itaclip_mmseg.utils.errors import UserError

EPS = 1e-15


@dataclass(frozen=True)
class RecurrenceSettings(Decision):
    """Settings of the method; keys of its config.

    Args:
        mask_threshold: of a soft mask, for the region that is marked in the picture.
        confidence_threshold: of a name's score, to stay.
        box_threshold: of class activation, for the boxes that masks are cut to.
        visual_prompts: how a region is marked, names of `PROMPTS`.
        background_factor: power of the background's probability.
        stuff: a second pass whose classes are painted below the others and have them as background:
            dict(classes=names, visual_prompts=..., background_factor=...); None for one pass.
        affinity_layers: blocks, counted from 1, along whose attention masks are spread.
        crf: close the masks with a fully connected CRF, as the method always does.
        logit_scale: factor of the cosines before the softmax.
        map_templates, judge_templates: of the texts of proposal and classification, see `text/templates.py`.
        background_words: where the bank names none but 'background'; those that are words of a class are left out.
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
    """An image: as H x W x 3 uint8, as its last block's inputs, as L x L steps from patch to patch."""

    picture: np.ndarray
    inputs: LastInputs
    steps: Tensor


@MODELS.register_module()
class CaR(OpenVocabularySegmentor):
    """The method as figure 2 of the paper draws it; `scores_and_notes` is its table of contents.

        a pass: recur(propose -> mark in the picture -> judge) -> compete with the background, CRF -> paint

    Images are RGB of 0 to 255 at the photograph's own size: a pipeline without Resize, mean 0 and std 1. The text of a
    class is its first word. Samples hold `recurrence`, what `describe` says of each pass. The method answers labels:
    scores are 1 for the class of a pixel, 0 for all others.

    Args:
        backbone: config of the vision encoder that proposes, see `CLIPVisionBackbone`.
        classifier: of the one that judges.
        text_bank: path of a text bank, or a bank.
        settings: see `RecurrenceSettings`; all else as in the base class.
    """

    settings_type = RecurrenceSettings

    def build(self, backbone: dict, classifier: dict) -> None:
        """Read the weights of both CLIPs and embed the names."""
        settings, self.first = self.settings, int(self.bank.background)  # label of the first class with a name
        self.names = [entry.name for entry in self.bank.classes[self.first :]]
        if settings.stuff and not self.bank.background:
            raise UserError(f'{self.bank.path}: has no background, so stuff must be None')
        self.passes = plan(self.names, settings.visual_prompts, settings.background_factor, settings.stuff)
        self.backbone, self.classifier = MODELS.build(backbone), MODELS.build(classifier)
        check_layers(settings.affinity_layers, 'affinity_layers', len(self.backbone.blocks))
        self.embed_texts()

    def embed_texts(self) -> None:
        """Embeddings of all names for the first stage, for later ones and for the judge, and of what is around them."""
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
        """Scores of a photograph, C x height x width, and how names dropped out."""
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
        """Masks of names, N x height x width; the first stage asks for bare names, later ones for sentences."""
        settings, own = self.settings, [names.classes[index] for index in entered]
        around = self.around if names.around is None else self.texts[names.around]
        texts = torch.cat([(self.bare_texts if first else self.texts)[own], around])

        find = partial(class_activation, self.backbone, view.inputs.x, view.inputs.grid, settings.logit_scale, EPS)
        maps = with_second_chance(find, texts, len(own))
        return refined_maps(maps, view.steps, settings.box_threshold, view.picture.shape[:2], EPS)

    def judge(self, picture: np.ndarray, names: Pass, entered: list[int], masks: np.ndarray) -> np.ndarray:
        """Scores N x N of the picture with each mask marked in it against each name: its share, twice softmaxed."""
        side = self.classifier.visual.image_size[0]
        marked = [prompted(picture, mask, self.settings.mask_threshold, names.visual_prompts) for mask in masks]
        images = torch.stack([centre_square(one, side) for one in marked]).to(self.texts.device)
        # What enters the last block is projected, as in the public code.
        seen = self.classifier.embed_images(images, last=False, positions='bilinear_half')  # N x width
        texts = self.judge_texts[[names.classes[index] for index in entered]].transpose(0, 1)  # templates x N x width
        shares = (self.settings.logit_scale * seen @ texts.mT).softmax(dim=-1)  # templates x N x N
        return shares.sum(dim=0).softmax(dim=-1).cpu().numpy()

    def regions(self, ending: Ending, names: Pass, picture: np.ndarray) -> dict[int, tuple[float, np.ndarray]]:
        """Score and region, H x W, of the names at the end."""
        values = with_background(ending.masks, names.background_factor) if self.bank.background else ending.masks
        values = close_with_crf(values, picture) if self.settings.crf else values
        return pair(values.argmax(axis=0), ending) if self.bank.background else own_regions(values, ending)
