"""Base class of open-vocabulary segmentors: text bank, MMSegmentation's interface, thresholds, packing of results.

A method implements only `build`, which loads its networks and embeds its words, and either `class_scores`, from an
image to class scores, or `window_scores`, from windows to window scores, which this class merges. The tutorial is
`docs/add_a_method.md`.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence

import torch
from mmengine.logging import MMLogger
from mmengine.structures import PixelData
from mmseg.models.segmentors import BaseSegmentor
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor

from itaclip_mmseg.models.backbones.clip import read_once
from itaclip_mmseg.models.stages.encode import Track
from itaclip_mmseg.models.stages.photograph import Photograph
from itaclip_mmseg.models.stages.postprocess import Result, decide
from itaclip_mmseg.models.stages.regions import RegionMaps, most_frequent_labels, nearest
from itaclip_mmseg.models.stages.sliding import Grid
from itaclip_mmseg.settings import Decision, Window
from itaclip_mmseg.text.bank import TextBank
from itaclip_mmseg.text.classes import bank_of
from itaclip_mmseg.text.length import length_faults
from itaclip_mmseg.utils.checks import check
from itaclip_mmseg.utils.colours import distinct_colours


class OpenVocabularySegmentor(BaseSegmentor, ABC):
    """Segment images into the classes of a text bank, without training.

        predict: for each image, class_scores -> decide (area rule, argmax, background rule, closing)
        class_scores: unless a method overrides it, windows -> window_scores -> merge

    Args:
        text_bank: path of a text bank, or any other list of classes, see `itaclip_mmseg.text.classes.bank_of`.
        data_preprocessor: MMSegmentation's config of it.
        test_cfg: dict(mode='slide', crop_size=(h, w), stride=(h, w)), or dict(mode='whole'). None: the default.
        variants: changes of settings by name, for methods that evaluate many settings in one encoding pass.
        regions: generator of class-agnostic region maps, dict(type=NAME, ...) or just NAME, see
            `models/stages/regions.py`; all pixels of a region then get its most frequent label, for any method.
        train_cfg: None; set by MMSegmentation's `init_model`.
        pretrained: None; each network has its own weights.
        config: all other keys of the model's config: arguments of the method's `build`, and its settings (the fields of
            its `settings_type`).

    Raises:
        UserError: a setting is invalid, the text bank is missing, invalid or without the background that a rule needs,
            or the weights do not fit. Everything else is checked before weights are read.
    """

    multiple: tuple[int, int] = (1, 1)  # windows are zero-padded to multiples of this
    smallest: tuple[int, int] = (1, 1)  # and at least to this size, usually a patch
    takes_variants: bool = False  # supports `variants`: many settings from one encoding pass
    settings_type: type[Decision] = Decision  # of the config keys that are not arguments of `build`
    default_window: Mapping | None = None  # used if a config has no `test_cfg`; None: whole images only
    two_halves: bool = False  # words and settings may change after `encode`; the method has `decode`
    sees_photograph: bool = False  # as well as the image; pipelines then keep it, see `datasets/photographs.py`
    no_region: int | None = 0  # see `most_frequent_labels`
    needs_regions: bool = False  # the method itself uses region maps, so its config must have `regions`
    # MMSegmentation expects the scores of all classes in each sample, gigabytes for a large photograph. Set this to
    # False if you need only labels; they stay the same.
    with_scores: bool = True

    def __init__(
        self,
        text_bank: str | TextBank,
        data_preprocessor: dict | None = None,
        test_cfg: dict | None = None,
        variants: dict[str, dict] | None = None,
        regions: str | dict | None = None,
        train_cfg: None = None,
        pretrained: None = None,
        init_cfg: dict | None = None,
        **config: object,
    ) -> None:
        # Built from MMSegmentation's registry: MMEngine would search its own unless a runner has set the scope.
        super().__init__(data_preprocessor and MODELS.build(data_preprocessor), init_cfg)
        parts = {name: config.pop(name) for name in inspect.signature(self.build).parameters if name in config}
        self.window = self.read_window(test_cfg)
        self.region_map = None if regions is None else RegionMaps(regions)
        needed = self.region_map is not None or not self.needs_regions
        check(
            needed, 'regions', regions, "dict(type='files', folder=FOLDER), or the name of a generator such as 'sam2'"
        )
        settings = self.read_settings(config, parts)
        check(self.takes_variants or not variants, 'variants', variants, 'None: this method does not support variants')
        # Settings by name; without variants, the only name is ''.
        self.variants = {name: settings.vary(changes) for name, changes in (variants or {}).items()} or {'': settings}
        self.bank = bank_of(text_bank)
        self.bank.check_background(settings)
        auxiliary = {getattr(one, 'auxiliary', None) for one in self.variants.values()} - {None}
        for fault in length_faults(self.bank, sorted(auxiliary)):
            MMLogger.get_current_instance().warning(fault)
        with read_once():
            self.build(**parts)

    @abstractmethod
    def build(self, **networks: dict) -> None:
        """Load the networks and embed the words; the arguments are keys of the model's config."""

    def read_window(self, test_cfg: Mapping | None) -> Window:
        """Read the sliding windows, or whole images, from `test_cfg`."""
        if self.default_window is None:
            return Window.whole_images(test_cfg)
        return Window.from_config(test_cfg or self.default_window)

    def read_settings(self, keys: Mapping[str, object], parts: Mapping[str, object]) -> Decision:
        """Read the method's settings from all config keys that are not `parts`, the arguments of `build`."""
        return self.settings_type(**keys)

    @property
    def settings(self) -> Decision:
        """Settings of the first variant."""
        return next(iter(self.variants.values()))

    @torch.no_grad()
    def predict(
        self, inputs: Tensor | Sequence[Tensor], data_samples: list[SegDataSample] | None = None
    ) -> list[SegDataSample]:
        """Segment images.

        Args:
            inputs: output of the preprocessor, N x 3 x H x W RGB, or a list of 3 x H x W if sizes differ.
            data_samples: MMSegmentation's samples; `ori_shape` is the size of the result (None: that of the input).

        Returns:
            The samples with `seg_logits` (scores, C x H x W, unless `with_scores=False`), `pred_sem_seg` (labels,
            1 x H x W) and `variant_labels` (H x W int16 by name; '' in a model without variants).
        """
        samples = as_samples(inputs, data_samples)
        for image, sample in zip(inputs, samples):
            photograph = sample.metainfo.get('photograph')
            self.pack(sample, [self.result(image, original_size(image, sample), photograph)])
        return samples

    def encode(self, image: Tensor, track: Track = iter, photograph: Photograph | None = None) -> object:
        """Compute everything that does not depend on the words; by default, the image itself is returned.

        Args:
            image: 3 x h x w, output of the preprocessor.
            track: wraps the iteration over the passes, such as a progress bar.
            photograph: the original photograph; None if the pipeline did not keep it.
        """
        return image

    def result(self, image: Tensor, size: tuple[int, int], photograph: Photograph | None = None) -> Result:
        """Scores and labels, at height and width `size`, of an image 3 x h x w and the photograph it was made from."""
        scores, notes = self.scores_and_notes(image, size, photograph)
        scores, labels = decide(scores, self.settings)
        return Result('', scores if self.with_scores else None, labels, notes)

    def scores_and_notes(
        self, image: Tensor, size: tuple[int, int], photograph: Photograph | None = None
    ) -> tuple[Tensor, dict]:
        """Return `class_scores`, and further results of a method as metainfo of the sample, by name.

        `tags` is dict(names=[classes found in the image], scores={class: score}); the test computes their mAP.
        """
        return self.class_scores(image, size), {}

    def class_scores(self, image: Tensor, size: tuple[int, int]) -> Tensor:
        """Scores of an image, C x height x width.

        Args:
            image: 3 x h x w, output of the preprocessor.
            size: height and width of the result.
        """
        grid = self.grid(image)
        windows = grid.crop(image)
        return grid.merge_stepwise((self.window_scores(window[None])[0] for window in windows), size)

    def window_scores(self, windows: Tensor) -> Tensor:
        """Scores of windows W x 3 x h x w: W x C x rows x columns at any resolution, which `merge` resizes."""
        raise NotImplementedError(f'{type(self).__name__} has neither class_scores nor window_scores')

    def grid(self, image: Tensor) -> Grid:
        """The windows of an image 3 x H x W."""
        return Grid(image.shape[-2:], self.window.crop_size, self.window.stride, self.multiple, self.smallest)

    def pack(self, sample: SegDataSample, results: Iterable[Result], names: Iterable[str] = ('',)) -> None:
        """Write results into a sample: the first in MMSegmentation's fields, the labels of all by name."""
        labels, names = {}, list(names)
        for result in results:
            result = self.unify(result, sample.metainfo.get('photograph'))
            if result.scores is not None:
                sample.seg_logits = PixelData(data=result.scores)
            if result.name == names[0]:
                sample.pred_sem_seg = PixelData(data=result.labels[None].long())
            labels[result.name] = result.labels.to(torch.int16)
            sample.set_metainfo(result.notes or {})
        sample.set_field({name: labels[name] for name in names}, 'variant_labels')

    def unify(self, result: Result, photograph: Photograph | None) -> Result:
        """Last rule: give each region of the photograph one label. Without `regions`, the result is not changed."""
        if self.region_map is None:
            return result
        regions = self.region_map(photograph, result.labels.device)
        if regions.shape != result.labels.shape:  # the ground truth has another size
            regions = nearest(regions, tuple(result.labels.shape))
        return result._replace(labels=most_frequent_labels(result.labels, regions, self.no_region))

    def extract_feat(self, inputs: Tensor) -> Tensor:
        """Not supported by default: most methods have no features apart from their scores."""
        raise NotImplementedError(f'{type(self).__name__} has no features apart from its scores; call predict')

    def encode_decode(self, inputs: Tensor | Sequence[Tensor], batch_data_samples: list[SegDataSample]) -> list[Tensor]:
        """Scores of each image before any rule, C x H x W at the original size."""
        return [
            self.scores_and_notes(image, original_size(image, sample), sample.metainfo.get('photograph'))[0]
            for image, sample in zip(inputs, batch_data_samples)
        ]

    def _forward(
        self, inputs: Tensor | Sequence[Tensor], data_samples: list[SegDataSample] | None = None
    ) -> list[Tensor]:
        """Implement MMSegmentation's mode='tensor'; see `encode_decode`."""
        return self.encode_decode(inputs, as_samples(inputs, data_samples))

    @property
    def dataset_meta(self) -> dict:
        """Class names and colours, for MMSegmentation's visualizer and inference functions."""
        names = [entry.name for entry in self.bank.classes]
        return dict(classes=names, palette=distinct_colours(len(names)))

    @dataset_meta.setter
    def dataset_meta(self, value: dict) -> None:
        """Ignored: MMSegInferencer sets the classes of Cityscapes for every model without a checkpoint."""

    def loss(self, inputs: Tensor, data_samples: list[SegDataSample]) -> dict:
        """Not supported: there is no training."""
        raise NotImplementedError('training-free: no loss')

    def train(self, mode: bool = True) -> 'OpenVocabularySegmentor':
        """Training-free: always in evaluation mode."""
        return super().train(False)


def as_samples(inputs: Sequence[Tensor], data_samples: list[SegDataSample] | None) -> list[SegDataSample]:
    """Return the samples, or create them: MMSegmentation allows None."""
    return [SegDataSample() for _ in inputs] if data_samples is None else data_samples


def original_size(image: Tensor, sample: SegDataSample) -> tuple[int, int]:
    """Height and width of the image before resizing, from the sample; else of the image itself."""
    return tuple(sample.metainfo.get('ori_shape', image.shape[-2:])[:2])
