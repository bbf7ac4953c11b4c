"""GroupViT (arXiv 2202.11094): a transformer groups patches, and each group gets the words most similar to it."""

from dataclasses import dataclass

import torch
from mmseg.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.methods.groupvit.backbone import Groups
from itaclip_mmseg.models.segmentors.base import OpenVocabularySegmentor
from itaclip_mmseg.models.stages.postprocess import best_words
from itaclip_mmseg.settings import Decision
from itaclip_mmseg.utils.checks import check_share

MOST_CLASSES = 5  # per window


@dataclass(frozen=True)
class GroupViTSettings(Decision):
    """Settings of GroupViT, keys of its config.

    Args:
        background_threshold: pixels with a lower best score are background, unless no group exceeds it.
    """

    background_threshold: float = 0.95

    def __post_init__(self) -> None:
        super().__post_init__()
        check_share(self.background_threshold, 'background_threshold')


@MODELS.register_module()
class GroupViT(OpenVocabularySegmentor):
    """GroupViT's zero-shot transfer, as in section 3.3 of the paper.

        class_scores: windows -> window_scores -> merge -> softmax
        window_scores: backbone -> groups -> segments (one group per pixel); groups x words -> affinity; background

    Args:
        backbone: config of both towers, see `GroupViTBackbone`.
        text_bank: path of a text bank, or a bank; background words are not used.
        settings: see `GroupViTSettings`; for other arguments see the base class.
    """

    settings_type = GroupViTSettings
    default_window = dict(mode='slide', crop_size=(448, 448), stride=(224, 224))

    def build(self, backbone: dict) -> None:
        """Load both towers and embed the words."""
        self.backbone = MODELS.build(backbone)
        words = self.bank.foreground()
        self.word_classes = torch.tensor(words.word_classes)
        self.register_buffer('queries', self.backbone.encode_text(words.words, 'photo'), persistent=False)

    def class_scores(self, image: Tensor, size: tuple[int, int]) -> Tensor:
        """Scores of an image 3 x h x w, C x height x width in [0, 1].

        As in the authors' code, the softmax makes all scores equal where all logits are nearly 0; the first class wins.
        """
        return super().class_scores(image, size).softmax(dim=0)

    def window_scores(self, windows: Tensor) -> Tensor:
        """Logits of windows W x 3 x h x w, W x C x h x w: every pixel gets those of its group."""
        groups = self.backbone(windows)
        # The argmax follows the upsampling, so segments have smooth borders.
        maps = F.interpolate(groups.maps(), size=windows.shape[-2:], mode='bilinear', align_corners=False)
        logits = [self.group_logits(tokens) for tokens in groups.tokens]
        return torch.stack([own[:, segments] for own, segments in zip(logits, maps.argmax(dim=1))])

    def group_logits(self, tokens: Tensor) -> Tensor:
        """Logits C x G of the groups of a window, tokens G x width; the background, if any, is first."""
        affinity = best_words(self.affinity(tokens).mT, self.word_classes)
        if not self.bank.background:
            return affinity
        # Without `affinity.max()`, an image in which all groups are uncertain would be entirely background.
        threshold = affinity.max().clamp(max=self.settings.background_threshold)
        background = (affinity.amax(dim=0, keepdim=True) < threshold).to(affinity)
        return torch.cat([background, affinity])

    def affinity(self, tokens: Tensor) -> Tensor:
        """Affinity of groups and words, G x Q: softmax over all words times softmax over the words of the image."""
        embeddings = self.backbone.project(tokens)  # G x D
        image = self.backbone.project(tokens.mean(dim=0, keepdim=True))  # 1 x D, of the mean token
        logits, image_logits = (self.backbone.logit_scale * rows @ self.queries.mT for rows in (embeddings, image))
        fitting = image_logits[0].softmax(dim=-1).topk(min(MOST_CLASSES, len(self.queries))).indices
        among_fitting = torch.full_like(logits, -torch.inf)
        among_fitting[:, fitting] = logits[:, fitting]
        return logits.softmax(dim=-1) * among_fitting.softmax(dim=-1)

    def extract_feat(self, inputs: Tensor) -> Groups:
        """Groups of images, each processed as one window."""
        return self.backbone(inputs)
