"""CLIPer (arXiv:2411.13836): maps of all layers, spread along their attention; without its Stable Diffusion."""

from dataclasses import dataclass

import torch
from mmseg.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.methods.cliper.layer_tokens import layer_tokens
from itaclip_mmseg.methods.cliper.patch_windows import merge_patches
from itaclip_mmseg.models.backbones.clip_text import TextEncoder
from itaclip_mmseg.models.segmentors.base import OpenVocabularySegmentor
from itaclip_mmseg.models.stages.postprocess import best_words
from itaclip_mmseg.models.stages.sliding import Grid
from itaclip_mmseg.settings import Decision
from itaclip_mmseg.text.templates import templates_by_name
from itaclip_mmseg.utils.checks import check, is_number


@dataclass(frozen=True)
class LayerSettings(Decision):
    """Settings of the method; keys of its config.

    Args:
        logit_scale: factor of the cosines before the softmax.
        attention_threshold: share of a class's maximum below which the last layer's map is 0.
        score_threshold: classes whose map nowhere exceeds it are not in the image.
        background_threshold: values below are 0; pixels whose values are all 0 are background.
        normalize: bring each class's values to 0 to 1 before.
        templates: of the texts, see `text/templates.py`.
        background_words: where the bank has no background.
    """

    logit_scale: float = 100
    attention_threshold: float = 0.1
    score_threshold: float = 0.0
    background_threshold: float = 0.0
    normalize: bool = False
    templates: str = 'sizes'
    background_words: tuple[str, ...] = ('background',)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, 'background_words', tuple(self.background_words))
        for name in ('attention_threshold', 'score_threshold', 'background_threshold', 'logit_scale'):
            check(is_number(getattr(self, name), 0), name, getattr(self, name), 'numbers from 0')
        check(isinstance(self.normalize, bool), 'normalize', self.normalize, 'True or False')
        check(len(self.background_words) > 0, 'background_words', self.background_words, 'one or more words')
        templates_by_name(self.templates)


