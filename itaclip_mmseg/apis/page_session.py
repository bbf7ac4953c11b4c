"""What the page computes, apart from how it looks: a photograph, words and settings in; labels, files, commands out."""

import math
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mmseg.registry import MODELS
from PIL import Image

from itaclip_mmseg.apis.page_command import overrides
from itaclip_mmseg.apis.page_words import fitting, word_warnings
from itaclip_mmseg.apis.segmentation import PARTS, Segmentation, result_files
from itaclip_mmseg.apis.segmenter import Photograph, Picture, Segmenter
from itaclip_mmseg.datasets.headers import read_header
from itaclip_mmseg.datasets.reading import read_photograph
from itaclip_mmseg.engine.config import load_config, parse_options
from itaclip_mmseg.last_block import LastBlock
from itaclip_mmseg.models.stages.encode import Track
from itaclip_mmseg.text.classes import bank_of_text
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.outputs import Output, check_outputs
from itaclip_mmseg.utils.resources import written_whole

OWN = 'these settings'  # what the page calls the method whose sliders it has
MOST_PIXELS = 1_000_000  # of what is segmented: scores take 4 bytes a pixel and word, several times over
LARGEST_FILE = 50_000_000  # pixels that are decoded at all


@dataclass(frozen=True)
class Photo:
    """A visitor's photograph, encoded; its name without suffix; what to tell about it."""

    picture: Picture
    name: str
    note: str


@dataclass(frozen=True)
class Answer:
    """A segmented photograph: classes as `--classes` takes them; settings and labels by method, `OWN`
    first; what the visitor should know of the words.
    """

    photo: Photo
    classes: str
    settings: dict[str, dict]
    results: dict[str, Segmentation]
    warnings: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Of the classes."""
        return self.results[OWN].names


class Workbench:
    """What all visitors of the page share: a model and its methods. It keeps nothing of any of them.

    Args:
        config: whose settings, weights and text bank are used.
        options: overrides, KEY=VALUE as of --cfg-options.
        methods: changes of settings by name, to be compared with the config's own where its method has variants; see
            `Settings.vary`.

    Attributes:
        two_halves: settings may change without encoding; else a photograph is segmented anew for other words, and the
            settings stay the config's.

    Raises:
        UserError: config, overrides or weights do not fit.
    """

    def __init__(self, config: str, options: Sequence[str] = (), methods: Mapping[str, dict] | None = None) -> None:
        self.config, self.options = config, tuple(options)
        overrides = parse_options(options)
        varied = takes_methods(load_config(config, overrides).model)
        self.methods = dict(methods or {}) if varied else {}
        variants = {OWN: {}} | self.methods if varied else None
        self.segmenter = Segmenter(None, config, overrides, variants=variants)
        self.two_halves, self.settings = self.segmenter.model.two_halves, self.segmenter.model.settings

    @property
    def may_unify(self) -> bool:
        """May labels be one in each region, or not?"""
        return self.segmenter.model.region_map is not None and not self.segmenter.model.needs_regions

    def open(self, path: str | Path, track: Track = iter) -> Photo:
        """Encode a photograph, the half that takes seconds.

        Raises:
            UserError: it is no image, or too large.
        """
        image, note = read_photo(path)
        picture = self.segmenter.encode(image, track)
        height, width = picture.image.shape[:2]
        return Photo(picture, Path(path).stem, f'{width} x {height} pixels{note}')

    def answer(self, photo: Photo | None, classes: str, values: Mapping[str, float], method: str | None) -> Answer:
        """Segment a photograph, the half that takes a moment.

        Args:
            photo: None where the visitor has none yet.
            classes: as `class_list` gives them.
            values: of the sliders, by name of the setting; none where there are no sliders.
            method: one of `methods`, to be set beside these settings, or None.

        Raises:
            UserError: no photograph, or classes that are not possible.
        """
        photo = existing(photo)
        bank = bank_of_text(classes)  # which reads no file: visitors have no business in those of the server
        settings = {OWN: fitting(values, bank) if values else {}} | ({method: self.methods[method]} if method else {})
        results = {name: photo.picture.segment(bank, **changes) for name, changes in settings.items()}
        return Answer(photo, classes, settings, results, tuple(word_warnings(bank)))

    def command(self, answer: Answer, method: str = OWN) -> str:
        """The command line that gives the same labels, of the photograph as `write_files` writes it."""
        options = [*self.options, *overrides(answer.settings[method])]
        photo = f'{answer.photo.name}_photo.png'
        photo = f'./{photo}' if photo.startswith('-') else photo  # else an option
        words = ['python', 'tools/demo.py', photo, f'--classes={answer.classes}', f'--config={self.config}']
        return shlex.join([*words, *(['--cfg-options', *options] if options else [])])


def takes_methods(model: Mapping) -> bool:
    """Can a config's encoding pass answer other methods, too? Not where its last block needs the words."""
    return MODELS.get(model.type).takes_variants and not LastBlock.from_config(model.backbone).feedback


def existing(photo: Photo | None) -> Photo:
    """The photograph; a `UserError` where a visitor has none, or none any more."""
    if photo is None:
        raise UserError('photograph: none yet; drop one, or take one of the examples')
    return photo


def read_photo(path: str | Path) -> tuple[Photograph, str]:
    """A photograph to encode, and a note: the path itself, or what it shows made small enough.

    Raises:
        UserError: it is no image, or larger than `LARGEST_FILE`.
    """
    name = Path(path).name
    try:
        height, width = read_header(path).size
        if height * width > LARGEST_FILE:
            raise UserError(f'{name}: {width} x {height} pixels; at most {LARGEST_FILE // 1_000_000} megapixels')
        if height * width <= MOST_PIXELS:
            return path, ''
        return shrunk(read_photograph(path)[..., ::-1]), f', shrunk from {width} x {height}'
    except UserError as error:
        raise UserError(str(error).replace(str(path), name)) from error  # visitors know no folder of the server


def shrunk(image: np.ndarray) -> np.ndarray:
    """A photograph H x W x 3 uint8 at `MOST_PIXELS`, its ratio kept."""
    height, width = image.shape[:2]
    factor = math.sqrt(MOST_PIXELS / (height * width))
    size = (max(int(width * factor), 1), max(int(height * factor), 1))
    return np.asarray(Image.fromarray(np.ascontiguousarray(image)).resize(size, Image.Resampling.LANCZOS))


def write_files(answer: Answer, folder: str | Path) -> list[str]:
    """Everything to take away, in a new folder below `folder`, whose name nobody guesses: the photograph as it was
    segmented, and each method's overlay, label map, class list and COCO annotations.
    """
    folder, name = Path(tempfile.mkdtemp(dir=folder)), answer.photo.name
    photo = folder / f'{name}_photo.png'
    places = {
        method: folder / (f'{name}.png' if method == OWN else f'{name}_{method}.png') for method in answer.results
    }
    outputs = [Output(file, place) for place in places.values() for file in result_files(place, PARTS)]
    check_outputs(outputs, [photo])
    with written_whole(photo) as temporary:
        Image.fromarray(answer.photo.picture.image).save(temporary)
    for method, result in answer.results.items():
        result.save(places[method], PARTS)
    return [str(photo), *(str(output.path) for output in outputs)]
