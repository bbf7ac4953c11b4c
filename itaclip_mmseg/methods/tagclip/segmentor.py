"""TagCLIP (arXiv 2312.12828): find the classes in an image, then locate them by gradients and attention (CLIP-ES)."""

from dataclasses import dataclass

import numpy as np
import torch
from mmseg.registry import MODELS
from torch import Tensor

from itaclip_mmseg.last_inputs import Keep, LastInputs
from itaclip_mmseg.methods.tagclip.tagging import OWN_VALUE, above, answer_boxes, refine_in_boxes, reweight
from itaclip_mmseg.models.backbones.clip_text import TextEncoder
from itaclip_mmseg.models.segmentors.base import OpenVocabularySegmentor
from itaclip_mmseg.models.stages.affinity import patch_attention, transitions, voted_attention
from itaclip_mmseg.models.stages.class_activation import class_activation, refined_maps
from itaclip_mmseg.models.stages.crf import close_with_crf, load_crf
from itaclip_mmseg.models.stages.photograph import Photograph, as_photograph, whole_patches
from itaclip_mmseg.settings import Decision
from itaclip_mmseg.text.surroundings import SURROUNDINGS
from itaclip_mmseg.utils.checks import check_layers, check_share

EPS = 1e-7
FAINT = 1e-8  # below any number but 0 in half precision: a tagged class stays above those that are not


@dataclass(frozen=True)
class TagSettings(Decision):
    """Settings of TagCLIP, keys of its config.

    Args:
        tag_share: a class is a tag if its score exceeds this share of the range of scores.
        spread_layers: blocks, counted from 1, whose attention spreads patch classifications.
        min_votes: number of blocks in which a patch must attend to another more than on average.
        affinity_layers: blocks whose attention spreads the maps.
        box_threshold: threshold of class activation for the boxes that limit maps.
        crf: refine the maps by a fully connected CRF.
        logit_scale: factor of the cosines before the softmax.
        tag_templates, map_templates: templates of the texts in the two stages, see `text/templates.py`.
        background_words: used if the bank has no background words but 'background'; words of a class are left out.
    """

    tag_share: float = 0.5
    spread_layers: tuple[int, ...] = (9, 10, 11)
    min_votes: int = 4
    affinity_layers: tuple[int, ...] = (5, 6, 7, 8, 9, 10, 11)
    box_threshold: float = 0.4
    crf: bool = False
    logit_scale: float = 100
    tag_templates: str = 'imagenet_scene'
    map_templates: str = 'origami'
    background_words: tuple[str, ...] = (*SURROUNDINGS, 'keyboard', 'sign')

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ('tag_share', 'box_threshold'):
            check_share(getattr(self, name), name)
        for name in ('spread_layers', 'affinity_layers'):
            check_layers(getattr(self, name), name)
        if self.crf:
            load_crf()