@MODELS.register_module()
class CLIPer(OpenVocabularySegmentor):
    """The method without its second stage; `class_scores` is its table of contents.

        class_scores: layer maps (whole image, and windows merged on patches) -> fuse -> resize -> thresholds

    Not a last block: it answers once a layer, and its softmax over the texts comes before layers and windows are
    merged. Images are cut to whole patches; windows and strides must be whole patches. A class's words are one
    sentence each, of which the best counts; the background's are only what classes are told from. Scores are 0 for the
    background and up to 2 for classes; without a background in the bank every pixel has a class, where all thresholds
    fail the best one before them.

    Args:
        backbone: config of the vision encoder; its last block has no effect.
        text_bank: path of a text bank, or a bank.
        test_cfg: dict(mode='whole'), or dict(mode='slide', crop_size, stride): half the answer is then the windows'.
        settings: see `LayerSettings`; all else as in the base class.
    """

    settings_type = LayerSettings
    default_window = dict(mode='whole')

    def build(self, backbone: dict) -> None:
        """Read CLIP's weights and embed the words."""
        self.backbone = MODELS.build(backbone)
        for name, sides in (('crop_size', self.window.crop_size), ('stride', self.window.stride)):
            whole = sides is None or all(side % patch == 0 for side, patch in zip(sides, self.backbone.patch_size))
            check(whole, f'test_cfg.{name}', sides, f'multiples of the patch, {self.backbone.patch_size}')
        self.embed_texts()

    def embed_texts(self) -> None:
        """Texts of the classes, of the background, and what the classes have in common, T x width."""
        first = int(self.bank.background)
        words = [(label - first, word) for label, word in zip(self.bank.word_classes, self.bank.words)]
        classes = [(label, word) for label, word in words if label >= 0]
        background = [word for label, word in words if label < 0] or list(self.settings.background_words)
        encoder = TextEncoder(
            self.backbone.arch, self.backbone.pretrained, self.backbone.quick_gelu, self.settings.templates
        )
        texts = encoder.encode([word for _, word in classes] + background)
        self.word_classes = torch.tensor([label for label, _ in classes])
        self.register_buffer('texts', with_mean(texts, len(classes)), persistent=False)

    def class_scores(self, image: Tensor, size: tuple[int, int]) -> Tensor:
        """Scores of an image, C x height x width; see the class."""
        values = fuse(*self.layer_maps(image), self.settings.attention_threshold)
        top = values.amax(dim=(-2, -1), keepdim=True)
        return self.rules(resize_to_top(values, top, size), top)

    def layer_maps(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities of the classes by layer, layers x F x rows x columns, and the last attention, N x N."""
        rows, columns = self.backbone.patch_grid(*image.shape[-2:])
        image = image[:, : rows * self.backbone.patch_size[0], : columns * self.backbone.patch_size[1]]
        logits, attention = self.layer_logits(image)
        maps = self.foreground(logits)
        if self.window.crop_size is not None:
            maps = (maps + self.foreground(self.window_logits(image))) / 2
        return maps, attention

    def layer_logits(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of an image or window, layers x T x rows x columns, and the last attention of its patches, N x N."""
        tokens, attention = layer_tokens(self.backbone, image[None])
        logits = self.settings.logit_scale * (tokens[:, 0] @ self.texts.mT).mT
        return logits.unflatten(-1, self.backbone.patch_grid(*image.shape[-2:])), attention[0].mean(dim=0)[1:, 1:]

    def window_logits(self, image: Tensor) -> Tensor:
        """Logits of windows, merged on the image's patches and spread along their attention, as `layer_logits`."""
        windows: Grid = self.grid(image)
        parts = (self.layer_logits(window) for window in windows.crop(image))
        logits, attention = merge_patches(parts, windows, self.backbone.patch_size)
        return (logits.flatten(-2) @ attention).view_as(logits)

    def foreground(self, logits: Tensor) -> Tensor:
        """Softmax over all texts, of which the classes' best words are kept: layers x F x rows x columns."""
        words = logits.softmax(dim=1)[:, : len(self.word_classes)]
        return best_words(words.movedim(1, 0), self.word_classes).movedim(0, 1)

    def rules(self, values: Tensor, top: Tensor) -> Tensor:
        """Scores of all classes from values F x height x width and their maxima on the patches, F x 1 x 1."""
        settings, before = self.settings, values
        if settings.normalize:
            values = values - values.amin(dim=(-2, -1), keepdim=True)
            values = values / (values.amax(dim=(-2, -1), keepdim=True) + 1e-6)
        values = values * ((values >= settings.background_threshold) & (top > settings.score_threshold))
        if self.bank.background:
            return torch.cat([torch.zeros_like(values[:1]), values])
        return torch.where(values.amax(dim=0) > 0, values, before)


def with_mean(texts: Tensor, classes: int) -> Tensor:
    """Text embeddings T x width and, last, the mean of the first ones, the classes', made unit length."""
    return torch.cat([texts, F.normalize(texts[:classes].mean(dim=0, keepdim=True), dim=-1)])


def fuse(maps: Tensor, attention: Tensor, threshold: float) -> Tensor:
    """The last layer's maps, what is low in them cut, spread along the attention, and the mean of all layers'.

    Args:
        maps: layers x F x rows x columns.
        attention: N x N.
        threshold: share of a class's maximum in the last layer.

    Returns:
        F x rows x columns.
    """
    last = maps[-1]
    last = last * (last >= threshold * last.amax(dim=(-2, -1), keepdim=True))
    mean = (maps[:-1].sum(dim=0) + last) / len(maps)
    return (last.flatten(1) @ attention).view_as(last) + mean


def resize_to_top(values: Tensor, top: Tensor, size: tuple[int, int]) -> Tensor:
    """Values F x rows x columns bilinear to `size`, each class's maximum what it was, F x 1 x 1."""
    resized = F.interpolate(values[None], size=size, mode='bilinear', align_corners=False)[0]
    return resized / (resized.amax(dim=(-2, -1), keepdim=True) + 1e-5) * top
