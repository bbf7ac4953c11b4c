"""CLIP-DIY (arXiv 2309.14289): an image cut into squares of three sizes, classified by CLIP, guided by saliency."""

import numpy as np
import torch
from mmseg.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.methods.clip_diy.saliency import Saliency, weigh
from itaclip_mmseg.models.backbones.clip_text import TextEncoder
from itaclip_mmseg.models.segmentors.base import OpenVocabularySegmentor
from itaclip_mmseg.models.stages.photograph import CLIP, IMAGENET, as_bytes, normalise, resize_crops, squash
from itaclip_mmseg.models.stages.postprocess import best_words
from itaclip_mmseg.models.stages.sliding import Grid
from itaclip_mmseg.utils.errors import UserError

SIDE = 256  # pixels of the square that every photograph becomes, and of the labels
SCALES = (256, 128, 64)  # sides of the crops, each moved by half of it: 1, 9 and 49


@MODELS.register_module()
class CLIPDIY(OpenVocabularySegmentor):
    """The method as figure 2 of the paper draws it; `class_scores` is its table of contents.

        class_scores: squash -> crops -> embeddings -> cosines -> mean over the scales -> saliency -> softmax

    Images are RGB of 0 to 255 at the photograph's own size: a pipeline without Resize, mean 0 and std 1. Scores and
    labels are computed on 256 x 256 pixels and taken from the nearest of these at the original size, source index
    floor(index * 256 / size), as OpenCV's INTER_NEAREST does in the public evaluation.

    Args:
        backbone: config of the image tower, see `CLIPImageEncoder`.
        text_bank: path of a text bank, or a bank.
        saliency: dict(backbone=dict(pretrained=PATH), head=dict(pretrained=PATH)), see `Saliency`; None for labels
            without it, of CLIP alone.
        settings: prob_threshold, area_threshold, closing_kernel, see `Decision`; the paper has none of them. All else
            as in the base class.
    """

    def build(self, backbone: dict, saliency: dict | None = None) -> None:
        """Read the weights of CLIP and of the saliency network, and embed the words."""
        if saliency and not self.bank.background:
            raise UserError(f'{self.bank.path}: has no background, so saliency must be None')
        self.saliency = Saliency(**saliency) if saliency else None
        self.backbone = MODELS.build({'type': 'CLIPImageEncoder', **backbone})
        text_tower = (self.backbone.arch, self.backbone.pretrained, self.backbone.quick_gelu)
        texts = TextEncoder(*text_tower, templates='photo_bare').encode(self.bank.words)
        self.register_buffer('texts', texts, persistent=False)  # Q x width

    def class_scores(self, image: Tensor, size: tuple[int, int]) -> Tensor:
        """Scores of a photograph, C x height x width; see the base class."""
        square = squash(as_bytes(image), SIDE)  # 256 x 256 x 3 uint8
        maps = [self.cosine_map(square, scale) for scale in SCALES]
        scores = best_words(torch.stack(maps).mean(dim=0), torch.tensor(self.bank.word_classes))  # C x 256 x 256
        if self.saliency:
            scores = weigh(scores, self.squared_saliency(image)).softmax(dim=0)
        return nearest(scores, size)

    def cosine_map(self, square: np.ndarray, scale: int) -> Tensor:
        """Cosines of one scale's crops with the texts, upsampled to Q x 256 x 256."""
        cosines = self.cosines(square, scale)  # crops x Q
        field = cosines.mT.unflatten(-1, (2 * SIDE // scale - 1, -1))  # Q x n x n
        return F.interpolate(field[None], size=(SIDE, SIDE), mode='bilinear', align_corners=False)[0]

    def cosines(self, square: np.ndarray, scale: int) -> Tensor:
        """Cosines of one scale's crops, row by row, with the texts, crops x Q; no logit scale."""
        return self.backbone(self.crops(square, scale)) @ self.texts.mT

    def crops(self, square: np.ndarray, scale: int) -> Tensor:
        """Squares of `scale` pixels at half of it as stride, as CLIP sees them, N x 3 x 224 x 224."""
        grid = Grid((SIDE, SIDE), (scale, scale), (scale // 2, scale // 2))
        crops = grid.crop(torch.from_numpy(square).movedim(-1, 0)).movedim(1, -1).numpy()
        return normalise(resize_crops(np.ascontiguousarray(crops), self.backbone.size).to(self.texts.device), CLIP)

    def squared_saliency(self, image: Tensor) -> Tensor:
        """Foreground probabilities of the photograph at its own size, squashed like it, 256 x 256."""
        saliency = self.saliency(normalise(image, IMAGENET))
        return torch.from_numpy(squash(saliency.cpu().numpy(), SIDE)).to(saliency)


def nearest(scores: Tensor, size: tuple[int, int]) -> Tensor:
    """Scores C x h x w at another size: of each pixel the value at floor(index * h / height), in whole numbers."""
    rows, columns = (
        torch.arange(length, device=scores.device) * own // length for length, own in zip(size, scores.shape[1:])
    )
    return scores[:, rows][:, :, columns]