@MODELS.register_module()
class TagCLIP(OpenVocabularySegmentor):
    """TagCLIP as in figure 2 of the paper; start reading at `scores_and_notes`.

        tags: patch classification -> spread by attention -> boxes -> CLIP on crops -> threshold
        maps: class activation of the tags -> spread by attention in boxes -> CRF

    Images are RGB from 0 to 255 at the photograph's original size: a pipeline without Resize, mean 0 and std 1. In the
    bank, the first word of a class is the text of its tag, the last word the text of its map. Samples get `tags`, see
    `describe`. Scores are the maps, 0 for classes without a tag, and 1 minus the best for the background.

    Args:
        backbone: config of the vision encoder, see `CLIPVisionBackbone`.
        text_bank: path of a text bank, or a bank.
        settings: see `TagSettings`; for other arguments see the base class.
    """

    settings_type = TagSettings

    def build(self, backbone: dict) -> None:
        """Load CLIP and embed the words of both stages."""
        self.first = int(self.bank.background)  # label of the first class that is a tag
        self.backbone = MODELS.build(backbone)
        depth = len(self.backbone.blocks)
        for name in ('spread_layers', 'affinity_layers'):
            check_layers(getattr(self.settings, name), name, depth)
        self.embed_texts()

    def embed_texts(self) -> None:
        """Embed the texts of both stages: first the classes, C x width, then the background words."""
        entries, settings = self.bank.classes[self.first :], self.settings
        around = self.bank.background_or(settings.background_words)
        tags = [entry.words[0] for entry in entries] + around * self.bank.background
        maps = [entry.words[-1] for entry in entries] + around
        for name, templates, texts in (('tag', settings.tag_templates, tags), ('map', settings.map_templates, maps)):
            embeddings = TextEncoder.beside(self.backbone, templates).encode(texts)
            self.register_buffer(f'{name}_texts', embeddings, persistent=False)
        self.names = [entry.name for entry in entries]

    def scores_and_notes(
        self, image: Tensor, size: tuple[int, int], photograph: Photograph | None = None
    ) -> tuple[Tensor, dict]:
        """Scores of a photograph, C x height x width, and its tags."""
        picture = as_photograph(image, size)
        pixels = whole_patches(picture, self.backbone.patch_size).to(image.device)  # 1 x 3 x H x W
        inputs = self.backbone.shared_blocks(pixels, Keep.projections(self.all_layers), 'bilinear_half')
        scores = self.tag_scores(pixels, inputs)
        tags = above(scores, scores, self.settings.tag_share) or [int(scores.argmax())]
        maps = self.maps(inputs, tags, size)
        return self.place(self.probabilities(maps, picture), tags).to(image.device), dict(
            tags=self.describe(scores, tags)
        )

    def class_scores(self, image: Tensor, size: tuple[int, int]) -> Tensor:
        """Scores of a photograph, C x height x width; see the base class."""
        return self.scores_and_notes(image, size)[0]

    @property
    def all_layers(self) -> range:
        """Numbers of the blocks."""
        return range(1, len(self.backbone.blocks) + 1)

    def tag_scores(self, pixels: Tensor, inputs: LastInputs) -> Tensor:
        """Stage 1: score of each class, C, for an image 1 x 3 x H x W and its inputs of the last block."""
        if tuple(pixels.shape[-2:]) == self.backbone.visual.image_size:  # the public code does not round positions here
            inputs = self.backbone.shared_blocks(pixels, Keep.projections(self.all_layers), 'bilinear')
        settings, grid = self.settings, inputs.grid
        tokens = self.backbone.encode_last(inputs, [OWN_VALUE])[0][0]  # L x width
        answers = (settings.logit_scale * tokens @ self.tag_texts.mT).softmax(dim=-1)  # L x names
        attention = patch_attention(inputs, self.all_layers)
        attention = voted_attention(attention, settings.spread_layers, settings.min_votes)  # L x L
        refined = refine_in_boxes(answers, attention, answer_boxes(attention @ answers, grid), grid)
        number = len(self.names)
        return reweight(
            self.backbone, pixels, refined, self.tag_texts, number, settings.tag_share, settings.logit_scale
        ).scores

    def maps(self, inputs: LastInputs, tags: list[int], size: tuple[int, int]) -> np.ndarray:
        """Stage 2: maps of the tags, K x height x width, in half precision as in the public code."""
        settings = self.settings
        around = self.map_texts[len(self.names) :]
        texts = torch.cat([self.map_texts[tags], around])
        found = class_activation(
            self.backbone, inputs.x, inputs.grid, settings.logit_scale, EPS, texts, range(len(tags))
        )
        steps = transitions(patch_attention(inputs, settings.affinity_layers))
        return refined_maps(found.maps, steps, settings.box_threshold, size, EPS).astype(np.float16)

    def probabilities(self, maps: np.ndarray, picture: np.ndarray) -> np.ndarray:
        """Prepend the background, if any, as 1 minus the best map, and refine by the CRF if set."""
        if self.bank.background:
            maps = np.concatenate([1 - maps.max(axis=0, keepdims=True), maps])
        return close_with_crf(maps, picture) if self.settings.crf else maps

    def place(self, probabilities: np.ndarray, tags: list[int]) -> Tensor:
        """Scores of all classes, C x height x width, from those of background and tags; 0 for classes without a tag."""
        labels = [*range(self.first), *(self.first + tag for tag in tags)]
        scores = torch.zeros(len(self.bank.classes), *probabilities.shape[1:])
        scores[labels] = torch.from_numpy(probabilities).float().clamp(min=FAINT)
        return scores

    def describe(self, scores: Tensor, tags: list[int]) -> dict:
        """Describe the tags: dict(names=names of tagged classes, scores={name: score} of all classes)."""
        return dict(names=[self.names[tag] for tag in tags], scores=dict(zip(self.names, scores.tolist())))
