"""Base class of open-vocabulary segmentors: config, text bank, windows, thresholds, regions.

A method implements only `build`, which loads its networks and embeds its words, and either `class_scores`, from an
image to class scores, or `window_scores`, from windows to window scores, which this class merges. The tutorial is
`docs/add_a_method.md`.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType

import torch
from mmengine.logging import MMLogger
from mmseg.registry import MODELS
from torch import Tensor

from itaclip_mmseg.models.backbones.clip_weights import read_once
from itaclip_mmseg.models.segmentors.interface import MMSegInterface
from itaclip_mmseg.models.stages.encode import Track
from itaclip_mmseg.models.stages.photograph import Photograph
from itaclip_mmseg.models.stages.postprocess import Result, decide
from itaclip_mmseg.models.stages.regions import RegionMaps, maps_by_name
from itaclip_mmseg.models.stages.sliding import Grid
from itaclip_mmseg.settings import Decision
from itaclip_mmseg.text.bank import TextBank
from itaclip_mmseg.text.classes import bank_of
from itaclip_mmseg.text.length import length_faults
from itaclip_mmseg.utils.checks import check
from itaclip_mmseg.window import Window


class OpenVocabularySegmentor(MMSegInterface, ABC):
    """Segment images into the classes of a text bank, without training.

        predict: for each image, class_scores -> decide (area rule, argmax, background rule, closing)
        class_scores: unless a method overrides it, windows -> window_scores -> merge

    Args:
        text_bank: path of a text bank, or any other list of classes, see `itaclip_mmseg.text.classes.bank_of`.
        data_preprocessor: MMSegmentation's config of it.
        test_cfg: dict(mode='slide', crop_size=(h, w), stride=(h, w)), or dict(mode='whole'). None: the default.
        variants: changes of settings by name, for methods that evaluate many settings in one encoding pass;
            `regions` may be among them.
        regions: generator of class-agnostic region maps, dict(type=NAME, ...) or just NAME, see
            `models/stages/regions.py`; all pixels of a region then get one label, for any method, see `rule`.
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
    before_rules: Mapping = MappingProxyType(dict(area_threshold=None))  # of such a method: scores are raw with these
    sees_photograph: bool = False  # as well as the image; pipelines then keep it, see `datasets/photographs.py`
    no_region: int | None = 0  # see `region_rules.py`
    needs_regions: bool = False  # the method itself uses region maps, so its config must have `regions`

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
        changes = {name: dict(one) for name, one in (variants or {'': {}}).items()}
        self.region_maps = maps_by_name({name: one.pop('regions', regions) for name, one in changes.items()})
        possible = not self.needs_regions or (self.region_map is not None and not self.region_map.is_prompted)
        check(possible, 'regions', regions, "dict(type='files', folder=FOLDER), or a generator such as 'sam2'")
        settings = self.read_settings(config, parts)
        check(self.takes_variants or not variants, 'variants', variants, 'None: this method does not support variants')
        # Settings by name; without variants, the only name is ''.
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

    def encode(self, image: Tensor, track: Track = iter, photograph: Photograph | None = None) -> object:
        """Compute everything that does not depend on the words; by default, the image itself is returned.

        Args:
            image: 3 x h x w, output of the preprocessor.
            track: wraps the iteration over the passes, such as a progress bar.
            photograph: the original photograph; None if the pipeline did not keep it.
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
        """Scores and labels, at height and width `size`, of an image 3 x h x w and the photograph it was made from."""
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
        """Return `class_scores`, and further results of a method as metainfo of the sample, by name.

        `tags` is dict(names=[classes found in the image], scores={class: score}); the test computes their mAP.
        """
        if self.two_halves:
            return self.both_halves(image, size, photograph, self.before_rules, True).scores, {}
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

    def unify(self, result: Result, photograph: Photograph | None, settings: Decision | None = None) -> Result:
        """Last rule: give each region of the photograph one label. Without `regions`, the result is not changed.

        `settings` are the result's, None for those of its variant, or of the first if it is of none.
        """
        maps = self.region_maps.get(result.name, self.region_map)
        if maps is None:
            return result
        settings = settings or self.variants.get(result.name, self.settings)
        return maps.unify(result, photograph, settings, self.no_region)
