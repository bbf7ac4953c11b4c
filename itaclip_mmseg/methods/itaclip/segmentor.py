"""ITACLIP (arXiv 2411.12044): training-free open-vocabulary segmentation with CLIP."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor

from itaclip_mmseg.last_block import LastBlock
from itaclip_mmseg.models.backbones.clip_text import TextEncoder
from itaclip_mmseg.models.segmentors.base import OpenVocabularySegmentor
from itaclip_mmseg.models.segmentors.interface import as_samples, original_size
from itaclip_mmseg.models.stages.encode import Fields, Track, WindowEncoder, similarity
from itaclip_mmseg.models.stages.mixing import mix
from itaclip_mmseg.models.stages.photograph import Photograph
from itaclip_mmseg.models.stages.plan import categories_by_block, check_encoded, check_variants, finest_stride
from itaclip_mmseg.models.stages.postprocess import Result
from itaclip_mmseg.models.stages.queries import TextTable
from itaclip_mmseg.models.stages.sliding import Grid
from itaclip_mmseg.models.stages.variants import decode
from itaclip_mmseg.settings import Settings
from itaclip_mmseg.text.bank import TextBank
from itaclip_mmseg.utils.checks import check_count


class Encoded(NamedTuple):
    """An encoded image, independent of words: tokens W x D x rows x columns by category of views."""

    image: Tensor
    grid: Grid
    tokens: dict[LastBlock, Fields]


@MODELS.register_module()
class ITACLIP(OpenVocabularySegmentor):
    """ITACLIP as in figure 2 of the paper; start reading at `predict`.

        predict: encode (crop -> views -> backbone -> similarity)
            -> decode (mix -> for each tile: merge -> PAMR -> scores -> labels)

    Args:
        backbone: config of the vision encoder, see `CLIPVisionBackbone`.
        text_bank: path of a text bank, or a bank, see `itaclip_mmseg.text.bank`.
        variants: changes of settings by name, {'fine': dict(stride=(28, 28)), 'plain': dict(attention='qk')}. All are
            computed from one encoding pass, see `models/stages/variants.py`. The first one is the samples' prediction;
            without variants, the settings themselves.
        window_batch_size: views per forward pass; None chooses by device and memory. Results do not depend on it.
        memory_budget: limit in GB for the logits of several variants together; larger images are processed in tiles.
            With 0, variants share nothing. A single variant takes less, see `stages/tiles.py`.
        test_cfg: dict(mode='slide', crop_size=(h, w), stride=(h, w)), or dict(mode='whole'). With pad_windows=True,
            windows are zero-padded to whole patches, with a number to multiples of that many pixels; otherwise a
            remainder at the right and bottom is dropped.
        settings: auxiliary, text_coefficient (alpha), image_coefficient (lambda), image_engineering, pamr, logit_scale,
            prob_threshold, area_threshold, closing_kernel, background_set; see `Settings`. For other arguments see the
            base class.
    """

    takes_variants, settings_type = True, Settings
    default_window = dict(mode='slide', crop_size=(224, 224), stride=(28, 28))

    def read_settings(self, keys: Mapping[str, object], parts: Mapping[str, object]) -> Settings:
        """Combine the settings in the config's keys, the window and the backbone's last block."""
        return Settings.from_config(keys, self.window, parts.get('backbone', {}))

    def build(self, backbone: dict, window_batch_size: int | None = None, memory_budget: float = 4.0) -> None:
        """Load CLIP and embed the texts that the variants need."""
        if window_batch_size is not None:
            check_count(window_batch_size, 'window_batch_size')
        check_variants(self.variants, self.window, self.bank)
        self.memory_budget = memory_budget * 1e9
        self.backbone = MODELS.build(backbone)
        for settings in self.variants.values():
            self.backbone.prepare(settings.last_block)
        self.text_encoder = TextEncoder(self.backbone.arch, self.backbone.pretrained, self.backbone.quick_gelu)
        self.texts = TextTable(self.bank, self.variants.values(), self.text_encoder)
        pad = self.window.pad
        self.multiple = self.backbone.patch_size if pad is True else (pad or 1, pad or 1)
        self.smallest = self.backbone.patch_size
        blocks = categories_by_block(self.variants.values())
        self.encoder = WindowEncoder(self.backbone, self.texts, blocks, window_batch_size)

    @torch.no_grad()
    def predict(
        self, inputs: Tensor | list[Tensor], data_samples: list[SegDataSample] | None = None
    ) -> list[SegDataSample]:
        """Segment images.

        Args:
            inputs: normalised RGB, N x 3 x H x W, or a list of 3 x H x W if sizes differ.
            data_samples: MMSegmentation's samples; `ori_shape` is the size of the result (None: that of the input).

        Returns:
            The samples with `seg_logits` (scores, C x H x W in [0, 1], unless `with_scores=False`), `pred_sem_seg`
            (labels, 1 x H x W) and `variant_labels` (H x W int16 by name).
        """
        samples = as_samples(inputs, data_samples)
        grids = [self.grid(image) for image in inputs]
        for image, grid, fields, sample in zip(inputs, grids, self.encoder.encode(inputs, grids), samples):
            size = original_size(image, sample)
            results = decode(image, fields, grid, size, self.variants, self.texts, self.memory_budget, self.scored)
            self.pack(sample, results, self.variants)
            sample.set_metainfo(dict(encoded_views=len(grid) * self.encoder.views_a_window))
        return samples

    @torch.no_grad()
    def result(self, image: Tensor, size: tuple[int, int], photograph: Photograph | None = None) -> Result:
        """Encode and decode with the first variant; also for last blocks that need the words."""
        grid, variants = self.grid(image), {'': self.settings}
        (fields,) = self.encoder.encode([image], [grid])
        scored = [''][: self.keeps_scores]
        return next(decode(image, fields, grid, size, variants, self.texts, self.memory_budget, scored))

    @torch.no_grad()
    def encode(self, image: Tensor, track: Track = iter, photograph: Photograph | None = None) -> Encoded | Tensor:
        """Compute everything that does not depend on words, for an image 3 x h x w; keeps all categories of views."""
        if not self.two_halves:
            return image
        grid, encoder = self.grid(image), self.encoder
        kept = {block: names | {'plain'} for block, names in encoder.last_blocks.items()}
        without_words = WindowEncoder(self.backbone, None, kept, encoder.batch, track)
        return Encoded(image, grid, without_words.encode([image], [grid])[0])

    @torch.no_grad()
    def decode(self, encoded: Encoded, bank: TextBank, changes: dict, size: tuple[int, int], scores: bool) -> Result:
        """Label an encoded image with any classes, and any settings that do not need other tokens; see `Settings.vary`.

        Raises:
            UserError: a setting is invalid or needs other tokens.
        """
        settings = self.settings.vary(changes)
        check_variants({'': settings}, self.window, bank)
        check_encoded(settings, encoded.tokens, encoded.grid)
        texts = TextTable(bank, [settings], self.text_encoder).to(encoded.image.device)
        fields = {settings.last_block: similarity(encoded.tokens[settings.last_block], texts.embeddings)}
        variants, budget, scored = {'': settings}, self.memory_budget, [''][:scores]
        return next(decode(encoded.image, fields, encoded.grid, size, variants, texts, budget, scored))

    @property
    def two_halves(self) -> bool:
        """True unless a last block needs the words."""
        return not any(block.feedback for block in self.encoder.last_blocks)

    def grid(self, image: Tensor) -> Grid:
        """The windows of an image 3 x H x W, at the finest stride of all variants."""
        stride = finest_stride(self.variants.values())
        return Grid(image.shape[-2:], self.window.crop_size, stride, self.multiple, self.smallest)

    @property
    def queries(self) -> Tensor:
        """Query embeddings of the first variant, Q x D, mixed by alpha."""
        return self.texts.mixed(self.settings)

    @property
    def query_classes(self) -> Tensor:
        """Class of each query, Q."""
        return self.texts.rows(self.settings).classes

    @torch.no_grad()
    def extract_feat(self, inputs: Tensor) -> Tensor:
        """Unit patch embeddings of images, each processed as one window, N x L x D; first variant."""
        block = self.settings.last_block
        return self.encoder.token_maps(inputs, len(inputs), len(inputs))[block].flatten(1, 2)

    def encode_decode(self, inputs: Tensor | list[Tensor], batch_data_samples: list[SegDataSample]) -> list[Tensor]:
        """Query logits of each image before refinement, Q x H x W at the original size; first variant."""
        settings = self.settings
        grids = [self.grid(image) for image in inputs]
        logits = []
        for image, grid, fields, sample in zip(inputs, grids, self.encoder.encode(inputs, grids), batch_data_samples):
            grid, windows = grid.coarser(settings.stride)
            parts = {name: field[windows] for name, field in fields[settings.last_block].items()}
            logits.append(grid.merge(mix(parts, self.texts.rows(settings), settings), original_size(image, sample)))
        return logits
