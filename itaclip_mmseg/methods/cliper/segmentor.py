"""CLIPer (arXiv:2411.13836): maps of all layers, spread by their attention; without its Stable Diffusion stage."""

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
    """Settings of CLIPer, keys of its config.

    Args:
        logit_scale: factor of the cosines before the softmax.
        attention_threshold: the last layer's map is 0 below this share of a class's maximum.
        score_threshold: a class is not in the image if its map does not exceed this anywhere.
        background_threshold: lower values become 0; pixels whose values are all 0 are background.
        normalize: scale the values of each class to 0 to 1 first.
        templates: templates of the texts, see `text/templates.py`.
        background_words: used if the bank has no background.
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
    """CLIPer without its second stage; start reading at `class_scores`.

        class_scores: layer maps (whole image, and windows merged on patches) -> fuse -> resize -> thresholds

    It is not a last block: it has an output for each layer, and applies the softmax over the texts before layers and
    windows are merged. Images are cropped to whole patches; windows and strides must be whole patches. Each word of a
    class is one sentence, and the best one counts; background words only compete in the softmax. Scores are 0 for the
    background and up to 2 for classes. Without a background in the bank every pixel has a class; where no class
    passes the thresholds, the best one before them.

    Args:
        backbone: config of the vision encoder; its last block has no effect.
        text_bank: path of a text bank, or a bank.
        test_cfg: dict(mode='whole'), or dict(mode='slide', crop_size, stride), which averages whole image and windows.
        settings: see `LayerSettings`; for other arguments see the base class.
    """

    settings_type = LayerSettings
    default_window = dict(mode='whole')

    def build(self, backbone: dict) -> None:
        """Load CLIP and embed the words."""
        self.backbone = MODELS.build(backbone)
        for name, sides in (('crop_size', self.window.crop_size), ('stride', self.window.stride)):
            whole = sides is None or all(side % patch == 0 for side, patch in zip(sides, self.backbone.patch_size))
            check(whole, f'test_cfg.{name}', sides, f'multiples of the patch, {self.backbone.patch_size}')
        self.embed_texts()

    def embed_texts(self) -> None:
        """Embed the texts of the classes and of the background, and append the classes' mean, T x width."""
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
        """Probabilities of the classes in each layer, layers x F x rows x columns, and the last attention, N x N."""
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
        """Logits of windows, merged on the image's patches and spread by their attention, like `layer_logits`."""
        windows: Grid = self.grid(image)
        parts = (self.layer_logits(window) for window in windows.crop(image))
        logits, attention = merge_patches(parts, windows, self.backbone.patch_size)
        return (logits.flatten(-2) @ attention).view_as(logits)

    def foreground(self, logits: Tensor) -> Tensor:
        """Softmax over all texts, then the best word of each class: layers x F x rows x columns."""
        words = logits.softmax(dim=1)[:, : len(self.word_classes)]
        return best_words(words.movedim(1, 0), self.word_classes).movedim(0, 1)

    def rules(self, values: Tensor, top: Tensor) -> Tensor:
        """Apply the thresholds to values F x height x width with maxima F x 1 x 1 on the patches: scores of classes."""
        settings, before = self.settings, values
        if settings.normalize:
            values = values - values.amin(dim=(-2, -1), keepdim=True)
            values = values / (values.amax(dim=(-2, -1), keepdim=True) + 1e-6)
        values = values * ((values >= settings.background_threshold) & (top > settings.score_threshold))
        if self.bank.background:
            return torch.cat([torch.zeros_like(values[:1]), values])
        return torch.where(values.amax(dim=0) > 0, values, before)


def with_mean(texts: Tensor, classes: int) -> Tensor:
    """Append the normalised mean of the first texts, the classes, to text embeddings T x width."""
    return torch.cat([texts, F.normalize(texts[:classes].mean(dim=0, keepdim=True), dim=-1)])


def fuse(maps: Tensor, attention: Tensor, threshold: float) -> Tensor:
    """Fuse the last layer's maps, thresholded and spread by the attention, with the mean over all layers.

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
    """Resize values F x rows x columns bilinearly to `size`, keeping each class's maximum, F x 1 x 1."""
    resized = F.interpolate(values[None], size=size, mode='bilinear', align_corners=False)[0]
    return resized / (resized.amax(dim=(-2, -1), keepdim=True) + 1e-5) * top
