"""ITACLIP (arXiv 2411.12044): training-free open-vocabulary segmentation with CLIP."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from mmengine.structures import PixelData
from mmseg.models.segmentors import BaseSegmentor
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor

from itaclip_mmseg.engine.overlay import distinct_colours
from itaclip_mmseg.errors import UserError
from itaclip_mmseg.models.pamr import refine
from itaclip_mmseg.models.postprocess import postprocess
from itaclip_mmseg.models.settings import Pamr, Settings, check_window, is_count
from itaclip_mmseg.models.sliding import Grid
from itaclip_mmseg.models.views import NUM_VIEWS, fold_views, image_engineering, mix
from itaclip_mmseg.text.bank import TextBank, load_bank
from itaclip_mmseg.text.encoder import TextEncoder


@MODELS.register_module()
class ITACLIP(BaseSegmentor):
    """The method as figure 2 of the paper draws it; `predict` is its table of contents.

        predict: encode (crop -> views -> backbone -> similarity) -> mix -> merge -> PAMR -> postprocess

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
        window_batch_size: views a forward pass; None chooses by device and memory. Results do not depend on it.
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
        window_batch_size: int | None = None,
        data_preprocessor: dict | None = None,
        test_cfg: dict | None = None,
        train_cfg: None = None,
        pretrained: None = None,
        init_cfg: dict | None = None,
    ) -> None:
        # Built here, in MMSegmentation's registry: MMEngine would look in its own unless a runner has set the scope.
        super().__init__(data_preprocessor and MODELS.build(data_preprocessor), init_cfg)
        test_cfg = dict(test_cfg or dict(mode='slide', crop_size=(224, 224), stride=(28, 28)))
        check_window(test_cfg.get('mode'), test_cfg.get('crop_size'), test_cfg.get('stride'))
        slide = test_cfg['mode'] == 'slide'
        self.crop_size = tuple(test_cfg['crop_size']) if slide else None
        self.stride = tuple(test_cfg['stride']) if slide else None
        self.pad_windows = test_cfg.get('pad_windows', False)
        if window_batch_size is not None and not is_count(window_batch_size):
            raise UserError(
                f'window_batch_size={window_batch_size!r}: not possible; allowed: None, whole numbers from 1'
            )
        self.window_batch_size = window_batch_size
        settings = Settings(
            auxiliary=auxiliary,
            text_coefficient=text_coefficient,
            image_coefficient=image_coefficient,
            image_engineering=image_engineering,
            pamr=None if pamr is None else Pamr(**pamr),
            logit_scale=logit_scale,
            prob_threshold=prob_threshold,
            area_threshold=area_threshold,
            closing_kernel=closing_kernel,
        )
        self.bank = text_bank if isinstance(text_bank, TextBank) else load_bank(text_bank)
        if not self.bank.background and (prob_threshold or area_threshold is not None):
            raise UserError(f'{self.bank.path}: has no background, so prob_threshold and area_threshold must be None')
        self.backbone = MODELS.build(backbone)
        self.settings = replace(settings, last_block=self.backbone.last_block)
        encoder = TextEncoder(self.backbone.arch, self.backbone.pretrained, self.backbone.quick_gelu)
        queries = encoder.encode_bank(self.bank, auxiliary)
        self.register_buffer('queries', queries.mix(text_coefficient), persistent=False)  # Q x D
        self.register_buffer('query_classes', queries.classes, persistent=False)  # Q

    @torch.no_grad()
    def predict(
        self, inputs: Tensor | list[Tensor], data_samples: list[SegDataSample] | None = None
    ) -> list[SegDataSample]:
        """Segment images.

        Args:
            inputs: normalised RGB, N x 3 x H x W, or a list of 3 x H x W where sizes differ.
            data_samples: MMSegmentation's samples; `ori_shape` says how large the result is (None: as the input).

        Returns:
            The samples with `seg_logits` (scores, C x H x W in [0, 1]) and `pred_sem_seg` (labels, 1 x H x W).
        """
        samples = [SegDataSample() for _ in inputs] if data_samples is None else data_samples
        grids = [self.grid(image) for image in inputs]
        for image, grid, field, sample in zip(inputs, grids, self.encode(inputs, grids), samples):
            logits = mix(field, self.settings.image_coefficient)  # W x Q x rows x columns
            logits = grid.merge(logits, original_size(image, sample))  # Q x H x W
            if self.settings.pamr is not None:
                logits = refine(image, logits, self.settings.pamr)  # Q x H x W
            scores, labels = postprocess(logits, self.query_classes, self.settings)  # C x H x W, H x W
            sample.set_data(dict(seg_logits=PixelData(data=scores), pred_sem_seg=PixelData(data=labels[None])))
        return samples

    def grid(self, image: Tensor) -> Grid:
        """The windows of an image 3 x H x W."""
        multiple = self.backbone.patch_size if self.pad_windows else (1, 1)
        return Grid(image.shape[-2:], self.crop_size, self.stride, multiple)

    def encode(self, images: Sequence[Tensor], grids: Sequence[Grid]) -> list[Tensor]:
        """The costly half: all windows of all images through the backbone, windows of one size together.

        Args:
            images: 3 x H x W each, normalised RGB.
            grids: the windows of each image.

        Returns:
            A field an image, K x W x Q x rows x columns: window-level query logits by category of views (K = 1 without
            image engineering), flips undone.
        """
        fields: list[Tensor] = [None] * len(images)
        for size in {grid.window_size for grid in grids}:
            members = [index for index, grid in enumerate(grids) if grid.window_size == size]
            windows = torch.cat([grids[index].crop(images[index]) for index in members])  # W x 3 x h x w
            parts = self.encode_windows(windows).split([len(grids[index]) for index in members], dim=1)
            for index, part in zip(members, parts):
                fields[index] = part
        return fields

    def encode_windows(self, windows: Tensor) -> Tensor:
        """Fields of windows W x 3 x h x w, a few windows at a time, so that only their views are held."""
        batch = self.window_batch_size or self.backbone.views_a_pass(windows)
        chunk = max(batch // (NUM_VIEWS if self.settings.image_engineering else 1), 1)
        return torch.cat([self.encode_views(part, batch) for part in windows.split(chunk)], dim=1)

    def encode_views(self, windows: Tensor, batch: int) -> Tensor:
        """Views, tokens and similarities of windows W x 3 x h x w, at most `batch` views a pass; see `encode`."""
        views = image_engineering(windows) if self.settings.image_engineering else windows[None]  # V x W x 3 x h x w
        tokens = torch.cat([self.backbone(part) for part in views.flatten(0, 1).split(batch)])  # (V W) x L x D
        maps = tokens.unflatten(1, self.backbone.patch_grid(*windows.shape[-2:]))
        maps = maps.unflatten(0, (len(views), len(windows)))  # V x W x rows x columns x D
        categories = fold_views(maps) if self.settings.image_engineering else maps  # K x W x rows x columns x D
        return (categories @ self.queries.mT).movedim(-1, 2)  # K x W x Q x rows x columns

    def extract_feat(self, inputs: Tensor) -> Tensor:
        """Unit patch embeddings of images taken as one window each, N x L x D."""
        return self.backbone(inputs)

    def encode_decode(self, inputs: Tensor | list[Tensor], batch_data_samples: list[SegDataSample]) -> list[Tensor]:
        """Query logits of each image before refinement, Q x H x W at its original size."""
        grids = [self.grid(image) for image in inputs]
        return [
            grid.merge(mix(fields, self.settings.image_coefficient), original_size(image, sample))
            for image, grid, fields, sample in zip(inputs, grids, self.encode(inputs, grids), batch_data_samples)
        ]

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
