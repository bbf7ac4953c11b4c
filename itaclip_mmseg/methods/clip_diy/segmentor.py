"""CLIP-DIY (arXiv 2309.14289): CLIP classifies crops of three sizes, guided by saliency."""

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

SIDE = 256  # pixels of the square to which photographs are resized, and of the labels
SCALES = (256, 128, 64)  # sides of the crops; the stride is half the side: 1, 9 and 49 crops


@MODELS.register_module()
class CLIPDIY(OpenVocabularySegmentor):
    """CLIP-DIY as in figure 2 of the paper; start reading at `class_scores`.

        class_scores: squash -> crops -> embeddings -> cosines -> mean over the scales -> saliency -> softmax

    Images are RGB from 0 to 255 at the photograph's original size: a pipeline without Resize, mean 0 and std 1. Scores
    and labels are computed on 256 x 256 pixels and resized to the original size by nearest neighbour, with source index
    floor(index * 256 / size), as OpenCV's INTER_NEAREST does in the public evaluation.

    Args:
        backbone: config of the image tower, see `CLIPImageEncoder`.
        text_bank: path of a text bank, or a bank.
        saliency: dict(backbone=dict(pretrained=PATH), head=dict(pretrained=PATH)), see `Saliency`; None uses CLIP
            alone.
        settings: prob_threshold, area_threshold, closing_kernel, see `Decision`; the paper uses none of them. For other
            arguments see the base class.
    """

    def build(self, backbone: dict, saliency: dict | None = None) -> None:
        """Load CLIP and the saliency network, and embed the words."""
        if saliency and not self.bank.background:
            raise UserError(f'{self.bank.path}: has no background; set model.saliency=None')
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
        """Cosines of the crops of one scale with the texts, upsampled to Q x 256 x 256."""
        cosines = self.cosines(square, scale)  # crops x Q
        field = cosines.mT.unflatten(-1, (2 * SIDE // scale - 1, -1))  # Q x n x n
        return F.interpolate(field[None], size=(SIDE, SIDE), mode='bilinear', align_corners=False)[0]

    def cosines(self, square: np.ndarray, scale: int) -> Tensor:
        """Cosines of the crops of one scale, row by row, with the texts, crops x Q; no logit scale."""
        return self.backbone(self.crops(square, scale)) @ self.texts.mT

    def crops(self, square: np.ndarray, scale: int) -> Tensor:
        """Square crops of `scale` pixels with half of it as stride, preprocessed for CLIP, N x 3 x 224 x 224."""
        grid = Grid((SIDE, SIDE), (scale, scale), (scale // 2, scale // 2))
        crops = grid.crop(torch.from_numpy(square).movedim(-1, 0)).movedim(1, -1).numpy()
        return normalise(resize_crops(np.ascontiguousarray(crops), self.backbone.size).to(self.texts.device), CLIP)

    def squared_saliency(self, image: Tensor) -> Tensor:
        """Foreground probabilities at the photograph's size, resized to 256 x 256 like it."""
        saliency = self.saliency(normalise(image, IMAGENET))
        return torch.from_numpy(squash(saliency.cpu().numpy(), SIDE)).to(saliency)


def nearest(scores: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize scores C x h x w: each pixel gets the value at floor(index * h / height), in integer arithmetic."""
    rows, columns = (
        torch.arange(length, device=scores.device) * own // length for length, own in zip(size, scores.shape[1:])
    )
    return scores[:, rows][:, :, columns]
