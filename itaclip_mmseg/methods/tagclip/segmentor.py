"""TagCLIP (arXiv 2312.12828): first which classes an image shows, then where, by gradients and attention (CLIP-ES)."""

from dataclasses import dataclass

import numpy as np
import torch
from mmseg.registry import MODELS
from torch import Tensor

from itaclip_mmseg.last_block import Keep, LastInputs
from itaclip_mmseg.methods.tagclip.tagging import OWN_VALUE, above, answer_boxes, refine_in_boxes, reweight
from itaclip_mmseg.models.backbones.clip_text import TextEncoder
from itaclip_mmseg.models.segmentors.base import OpenVocabularySegmentor
from itaclip_mmseg.models.stages.affinity import patch_attention, transitions, voted_attention
from itaclip_mmseg.models.stages.class_activation import class_activation, refined_maps
from itaclip_mmseg.models.stages.crf import close_with_crf, load_crf
from itaclip_mmseg.models.stages.photograph import Photograph, as_photograph, whole_patches
from itaclip_mmseg.settings import Decision, check_layers, check_share
from itaclip_mmseg.text.surroundings import SURROUNDINGS

EPS = 1e-7
FAINT = 1e-8  # below any number but 0 in half precision: a tagged class stays above those that are not


@dataclass(frozen=True)
class TagSettings(Decision):
    """Settings of the method; keys of its config.

    Args:
        tag_share: share of the range of scores that a tag exceeds.
        spread_layers: blocks, counted from 1, along whose attention answers are spread.
        min_votes: in how many of all blocks a patch must attend to another more than on average.
        affinity_layers: blocks along whose attention maps are spread.
        box_threshold: of class activation, for the boxes that maps are cut to.
        crf: close the maps with a fully connected CRF.
        logit_scale: factor of the cosines before the softmax.
        tag_templates, map_templates: of the two stages' texts, see `text/templates.py`.
        background_words: where the bank names none but 'background'; those that are words of a class are left out.
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
    """The method as figure 2 of the paper draws it; `scores_and_notes` is its table of contents.

        tags: patch classification -> spread along attention -> boxes -> CLIP on crops -> threshold
        maps: class activation of the tags -> spread along attention in boxes -> CRF

    Images are RGB of 0 to 255 at the photograph's own size: a pipeline without Resize, mean 0 and std 1. In the bank
    the first word of a class is the text of its tag, the last one that of its map. Samples hold `tags`, see
    `describe`. Scores are the maps, 0 for classes that are not tagged, and for the background 1 minus the best.

    Args:
        backbone: config of the vision encoder, see `CLIPVisionBackbone`.
        text_bank: path of a text bank, or a bank.
        settings: see `TagSettings`; all else as in the base class.
    """

    settings_type = TagSettings

    def build(self, backbone: dict) -> None:
        """Read CLIP's weights and embed the words of both stages."""
        self.first = int(self.bank.background)  # label of the first class that is a tag
        self.backbone = MODELS.build(backbone)
        depth = len(self.backbone.blocks)
        for name in ('spread_layers', 'affinity_layers'):
            check_layers(getattr(self.settings, name), name, depth)
        self.embed_texts()

    def embed_texts(self) -> None:
        """Embeddings of both stages: the classes', C x width, then those of what is around them."""
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
        """Stage 1: a score of each class, C; of an image 1 x 3 x H x W and its last block's inputs."""
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
        """Stage 2: maps of the tags, K x height x width, in half precision as the public code keeps them."""
        settings = self.settings
        around = self.map_texts[len(self.names) :]
        texts = torch.cat([self.map_texts[tags], around])
        found = class_activation(
            self.backbone, inputs.x, inputs.grid, settings.logit_scale, EPS, texts, range(len(tags))
        )
        steps = transitions(patch_attention(inputs, settings.affinity_layers))
        return refined_maps(found.maps, steps, settings.box_threshold, size, EPS).astype(np.float16)

    def probabilities(self, maps: np.ndarray, picture: np.ndarray) -> np.ndarray:
        """Maps, before them the background's where there is one: 1 minus the best. Closed by the CRF if so set."""
        if self.bank.background:
            maps = np.concatenate([1 - maps.max(axis=0, keepdims=True), maps])
        return close_with_crf(maps, picture) if self.settings.crf else maps

    def place(self, probabilities: np.ndarray, tags: list[int]) -> Tensor:
        """Scores of all classes, C x height x width, from those of background and tags; 0 for what is not tagged."""
        labels = [*range(self.first), *(self.first + tag for tag in tags)]
        scores = torch.zeros(len(self.bank.classes), *probabilities.shape[1:])
        scores[labels] = torch.from_numpy(probabilities).float().clamp(min=FAINT)
        return scores

    def describe(self, scores: Tensor, tags: list[int]) -> dict:
        """dict(names=those that are tagged, scores={name: score} of all classes)."""
        return dict(names=[self.names[tag] for tag in tags], scores=dict(zip(self.names, scores.tolist())))
