"""What every open-vocabulary segmentor shares: a text bank, MMSegmentation's contract, thresholds, packing of results.

A method writes only what is its own: `build`, which reads its networks and embeds its words; and what it computes, by
`class_scores`, from an image to class scores, or by `window_scores`, from windows to window scores, which are slid and
merged here. `docs/add_a_method.md` goes from an idea to a row in the tables.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

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
from itaclip_mmseg.models.stages.regions import RegionMaps, maps_by_name
from itaclip_mmseg.models.stages.sliding import Grid
from itaclip_mmseg.settings import Decision, Window
from itaclip_mmseg.text.bank import TextBank
from itaclip_mmseg.text.classes import bank_of
from itaclip_mmseg.text.length import length_faults
from itaclip_mmseg.utils.checks import check
from itaclip_mmseg.utils.colours import distinct_colours


class OpenVocabularySegmentor(BaseSegmentor, ABC):
    """A segmentor of images by the classes of a text bank, without training.

        predict: an image at a time, class_scores -> decide (area rule, argmax, background rule, closing)
        class_scores: unless a method has its own, windows -> window_scores -> merge

    Args:
        text_bank: path of a text bank, or whatever else names classes, see `itaclip_mmseg.text.classes.bank_of`.
        data_preprocessor: MMSegmentation's config of it.
        test_cfg: dict(mode='slide', crop_size=(h, w), stride=(h, w)), or dict(mode='whole'); None: the method's own.
        variants: changes of settings by name, of a method that answers many from one encoding pass; `regions` may be
            among them.
        regions: where class-agnostic region maps of the photographs come from, dict(type=NAME, ...) or NAME alone, see
            `models/stages/regions.py`; then all pixels of a region get its most frequent label, in any method, or with
            `rule='highest_mean_score'` in the dict the class with the highest mean score.
        train_cfg: None; MMSegmentation's `init_model` sets it.
        pretrained: None; each network has its own weights.
        config: all other keys of the model's config: the arguments of the method's `build`, and its settings, the
            fields of its `settings_type`.

    Raises:
        UserError: a setting is not possible, the bank is missing or faulty or lacks the background that a rule needs,
            or weights do not fit. Everything else is checked before weights are read.
    """

    multiple: tuple[int, int] = (1, 1)  # windows are zero-padded to multiples of this
    smallest: tuple[int, int] = (1, 1)  # and to at least this, height and width of a patch
    takes_variants: bool = False  # answers many settings from one encoding pass, its config's `variants`
    settings_type: type[Decision] = Decision  # of the keys of its config that are no arguments of `build`
    default_window: Mapping | None = None  # `test_cfg` where a config has none; None: it sees whole images alone
    two_halves: bool = False  # after `encode`, words and settings may change; such a method has `decode`
    before_rules: Mapping = MappingProxyType(dict(area_threshold=None))  # of such a method: scores are raw with these
    sees_photograph: bool = False  # beside the image; pipelines then keep it, see `datasets/photographs.py`
    no_region: int | None = 0  # see `region_rules.py`
    needs_regions: bool = False  # it computes with region maps, so its config must have `regions`
    # MMSegmentation's contract has the scores of all classes in each sample, gigabytes for a large photograph. Who
    # wants labels alone sets this to False; they stay the same.
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
        # Built here, in MMSegmentation's registry: MMEngine would look in its own unless a runner has set the scope.
        super().__init__(data_preprocessor and MODELS.build(data_preprocessor), init_cfg)
        parts = {name: config.pop(name) for name in inspect.signature(self.build).parameters if name in config}
        self.window = self.read_window(test_cfg)
        changes = {name: dict(one) for name, one in (variants or {'': {}}).items()}
        self.region_maps = maps_by_name({name: one.pop('regions', regions) for name, one in changes.items()})
        possible = not self.needs_regions or (self.region_map is not None and not self.region_map.is_prompted)
        check(possible, 'regions', regions, "dict(type='files', folder=FOLDER), or a generator such as 'sam2'")
        settings = self.read_settings(config, parts)
        check(self.takes_variants or not variants, 'variants', variants, 'None: this method has one setting at a time')
        # Settings by name; those of a method without variants have the name ''.
        self.variants = {name: settings.vary(one) for name, one in changes.items()}
        self.bank = bank_of(text_bank)
        self.bank.check_background(settings)
        auxiliary = {getattr(one, 'auxiliary', None) for one in self.variants.values()} - {None}
        for fault in length_faults(self.bank, sorted(auxiliary)):
            MMLogger.get_current_instance().warning(fault)
        with read_once():
            self.build(**parts)

    @abstractmethod
    def build(self, **networks: dict) -> None:
        """Read the networks' weights and embed the words; the arguments are keys of the model's config."""

    def read_window(self, test_cfg: Mapping | None) -> Window:
        """The sliding windows of `test_cfg`, or whole images."""
        if self.default_window is None:
            return Window.whole_images(test_cfg)
        return Window.from_config(test_cfg or self.default_window)

    def read_settings(self, keys: Mapping[str, object], parts: Mapping[str, object]) -> Decision:
        """The method's settings, of the keys of its config that are none of the `parts`, the arguments of `build`."""
        return self.settings_type(**keys)

    @property
    def settings(self) -> Decision:
        """Those of the first variant."""
        return next(iter(self.variants.values()))

    @property
    def region_map(self) -> RegionMaps | None:
        """Region maps of the first variant."""
        return next(iter(self.region_maps.values()))

    @property
    def scored(self) -> list[str]:
        """Names of the variants whose scores are kept: the first if wanted, and those whose regions need them."""
        needed = [name for name, maps in self.region_maps.items() if maps is not None and maps.needs_scores]
        return list(dict.fromkeys([*list(self.variants)[: self.with_scores], *needed]))

    @property
    def keeps_scores(self) -> bool:
        """Are the scores of the first variant kept?"""
        return next(iter(self.variants)) in self.scored

    @torch.no_grad()
    def predict(
        self, inputs: Tensor | Sequence[Tensor], data_samples: list[SegDataSample] | None = None
    ) -> list[SegDataSample]:
        """Segment images.

        Args:
            inputs: as the preprocessor leaves them, N x 3 x H x W RGB, or a list of 3 x H x W where sizes differ.
            data_samples: MMSegmentation's samples; `ori_shape` says how large the result is (None: as the input).

        Returns:
            The samples with `seg_logits` (scores, C x H x W; not `with_scores=False`), `pred_sem_seg` (labels,
            1 x H x W) and `variant_labels` (H x W int16 by name; a model without variants has one, '').
        """
        samples = as_samples(inputs, data_samples)
        for image, sample in zip(inputs, samples):
            photograph = sample.metainfo.get('photograph')
            self.pack(sample, [self.result(image, original_size(image, sample), photograph)])
        return samples

    def encode(self, image: Tensor, track: Track = iter, photograph: Photograph | None = None) -> object:
        """The half that does not depend on words; where a method has none, the image itself.

        Args:
            image: 3 x h x w, as the preprocessor leaves it.
            track: iterates over the passes, such as a progress bar.
            photograph: as it was read; None where the pipeline did not keep it.
        """
        return image

    def decode(self, encoded: object, bank: TextBank, changes: Mapping, size: tuple[int, int], scores: bool) -> Result:
        """The half that depends on words, of a method in two halves.

        Args:
            encoded: what `encode` gave.
            bank: any words.
            changes: of the settings, of those that need no other `encoded`.
            size: height and width of the result.
            scores: keep the scores.
        """
        raise NotImplementedError(f'{type(self).__name__} has no second half')

    @torch.no_grad()
    def result(self, image: Tensor, size: tuple[int, int], photograph: Photograph | None = None) -> Result:
        """Scores and labels at a height and width of an image 3 x h x w, and of the photograph it was made from."""
        if self.two_halves:
            return self.both_halves(image, size, photograph, {}, self.keeps_scores)
        scores, notes = self.scores_and_notes(image, size, photograph)
        scores, labels = decide(scores, self.settings)
        return Result('', scores if self.keeps_scores else None, labels, notes)

    def both_halves(
        self, image: Tensor, size: tuple[int, int], photograph: Photograph | None, changes: Mapping, scores: bool
    ) -> Result:
        """`decode` of `encode`, for the model's own words."""
        return self.decode(self.encode(image, photograph=photograph), self.bank, changes, size, scores)

    @torch.no_grad()
    def scores_and_notes(
        self, image: Tensor, size: tuple[int, int], photograph: Photograph | None = None
    ) -> tuple[Tensor, dict]:
        """As `class_scores`, and what else a method has to say of the image: metainfo of its sample by name.

        `tags` are dict(names=[those that the image shows], scores={class: score}); a test measures their mAP.
        """
        if self.two_halves:
            return self.both_halves(image, size, photograph, self.before_rules, True).scores, {}
        return self.class_scores(image, size), {}

    def class_scores(self, image: Tensor, size: tuple[int, int]) -> Tensor:
        """Scores of an image, C x height x width.

        Args:
            image: 3 x h x w, as the preprocessor leaves it.
            size: height and width of the result.
        """
        grid = self.grid(image)
        windows = grid.crop(image)
        return grid.merge_stepwise((self.window_scores(window[None])[0] for window in windows), size)

    def window_scores(self, windows: Tensor) -> Tensor:
        """Scores of windows W x 3 x h x w, W x C x rows x columns at any resolution: `merge` resizes them."""
        raise NotImplementedError(f'{type(self).__name__} has neither class_scores nor window_scores')

    def grid(self, image: Tensor) -> Grid:
        """The windows of an image 3 x H x W."""
        return Grid(image.shape[-2:], self.window.crop_size, self.window.stride, self.multiple, self.smallest)

    def pack(self, sample: SegDataSample, results: Iterable[Result], names: Iterable[str] = ('',)) -> None:
        """Put results into a sample: scores and the first as MMSegmentation has them, the labels of all by name."""
        labels, names = {}, list(names)
        for result in results:
            result = self.unify(result, sample.metainfo.get('photograph'))
            if result.name == names[0]:
                if self.with_scores and result.scores is not None:
                    sample.seg_logits = PixelData(data=result.scores)
                sample.pred_sem_seg = PixelData(data=result.labels[None].long())
            labels[result.name] = result.labels.to(torch.int16)
            sample.set_metainfo(result.notes or {})
        sample.set_field({name: labels[name] for name in names}, 'variant_labels')

    def unify(self, result: Result, photograph: Photograph | None, settings: Decision | None = None) -> Result:
        """The last rule: a label for each region of the photograph; the result as it is without `regions`.

        `settings` are the result's, None for those of its variant, or of the first if it is of none.
        """
        maps = self.region_maps.get(result.name, self.region_map)
        if maps is None:
            return result
        settings = settings or self.variants.get(result.name, self.settings)
        return maps.unify(result, photograph, settings, self.no_region)

    def extract_feat(self, inputs: Tensor) -> Tensor:
        """Most methods have no features of an image alone."""
        raise NotImplementedError(f'{type(self).__name__} has no features apart from its scores; call predict')

    def encode_decode(self, inputs: Tensor | Sequence[Tensor], batch_data_samples: list[SegDataSample]) -> list[Tensor]:
        """Scores of each image before any rule, C x H x W at its original size."""
        return [
            self.scores_and_notes(image, original_size(image, sample), sample.metainfo.get('photograph'))[0]
            for image, sample in zip(inputs, batch_data_samples)
        ]

    def _forward(
        self, inputs: Tensor | Sequence[Tensor], data_samples: list[SegDataSample] | None = None
    ) -> list[Tensor]:
        """MMSegmentation's mode='tensor'; see `encode_decode`."""
        return self.encode_decode(inputs, as_samples(inputs, data_samples))

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

    def train(self, mode: bool = True) -> 'OpenVocabularySegmentor':
        """Training-free: always in evaluation mode."""
        return super().train(False)


def as_samples(inputs: Sequence[Tensor], data_samples: list[SegDataSample] | None) -> list[SegDataSample]:
    """The samples, or new ones: MMSegmentation allows None."""
    return [SegDataSample() for _ in inputs] if data_samples is None else data_samples


def original_size(image: Tensor, sample: SegDataSample) -> tuple[int, int]:
    """Height and width of the image before resizing, as far as the sample knows it."""
    return tuple(sample.metainfo.get('ori_shape', image.shape[-2:])[:2])
