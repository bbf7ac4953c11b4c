"""TCL (arXiv 2212.00785): a decoder on frozen CLIP, trained to find the region that a text describes."""

from dataclasses import dataclass

import torch
from mmseg.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.methods.tcl.decoder import TCLDecoder
from itaclip_mmseg.models.backbones.clip_text import TextEncoder
from itaclip_mmseg.models.segmentors.base import OpenVocabularySegmentor
from itaclip_mmseg.models.stages.pamr import refine
from itaclip_mmseg.models.stages.postprocess import best_words
from itaclip_mmseg.settings import Decision, Pamr
from itaclip_mmseg.utils.checks import check_share

PAMR = Pamr(num_iters=10, dilations=(1, 2, 4, 8, 12, 24))
CLIP_SCALE, CLIP_MIDDLE = (
    10,
    0.25,
)  # CLIP's own masks are sigmoid(10 (cosine - 0.25)), the initial values of the learned ones


@dataclass(frozen=True)
class TCLSettings(Decision):
    """Settings of TCL, keys of its config.

    Args:
        background_threshold: constant score of the background.
        clip_share: weight of CLIP's own masks in the result, 0 to 1.
        pamr: refinement of the decoder's masks, or None.
    """

    background_threshold: float = 0.4
    clip_share: float = 0.3
    pamr: Pamr | None = PAMR

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, 'pamr', Pamr.from_config(self.pamr))
        check_share(self.background_threshold, 'background_threshold')
        check_share(self.clip_share, 'clip_share')


@MODELS.register_module()
class TCL(OpenVocabularySegmentor):
    """TCL at test time: an independent mask for each text.

        class_scores: padded windows -> window_scores -> merge -> background, softmax
        window_scores: backbone -> decoder -> cosines -> soft masks -> PAMR; mixed with CLIP's own masks

    Args:
        backbone: config of the vision encoder, see `CLIPVisionBackbone`; its last block gives CLIP's own masks.
        decoder: config of the decoder, see `TCLDecoder`.
        text_bank: path of a text bank, or a bank; background words are not used.
        settings: see `TCLSettings`; for other arguments see the base class.
    """

    settings_type = TCLSettings
    default_window = dict(mode='slide', crop_size=(448, 448), stride=(224, 224))

    def build(self, backbone: dict, decoder: dict) -> None:
        """Load the decoder and CLIP, and embed the words."""
        self.decoder: TCLDecoder = MODELS.build(dict(type='TCLDecoder') | decoder)
        self.backbone = MODELS.build(backbone)
        self.decoder.check_width(self.backbone.visual)
        self.multiple = self.backbone.patch_size
        encoder = TextEncoder(
            self.backbone.arch, self.backbone.pretrained, self.backbone.quick_gelu, 'small_set', unit_sentences=False
        )
        words = self.bank.foreground()
        self.word_classes = torch.tensor(words.word_classes)
        self.register_buffer('queries', encoder.encode(words.words), persistent=False)

    def class_scores(self, image: Tensor, size: tuple[int, int]) -> Tensor:
        """Scores of an image 3 x h x w, C x height x width in [0, 1]."""
        return self.logits(image, size).softmax(dim=0)

    def logits(self, image: Tensor, size: tuple[int, int]) -> Tensor:
        """Like `class_scores`, before the softmax: soft masks, with a constant one for the background."""
        masks = super().class_scores(image, size)
        if not self.bank.background:
            return masks
        return F.pad(masks, (0, 0, 0, 0, 1, 0), value=self.settings.background_threshold)

    def window_scores(self, windows: Tensor) -> Tensor:
        """Soft masks of windows W x 3 x h x w, W x classes x h / 4 x w / 4; a class has the mask of its best word."""
        inputs = self.backbone.shared_blocks(windows)
        masks = self.decoder.soft_masks(self.cosines(self.decoder(inputs.x, inputs.grid)))
        if self.settings.pamr is not None:
            # The guide includes the windows' padding, so masks are refined across it.
            masks = torch.stack([refine(*pair, self.settings.pamr, align_corners=True) for pair in zip(windows, masks)])
        (tokens,) = self.backbone.encode_last(inputs, [self.backbone.last_block])  # W x L x D
        clip = torch.sigmoid(CLIP_SCALE * (self.cosines(tokens.unflatten(1, inputs.grid)) - CLIP_MIDDLE))
        clip = F.interpolate(clip, size=masks.shape[-2:], mode='bilinear', align_corners=False)
        return self.settings.clip_share * clip + (1 - self.settings.clip_share) * masks

    def cosines(self, embeddings: Tensor) -> Tensor:
        """Cosines of unit embeddings W x rows x columns x D with the best word of classes, W x C x rows x columns."""
        words = (embeddings @ self.queries.mT).movedim(-1, 1)
        return torch.stack([best_words(one, self.word_classes) for one in words])

    def extract_feat(self, inputs: Tensor) -> Tensor:
        """Unit embeddings at four times the patch grid, W x rows x columns x D, of images, each as one window."""
        shared = self.backbone.shared_blocks(inputs)
        return self.decoder(shared.x, shared.grid)
