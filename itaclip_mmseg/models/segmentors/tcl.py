"""TCL (arXiv 2212.00785): a decoder on frozen CLIP, trained to find the region that a text speaks of."""

from dataclasses import dataclass

import torch
from mmseg.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.models.backbones.clip import read_once
from itaclip_mmseg.models.backbones.clip_text import TextEncoder
from itaclip_mmseg.models.backbones.tcl import TCLDecoder
from itaclip_mmseg.models.segmentors.base import OpenVocabularySegmentor
from itaclip_mmseg.models.stages.pamr import refine
from itaclip_mmseg.models.stages.postprocess import best_words
from itaclip_mmseg.settings import Decision, Pamr, Window, check_share
from itaclip_mmseg.text.bank import TextBank

PAMR = Pamr(num_iters=10, dilations=(1, 2, 4, 8, 12, 24))
CLIP_SCALE, CLIP_MIDDLE = 10, 0.25  # CLIP's own masks are sigmoid(10 (cosine - 0.25)): so the learned numbers began


@dataclass(frozen=True)
class TCLSettings(Decision):
    """Keys of the segmentor's config beside its networks and its bank.

    Args:
        background_threshold: the constant score of the background.
        clip_share: share of CLIP's own masks in the result, 0 to 1.
        pamr: the refinement of the decoder's masks, or None.
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
    """The method at test time: one mask a text, each by itself.

        class_scores: padded windows -> window_scores -> merge -> background, softmax
        window_scores: backbone -> decoder -> cosines -> soft masks -> PAMR; mixed with CLIP's own masks

    Args:
        backbone: config of the vision encoder, see `CLIPVisionBackbone`; its last block gives CLIP's own masks.
        decoder: config of the decoder, see `TCLDecoder`.
        text_bank: path of a text bank, or a bank; its background is asked for by no word.
        test_cfg: dict(mode='slide', crop_size=(h, w), stride=(h, w)), or dict(mode='whole').
        settings: see `TCLSettings`.
        train_cfg, pretrained: MMSegmentation's `init_model` sets them, to None; the weights are the networks' own.

    Raises:
        UserError: a setting, the bank or the weights do not fit; all settings are checked before weights are read.
    """

    settings_type = TCLSettings

    @read_once()
    def __init__(
        self,
        backbone: dict,
        decoder: dict,
        text_bank: str | TextBank,
        data_preprocessor: dict | None = None,
        test_cfg: dict | None = None,
        train_cfg: None = None,
        pretrained: None = None,
        init_cfg: dict | None = None,
        **settings: object,
    ) -> None:
        window = Window.from_config(test_cfg or dict(mode='slide', crop_size=(448, 448), stride=(224, 224)))
        super().__init__(text_bank, TCLSettings(**settings), window, data_preprocessor, init_cfg)
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
        """As `class_scores`, before the softmax: soft masks, the background a constant one."""
        masks = super().class_scores(image, size)
        if not self.bank.background:
            return masks
        return F.pad(masks, (0, 0, 0, 0, 1, 0), value=self.decision.background_threshold)

    def window_scores(self, windows: Tensor) -> Tensor:
        """Soft masks of windows W x 3 x h x w, W x classes x h / 4 x w / 4, a class's that of its best word."""
        inputs = self.backbone.shared_blocks(windows)
        masks = self.decoder.soft_masks(self.cosines(self.decoder(inputs.x, inputs.grid)))
        if self.decision.pamr is not None:
            # The guide keeps the border that windows were padded with; masks mix across it.
            masks = torch.stack([refine(*pair, self.decision.pamr, align_corners=True) for pair in zip(windows, masks)])
        (tokens,) = self.backbone.encode_last(inputs, [self.backbone.last_block])  # W x L x D
        clip = torch.sigmoid(CLIP_SCALE * (self.cosines(tokens.unflatten(1, inputs.grid)) - CLIP_MIDDLE))
        clip = F.interpolate(clip, size=masks.shape[-2:], mode='bilinear', align_corners=False)
        return self.decision.clip_share * clip + (1 - self.decision.clip_share) * masks

    def cosines(self, embeddings: Tensor) -> Tensor:
        """Of unit embeddings W x rows x columns x D with the best word of each class, W x classes x rows x columns."""
        words = (embeddings @ self.queries.mT).movedim(-1, 1)
        return torch.stack([best_words(one, self.word_classes) for one in words])

    def extract_feat(self, inputs: Tensor) -> Tensor:
        """Unit embeddings at four times the grid of patches, W x rows x columns x D, of images taken as one window."""
        shared = self.backbone.shared_blocks(inputs)
        return self.decoder(shared.x, shared.grid)
