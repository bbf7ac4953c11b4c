"""Segment your own photographs by any words: encode once, then change words and settings."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from mmengine.config import ConfigDict
from mmengine.dataset import Compose
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch import Tensor

from itaclip_mmseg.apis.images import ImageSource, read_image
from itaclip_mmseg.apis.segmentation import Segmentation
from itaclip_mmseg.engine.config import load_config
from itaclip_mmseg.engine.kinds import MODEL, check_kinds
from itaclip_mmseg.engine.own_data import fitted
from itaclip_mmseg.engine.parts import building, check_parts
from itaclip_mmseg.models.segmentors.base import OpenVocabularySegmentor
from itaclip_mmseg.models.stages.encode import Track
from itaclip_mmseg.models.stages.photograph import Photograph
from itaclip_mmseg.models.stages.postprocess import Result
from itaclip_mmseg.settings import Decision
from itaclip_mmseg.text.bank import TextBank
from itaclip_mmseg.text.check import check_queries
from itaclip_mmseg.text.classes import ClassList, bank_of
from itaclip_mmseg.utils.checks import check
from itaclip_mmseg.utils.devices import chosen_device
from itaclip_mmseg.utils.errors import UserError

DEFAULT_CONFIG = 'configs/itaclip/itaclip_vit-b-16_voc21.py'


@dataclass
class Picture:
    """An encoded photograph: words and settings can change without encoding it again.

    Attributes:
        photograph: the original photograph.
        encoded: result of the segmentor's `encode`.
    """

    photograph: Photograph
    encoded: object
    segmenter: 'Segmenter' = field(repr=False)

    @property
    def image(self) -> np.ndarray:
        """H x W x 3 uint8, RGB."""
        return self.photograph.pixels

    def segment(self, classes: ClassList | None = None, scores: bool = False, **settings: object) -> Segmentation:
        """Segment by words.

        Args:
            classes: in any form that `bank_of` accepts; None for the segmenter's own.
            scores: keep the scores of all classes, C x H x W float32.
            settings: changed settings of the config, by name: `image_coefficient` (lambda, 0 to 1), `text_coefficient`
                (alpha, 0 to 1), `logit_scale`, `prob_threshold`, `area_threshold`, `pamr` (None, or a number of steps),
                ...; `regions=None` skips the rule that gives each region one label.

        Raises:
            UserError: the weights do not know a word, or a setting is invalid.
        """
        bank = self.segmenter.bank if classes is None else checked_bank(classes)
        result = self.segmenter.result(self, bank, settings, scores)
        return Segmentation(
            image=self.image,
            labels=result.labels.cpu().numpy().astype(np.int64),
            scores=None if result.scores is None else result.scores.cpu().numpy(),
            names=tuple(entry.name for entry in bank.classes),
            background=bank.background,
            notes=result.notes or {},
        )


class Segmenter:
    """Segment photographs by words.

        segmenter = Segmenter('a dog; grass; sky = sky, clouds')
        picture = segmenter.encode('dog.jpg')                  # runs the network, once per photograph
        picture.segment(prob_threshold=0.2)                    # other settings: nothing is encoded
        picture.segment('a cat; sand')                         # other words: embedded once and cached on disk

    Args:
        classes: in any form that `bank_of` accepts; None for the config's text bank.
        config: config with the settings, weights and pipeline. Thresholds are not used if the classes have no
            background, and auxiliary texts are not used if they have none.
        options: overrides as for --cfg-options, such as {'model.backbone.pretrained': 'ViT-B-16.pt'}.
        device: 'cpu', 'cuda:1'; None for the best device available.
        variants: changes of settings by name, for `label_maps`; `encode` keeps the tokens of all their last blocks.

    Raises:
        UserError: classes, config or weights do not fit.
    """

    def __init__(
        self,
        classes: ClassList | None = None,
        config: str = DEFAULT_CONFIG,
        options: dict | None = None,
        device: str | None = None,
        variants: dict[str, dict] | None = None,
    ) -> None:
        self.device = chosen_device(device)
        config = load_config(config, options)
        check_kinds(config, (*MODEL, 'test_pipeline'))
        init_default_scope('mmseg')
        check_parts(config)
        self.bank = checked_bank(config.model.text_bank if classes is None else classes)
        self.filename, self.config, self.variants = config.filename, config.model, variants
        self.model, self.built_for = self.build(self.bank), (self.bank, {})
        with building(self.filename):
            steps = [step for step in config.test_pipeline if step.type not in ('LoadImageFromFile', 'LoadAnnotations')]
            self.pipeline = Compose([dict(type='LoadImageFromNDArray'), *steps])

    def build(self, bank: TextBank, changes: dict | None = None) -> OpenVocabularySegmentor:
        """Build the config's segmentor with other classes and changed keys."""
        model = ConfigDict(self.config.to_dict())
        model.update(text_bank=bank, **(fitted(bank, model) | (changes or {})))
        if self.variants:
            model.variants = self.variants
        with building(self.filename):
            return MODELS.build(model).to(self.device).eval()

    def encode(self, image: ImageSource, track: Track = iter) -> Picture:
        """Encode a photograph: a path, a PIL image, or an array H x W x 3 uint8, RGB. This is the slow part.

        Args:
            image: the photograph.
            track: wraps the iteration over the network's passes, such as a progress bar.

        Raises:
            UserError: the file does not exist or is not an image.
        """
        photograph, normalised = self.normalised(image)
        return Picture(photograph, self.model.encode(normalised, track, photograph), self)

    def __call__(self, image: ImageSource, scores: bool = False) -> Segmentation:
        """Segment a photograph; see `encode` and `Picture.segment`."""
        return self.encode(image).segment(scores=scores)

    def stream(self, images: Iterable[ImageSource]) -> Iterator[Segmentation]:
        """Segment photographs from a list, a generator or `image_files(folder)`, with only one in memory at a time."""
        for image in images:
            yield self(image)

    @torch.no_grad()
    def result(self, picture: Picture, bank: TextBank, settings: dict, scores: bool) -> Result:
        """Decode, if the method supports it; otherwise run the whole method, rebuilt for other words or settings."""
        check(settings.get('regions') is None, 'regions', settings.get('regions'), 'None; a config chooses a generator')
        own = {name: value for name, value in settings.items() if name != 'regions'}
        maps = None if 'regions' in settings else self.model.region_map
        result, chosen = self.own_result(picture, bank, own, scores or (maps is not None and maps.needs_scores))
        result = result if maps is None else self.model.unify(result, picture.photograph, chosen)
        return result if scores else result._replace(scores=None)

    def own_result(self, picture: Picture, bank: TextBank, changes: dict, scores: bool) -> tuple[Result, Decision]:
        """Like `result`, before each region gets one label; and the settings that were used."""
        size = picture.image.shape[:2]
        if self.model.two_halves:
            changes = fitted(bank, self.config) | changes
            result = self.model.decode(picture.encoded, bank, changes, size, scores)
            return result, self.model.settings.vary(changes)
        if (bank, changes) != self.built_for:
            self.model, self.built_for = self.build(bank, changes), (bank, changes)
        self.model.with_scores = scores
        return self.model.result(picture.encoded, size, picture.photograph), self.model.settings

    def label_maps(self, image: ImageSource) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return the image as RGB, and its labels H x W by variant, from one encoding pass."""
        photograph, data = self.load(image)
        (sample,) = self.model.test_step(data)
        return photograph.pixels, {name: labels.cpu().numpy() for name, labels in sample.variant_labels.items()}

    def normalised(self, image: ImageSource) -> tuple[Photograph, Tensor]:
        """The original image, and the model's input: resized, normalised, 3 x h x w."""
        photograph, data = self.load(image)
        return photograph, self.model.data_preprocessor(data)['inputs'][0]

    def load(self, image: ImageSource) -> tuple[Photograph, dict]:
        """The original image, and a batch of one; files are read as in tests."""
        photograph = Photograph(read_image(image), os.fspath(image) if isinstance(image, str | os.PathLike) else None)
        data = self.pipeline(dict(img=np.ascontiguousarray(photograph.pixels[..., ::-1])))
        if not isinstance(data, Mapping) or 'data_samples' not in data:
            raise UserError(f'{self.filename}: test_pipeline packs no image; let PackSegInputs be its last step')
        data['data_samples'].set_metainfo(dict(photograph=photograph))
        return photograph, {name: [value] for name, value in data.items()}


def checked_bank(classes: ClassList) -> TextBank:
    """Bank of the classes, see `bank_of`; a `UserError` if two share a query word, a warning about backgrounds."""
    bank = bank_of(classes)
    for warning in check_queries(bank):
        MMLogger.get_current_instance().warning(warning)
    return bank


def segment(
    image: ImageSource,
    classes: ClassList,
    config: str = DEFAULT_CONFIG,
    options: dict | None = None,
    device: str | None = None,
    scores: bool = False,
) -> Segmentation:
    """Segment one image by any words. For several images, use a `Segmenter`, which has the same arguments.

        itaclip_mmseg.segment('dog.jpg', 'a dog; grass; sky = sky, clouds').overlay().save('overlay.png')

    Weights named by a tag, as in the default config, are downloaded by open_clip on first use.
    """
    return Segmenter(bank_of(classes), config, options, device)(image, scores)
