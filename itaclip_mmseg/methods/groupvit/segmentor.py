"""GroupViT (arXiv 2202.11094): a transformer that groups patches; each group takes the words that are most like it."""

from dataclasses import dataclass

import torch
from mmseg.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.methods.groupvit.backbone import Groups
from itaclip_mmseg.models.segmentors.base import OpenVocabularySegmentor
from itaclip_mmseg.models.stages.postprocess import best_words
from itaclip_mmseg.settings import Decision, check_share

MOST_CLASSES = 5  # that a window may consist of


@dataclass(frozen=True)
class GroupViTSettings(Decision):
    """Keys of the segmentor's config beside its networks and its bank.

    Args:
        background_threshold: pixels whose best class has less are background, unless no group has more.
    """

    background_threshold: float = 0.95

    def __post_init__(self) -> None:
        super().__post_init__()
        check_share(self.background_threshold, 'background_threshold')


@MODELS.register_module()
class GroupViT(OpenVocabularySegmentor):
    """Zero-shot transfer as the authors evaluate it (section 3.3 of the paper).

        class_scores: windows -> window_scores -> merge -> softmax
        window_scores: backbone -> groups -> segments (a group a pixel); groups x words -> affinity; background

    Args:
        backbone: config of both towers, see `GroupViTBackbone`.
        text_bank: path of a text bank, or a bank; its background is asked for by no word.
        settings: see `GroupViTSettings`; all else as in the base class.
    """

    settings_type = GroupViTSettings
    default_window = dict(mode='slide', crop_size=(448, 448), stride=(224, 224))

    def build(self, backbone: dict) -> None:
        """Read the weights of both towers and embed the words."""
        self.backbone = MODELS.build(backbone)
        words = self.bank.foreground()
        self.word_classes = torch.tensor(words.word_classes)
        self.register_buffer('queries', self.backbone.encode_text(words.words, 'photo'), persistent=False)

    def class_scores(self, image: Tensor, size: tuple[int, int]) -> Tensor:
        """Scores of an image 3 x h x w, C x height x width in [0, 1].

        The softmax is the authors': where all logits are nearly 0 it makes them equal, and the first class wins.
        """
        return super().class_scores(image, size).softmax(dim=0)

    def window_scores(self, windows: Tensor) -> Tensor:
        """Logits of windows W x 3 x h x w, W x C x h x w: every pixel has those of its group."""
        groups = self.backbone(windows)
        # The argmax comes after the upsampling: segments have smooth borders.
        maps = F.interpolate(groups.maps(), size=windows.shape[-2:], mode='bilinear', align_corners=False)
        logits = [self.group_logits(tokens) for tokens in groups.tokens]
        return torch.stack([own[:, segments] for own, segments in zip(logits, maps.argmax(dim=1))])

    def group_logits(self, tokens: Tensor) -> Tensor:
        """Logits of the groups of a window, tokens G x width: C x G, the background, if there is one, first."""
        affinity = best_words(self.affinity(tokens).mT, self.word_classes)
        if not self.bank.background:
            return affinity
        # Without `affinity.max()` an image in which no group is sure of itself would be background all over.
        threshold = affinity.max().clamp(max=self.settings.background_threshold)
        background = (affinity.amax(dim=0, keepdim=True) < threshold).to(affinity)
        return torch.cat([background, affinity])

    def affinity(self, tokens: Tensor) -> Tensor:
        """How well words fit groups, G x Q: softmax over all words times softmax over those that fit the image."""
        embeddings = self.backbone.project(tokens)  # G x D
        image = self.backbone.project(tokens.mean(dim=0, keepdim=True))  # 1 x D, of the mean token
        logits, image_logits = (self.backbone.logit_scale * rows @ self.queries.mT for rows in (embeddings, image))
        fitting = image_logits[0].softmax(dim=-1).topk(min(MOST_CLASSES, len(self.queries))).indices
        among_fitting = torch.full_like(logits, -torch.inf)
        among_fitting[:, fitting] = logits[:, fitting]
        return logits.softmax(dim=-1) * among_fitting.softmax(dim=-1)

    def extract_feat(self, inputs: Tensor) -> Groups:
        """The groups of images taken as one window each."""
        return self.backbone(inputs)
