"""CASS (arXiv:2411.17150): CLIP's last block guided by the spectra of DINO's; words adapted to the image."""

from typing import NamedTuple

import torch
from mmseg.registry import MODELS
from torch import Tensor

from itaclip_mmseg.methods.cass.attention import mixed_scores, patch_tokens
from itaclip_mmseg.methods.cass.dino_keys import dino_keys
from itaclip_mmseg.methods.cass.settings import SpectralSettings
from itaclip_mmseg.methods.cass.words import word_groups, word_logits
from itaclip_mmseg.models.backbones.clip_text import TextEncoder
from itaclip_mmseg.models.segmentors.base import OpenVocabularySegmentor
from itaclip_mmseg.models.stages.encode import Track
from itaclip_mmseg.models.stages.photograph import Photograph
from itaclip_mmseg.models.stages.postprocess import Result
from itaclip_mmseg.models.stages.sliding import Grid
from itaclip_mmseg.models.stages.window_labels import label_windows
from itaclip_mmseg.text.bank import TextBank
from itaclip_mmseg.utils.errors import UserError

DINO_VIEWS = 4  # DINO's patches are half as long as CLIP's, so a view takes 4 times the memory


class Encoded(NamedTuple):
    """An encoded image: everything that does not depend on words.

    Attributes:
        image: 3 x h x w, normalised RGB.
        grid: its windows.
        tokens: unit embeddings of the windows' patches, W x rows x columns x D.
        pictures: unit embedding of the whole image, 1 x D, or of each window, W x D.
    """

    image: Tensor
    grid: Grid
    tokens: Tensor
    pictures: Tensor


@MODELS.register_module()
class CASS(OpenVocabularySegmentor):
    """CASS as in figure 2 of the paper.

        encode: windows -> CLIP's and DINO's keys -> mixed scores -> patch tokens; embedding of the image
        decode: word groups -> moved words -> logits -> merge -> PAMR -> scores -> labels

    Args:
        backbone: config of the vision encoder; its last block has no effect.
        dino: config of DINO, dict(pretrained=PATH), with the same number and width of heads.
        text_bank: path of a text bank, or a bank.
        test_cfg: dict(mode='slide', crop_size=(h, w), stride=(h, w)), or dict(mode='whole').
        settings: see `SpectralSettings`; for other arguments see the base class.
    """

    settings_type, two_halves = SpectralSettings, True
    default_window = dict(mode='slide', crop_size=(224, 224), stride=(112, 112))

    def build(self, backbone: dict, dino: dict) -> None:
        """Load CLIP and DINO, and embed the words."""
        self.backbone = MODELS.build(backbone)
        self.dino = MODELS.build({'type': 'ViTBackbone', **dino})
        ours, theirs = self.backbone.blocks[-1].attn.num_heads, self.dino.vit.blocks[-1].attn.num_heads
        widths = len(self.backbone.visual.class_embedding) // ours, self.dino.width // theirs
        if (ours, widths[0]) != (theirs, widths[1]):
            raise UserError(
                f'model.dino: has {theirs} heads of {widths[1]} channels, but CLIP has {ours} of {widths[0]}; use '
                'weights with the same number and width of heads'
            )
        self.smallest = self.backbone.patch_size
        self.text_encoder = TextEncoder.beside(self.backbone, 'imagenet')
        self.text_encoder.encode(self.bank.words)

    @torch.no_grad()
    def result(self, image: Tensor, size: tuple[int, int], photograph: Photograph | None = None) -> Result:
        """Encode, then decode."""
        return self.decode(self.encode(image), self.bank, {}, size, self.with_scores)

    @torch.no_grad()
    def class_scores(self, image: Tensor, size: tuple[int, int], photograph: Photograph | None = None) -> Tensor:
        """Scores before any rule, C x height x width."""
        return self.decode(self.encode(image), self.bank, dict(area_threshold=None), size, True).scores

    @torch.no_grad()
    def encode(self, image: Tensor, track: Track = iter, photograph: Photograph | None = None) -> Encoded:
        """Compute everything that does not depend on words, for an image 3 x h x w."""
        grid = self.grid(image)
        windows = grid.crop(image)
        each = self.settings.prior == 'window' or len(grid) == 1
        parts = windows.split(max(self.backbone.views_a_pass(windows) // DINO_VIEWS, 1))
        tokens, pictures = zip(*(self.encode_windows(part, each) for part in track(parts)))
        pictures = torch.cat(pictures) if each else self.picture(image)
        return Encoded(image, grid, torch.cat(tokens), pictures)

    def encode_windows(self, windows: Tensor, as_pictures: bool) -> tuple[Tensor, Tensor | None]:
        """Unit embeddings of windows V x 3 x h x w: of their patches, V x rows x columns x D, and, `as_pictures`, of
        the windows, V x D.
        """
        inputs, last, settings = self.backbone.shared_blocks(windows), self.backbone.blocks[-1], self.settings
        _, keys, values = inputs.last_qkv[..., 1:, :]  # without CLS, V x heads x L x d each
        others = dino_keys(self.dino, windows, keys, inputs.grid)
        scores = mixed_scores(keys, others, inputs.grid, settings.decomposition, settings.scale_spectrum)
        tokens = self.backbone.project_tokens(patch_tokens(last, values, scores)).unflatten(1, inputs.grid)
        if not as_pictures:
            return tokens, None
        plain, _ = self.backbone.plain_block(last, inputs.x)
        return tokens, self.backbone.project_tokens(plain[:, 0])

    def picture(self, image: Tensor) -> Tensor:
        """Unit embedding of a whole image 3 x h x w, 1 x D."""
        return self.backbone.embed_images(Grid(image.shape[-2:], None, None, smallest=self.smallest).crop(image))

    @torch.no_grad()
    def decode(self, encoded: Encoded, bank: TextBank, changes: dict, size: tuple[int, int], scores: bool) -> Result:
        """Label an encoded image with any classes, and any settings that do not need other tokens.

        Raises:
            UserError: a setting is invalid or needs other tokens.
        """
        settings = self.settings.vary(changes)
        bank.check_background(settings)
        logits = self.window_logits(encoded, self.text_encoder.encode(bank.words), settings)
        classes = torch.tensor(bank.word_classes)
        return label_windows(encoded.image, logits, encoded.grid, size, classes, settings, scores)

    def window_logits(self, encoded: Encoded, words: Tensor, settings: SpectralSettings) -> Tensor:
        """Logits of words Q x D in the windows, W x Q x rows x columns."""
        groups, words = word_groups(words, settings.group_height), words.to(encoded.tokens)
        weights = settings.global_weight, settings.patch_weight
        logits = word_logits(encoded.tokens.flatten(1, 2), encoded.pictures, words, groups, *weights)
        return logits.mT.unflatten(-1, encoded.tokens.shape[1:3])
