"""ITACLIP (arXiv 2411.12044): training-free open-vocabulary segmentation with CLIP."""

from collections.abc import Iterable

import torch
from mmengine.structures import PixelData
from mmseg.models.segmentors import BaseSegmentor
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor

from itaclip_mmseg.engine.overlay import distinct_colours
from itaclip_mmseg.models.encode import WindowEncoder
from itaclip_mmseg.models.settings import LastBlock, Pamr, Settings, Window, check_count
from itaclip_mmseg.models.sliding import Grid
from itaclip_mmseg.models.variants import Result, categories_by_block, check_variants, decode, finest_stride, mix
from itaclip_mmseg.text.bank import TextBank, load_bank
from itaclip_mmseg.text.encoder import TextEncoder
from itaclip_mmseg.text.queries import TextTable


@MODELS.register_module()
class ITACLIP(BaseSegmentor):
    """The method as figure 2 of the paper draws it; `predict` is its table of contents.

        predict: encode (crop -> views -> backbone -> similarity) -> decode (mix -> merge -> PAMR -> postprocess)

    Args:
        backbone: config of the vision encoder, see `CLIPVisionBackbone`.
        text_bank: path of a text bank, or a bank, see `itaclip_mmseg.text.bank`.
        auxiliary: kind of auxiliary text, 'definition' or 'synonym', or None.
        text_coefficient: alpha, share of the auxiliary text in a query, 0 to 1.
        image_coefficient: lambda, share of the first category of views in the logits, 0 to 1.
        image_engineering: use all five views; False for the window alone.
        pamr: dict(num_iters, dilations) of the refinement, or None.
        logit_scale: factor of the cosines before the softmax.
        prob_threshold: pixels whose best score is below become background; None for off.
        area_threshold: foreground classes with at most this share of the foreground's area are dropped; None for off.
        closing_kernel: side in pixels of the square that closes the label map; None for off.
        background_set: ask for the background by its words; False for its name alone (table 11).
        variants: changes to these settings by name, {'fine': dict(stride=(28, 28)), 'plain': dict(attention='qk')}; all
            are answered from one encoding pass, see `itaclip_mmseg.models.variants`. The first is what samples hold as
            their prediction; without variants it is the settings themselves.
        window_batch_size: views a forward pass; None chooses by device and memory. Results do not depend on it.
        memory_budget: GB that logits shared by several variants may take; beyond, they are computed once a variant.
        test_cfg: dict(mode='slide', crop_size=(h, w), stride=(h, w)), or dict(mode='whole'). With pad_windows=True
            windows are zero-padded to whole patches (ClearCLIP); else a rest at the right and bottom is dropped.
        train_cfg, pretrained: MMSegmentation's `init_model` sets them, to None; the weights are the backbone's.

    Raises:
        UserError: a setting, the bank or the weights do not fit; all settings are checked before weights are read.
    """

    def __init__(
        self,
        backbone: dict,
        text_bank: str | TextBank,
        auxiliary: str | None = 'definition',
        text_coefficient: float = 0.05,
        image_coefficient: float = 0.7,
        image_engineering: bool = True,
        pamr: dict | None = None,
        logit_scale: float = 60,
        prob_threshold: float | None = None,
        area_threshold: float | None = None,
        closing_kernel: int | None = 3,
        background_set: bool = True,
        variants: dict[str, dict] | None = None,
        window_batch_size: int | None = None,
        memory_budget: float = 4.0,
        data_preprocessor: dict | None = None,
        test_cfg: dict | None = None,
        train_cfg: None = None,
        pretrained: None = None,
        init_cfg: dict | None = None,
    ) -> None:
        # Built here, in MMSegmentation's registry: MMEngine would look in its own unless a runner has set the scope.
        super().__init__(data_preprocessor and MODELS.build(data_preprocessor), init_cfg)
        self.window = Window.from_config(test_cfg or dict(mode='slide', crop_size=(224, 224), stride=(28, 28)))
        if window_batch_size is not None:
            check_count(window_batch_size, 'window_batch_size')
        self.memory_budget = memory_budget * 1e9
        self.settings = Settings(
            auxiliary=auxiliary,
            text_coefficient=text_coefficient,
            image_coefficient=image_coefficient,
            image_engineering=image_engineering,
            pamr=None if pamr is None else Pamr(**pamr),
            logit_scale=logit_scale,
            prob_threshold=prob_threshold,
            area_threshold=area_threshold,
            closing_kernel=closing_kernel,
            stride=self.window.stride,
            background_set=background_set,
            last_block=LastBlock.from_config(backbone),
        )
        self.variants = {name: self.settings.vary(changes) for name, changes in (variants or {'': {}}).items()}
        self.bank = text_bank if isinstance(text_bank, TextBank) else load_bank(text_bank)
        check_variants(self.variants, self.window, self.bank)
        self.backbone = MODELS.build(backbone)
        for settings in self.variants.values():
            settings.last_block.check_depth(len(self.backbone.blocks), self.backbone.arch or self.backbone.pretrained)
        text_encoder = TextEncoder(self.backbone.arch, self.backbone.pretrained, self.backbone.quick_gelu)
        self.texts = TextTable(self.bank, self.variants.values(), text_encoder)
        blocks = categories_by_block(self.variants.values())
        self.encoder = WindowEncoder(self.backbone, self.texts, blocks, window_batch_size)

    @torch.no_grad()
    def predict(
        self, inputs: Tensor | list[Tensor], data_samples: list[SegDataSample] | None = None
    ) -> list[SegDataSample]:
        """Segment images.

        Args:
            inputs: normalised RGB, N x 3 x H x W, or a list of 3 x H x W where sizes differ.
            data_samples: MMSegmentation's samples; `ori_shape` says how large the result is (None: as the input).

        Returns:
            The samples with `seg_logits` (scores, C x H x W in [0, 1]), `pred_sem_seg` (labels, 1 x H x W) and
            `variant_labels` (H x W int16 by name).
        """
        samples = [SegDataSample() for _ in inputs] if data_samples is None else data_samples
        grids = [self.grid(image) for image in inputs]
        scored = list(self.variants)[:1]
        for image, grid, fields, sample in zip(inputs, grids, self.encoder.encode(inputs, grids), samples):
            size = original_size(image, sample)
            results = decode(image, fields, grid, size, self.variants, self.texts, self.memory_budget, scored)
            self.pack(sample, results)
            sample.set_metainfo(dict(encoded_views=len(grid) * self.encoder.views_a_window))
        return samples

    def pack(self, sample: SegDataSample, results: Iterable[Result]) -> None:
        """Put results into a sample: the first variant as MMSegmentation has it, the labels of all by name."""
        labels = {}
        for result in results:
            if result.scores is not None:
                sample.seg_logits = PixelData(data=result.scores)
                sample.pred_sem_seg = PixelData(data=result.labels[None])
            labels[result.name] = result.labels.to(torch.int16)
        sample.set_field({name: labels[name] for name in self.variants}, 'variant_labels')

    def grid(self, image: Tensor) -> Grid:
        """The windows of an image 3 x H x W, at the finest stride of all variants."""
        multiple = self.backbone.patch_size if self.window.pad else (1, 1)
        return Grid(image.shape[-2:], self.window.crop_size, finest_stride(self.variants.values()), multiple)

    @property
    def queries(self) -> Tensor:
        """Query embeddings of the first variant, Q x D, alpha mixed in."""
        return self.texts.mixed(next(iter(self.variants.values())))

    @property
    def query_classes(self) -> Tensor:
        """Class of each query, Q."""
        return self.texts.rows(next(iter(self.variants.values()))).classes

    def extract_feat(self, inputs: Tensor) -> Tensor:
        """Unit patch embeddings of images taken as one window each, N x L x D."""
        return self.backbone(inputs)

    def encode_decode(self, inputs: Tensor | list[Tensor], batch_data_samples: list[SegDataSample]) -> list[Tensor]:
        """Query logits of each image before refinement, Q x H x W at its original size; of the first variant."""
        settings = next(iter(self.variants.values()))
        grids = [self.grid(image) for image in inputs]
        logits = []
        for image, grid, fields, sample in zip(inputs, grids, self.encoder.encode(inputs, grids), batch_data_samples):
            grid, windows = grid.coarser(settings.stride)
            parts = {name: field[windows] for name, field in fields[settings.last_block].items()}
            logits.append(grid.merge(mix(parts, self.texts.rows(settings), settings), original_size(image, sample)))
        return logits

    def _forward(self, inputs: Tensor | list[Tensor], data_samples: list[SegDataSample] | None = None) -> list[Tensor]:
        """MMSegmentation's mode='tensor'; see `encode_decode`."""
        return self.encode_decode(inputs, data_samples or [SegDataSample() for _ in inputs])

    @property
    def dataset_meta(self) -> dict:
        """Class names and colours, as MMSegmentation's visualizer and inference functions ask a model for them."""
        names = [entry.name for entry in self.bank.classes]
        return dict(classes=names, palette=distinct_colours(len(names)))

    @dataset_meta.setter
    def dataset_meta(self, value: dict) -> None:
        """Ignored: MMSegInferencer gives every model without a checkpoint the classes of Cityscapes."""

    def loss(self, inputs: Tensor, data_samples: list[SegDataSample]) -> dict:
        """There is none."""
        raise NotImplementedError('training-free: no loss')


def original_size(image: Tensor, sample: SegDataSample) -> tuple[int, int]:
    """Height and width of the image before resizing, as far as the sample knows it."""
    return tuple(sample.metainfo.get('ori_shape', image.shape[-2:])[:2])
