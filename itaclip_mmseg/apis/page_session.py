"""What the page computes, apart from how it looks: a photograph, words and settings in; labels, files, commands out."""

import shlex
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmseg.registry import MODELS
from PIL import Image

from itaclip_mmseg.apis.page_command import overrides
from itaclip_mmseg.apis.page_methods import Other, Others
from itaclip_mmseg.apis.page_photos import Photo, read_photo
from itaclip_mmseg.apis.page_progress import Pace
from itaclip_mmseg.apis.page_words import fitting, word_warnings
from itaclip_mmseg.apis.segmentation import PARTS, Segmentation, result_files
from itaclip_mmseg.apis.segmenter import Segmenter
from itaclip_mmseg.engine.config import load_config, parse_options
from itaclip_mmseg.engine.own_data import fitted
from itaclip_mmseg.last_block import LastBlock
from itaclip_mmseg.models.stages.encode import Track
from itaclip_mmseg.text.bank import TextBank
from itaclip_mmseg.text.classes import bank_of_text
from itaclip_mmseg.utils.errors import Faults, UserError
from itaclip_mmseg.utils.outputs import Output, check_outputs
from itaclip_mmseg.utils.resources import written_whole

OWN = 'these settings'  # what the page calls the method whose sliders it has


@dataclass(frozen=True)
class Answer:
    """A segmented photograph: classes as `--classes` takes them; settings and labels by method, `OWN`
    first; what the visitor should know of the words; why there is no second method.
    """

    photo: Photo
    classes: str
    settings: dict[str, dict]
    results: dict[str, Segmentation]
    warnings: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.results[OWN].names


class Workbench:
    """What all visitors of the page share: a model and its methods. It keeps nothing of any of them.

    Args:
        config: whose settings, weights and text bank are used.
        options: overrides, KEY=VALUE as of --cfg-options.
        methods: changes of settings by name, to be compared with the config's own where its method has variants; see
            `Settings.vary`.
        others: methods with their own segmentor, by name.

    Attributes:
        two_halves: settings may change without encoding; else a photograph is segmented anew for other words, and the
            settings stay the config's.

    Raises:
        UserError: config, overrides or weights do not fit.
    """

    def __init__(
        self,
        config: str,
        options: Sequence[str] = (),
        methods: Mapping[str, dict] | None = None,
        others: Mapping[str, Other] | None = None,
    ) -> None:
        self.config, self.options = config, tuple(options)
        overrides = parse_options(options)
        varied = takes_methods(load_config(config, overrides).model)
        self.methods = dict(methods or {}) if varied else {}
        self.others, self.pace = Others(others or {}), Pace()
        variants = {OWN: {}} | self.methods if varied else None
        self.segmenter = Segmenter(None, config, overrides, variants=variants)
        self.two_halves, self.settings = self.segmenter.model.two_halves, self.segmenter.model.settings

    @property
    def may_unify(self) -> bool:
        """Whether the regions can be switched on and off."""
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

    def answer(
        self,
        photo: Photo | None,
        classes: str,
        values: Mapping[str, float],
        method: str | None,
        previous: Answer | None = None,
        track: Track = iter,
    ) -> Answer:
        """Segment a photograph: a moment where the settings of the config's own method change.

        Args:
            photo: None where the visitor has none yet.
            classes: as `class_list` gives them.
            values: of the sliders, by name of the setting; none where there are no sliders.
            method: one of `methods` or `others`, to compare with these settings, or None.
            previous: the visitor's last answer, whose second method is not run again for the same photograph and words.
            track: what iterates over the passes of a second method's network, such as a progress bar.

        Raises:
            UserError: no photograph, or classes that are not possible.
        """
        photo = existing(photo)
        bank = bank_of_text(classes)  # which reads no file: visitors have no business in those of the server
        own = fitting(values, bank) if values else {}
        with self.pace.timed(OWN, photo.pixels):
            results = {OWN: photo.picture.segment(bank, **own)}
        faults = Faults()
        if method:
            known = previous is not None and previous.photo is photo and previous.classes == classes
            second = previous.results.get(method) if known else None
            second = second or faults.result(self.second, method, photo, bank, track)
            results |= {} if second is None else {method: second}
        settings = {OWN: own} | {name: self.methods.get(name, {}) for name in results if name != OWN}
        return Answer(photo, classes, settings, results, tuple(word_warnings(bank)), tuple(faults.lines))

    def second(self, method: str, photo: Photo, bank: TextBank, track: Track) -> Segmentation:
        """Segment a photograph by another method."""
        if method in self.methods:
            changes = self.methods[method]
            return photo.picture.segment(bank, **changes | fitted(bank, changes))
        with self.pace.timed(method, photo.pixels):
            return self.others.segment(method, photo.picture.image, bank, track)

    def outlook(self, photo: Photo | None, method: str | None) -> str | None:
        """Estimated seconds of the slowest method of an answer; None if it takes no noticeable time."""
        slow = OWN if method not in self.others.ready else method
        if (slow == OWN and self.two_halves) or photo is None:
            return None
        return self.pace.outlook(slow, photo.pixels)

    def command(self, answer: Answer, method: str = OWN) -> str:
        """The command line that gives the same labels for the photograph that `write_files` writes."""
        config, options = self.config, [*self.options, *overrides(answer.settings[method])]
        if method in self.others.ready:
            config, options, _ = self.others.ready[method]
        photo = f'{answer.photo.name}_photo.png'
        photo = f'./{photo}' if photo.startswith('-') else photo  # else an option
        words = ['python', 'tools/demo.py', photo, f'--classes={answer.classes}', f'--config={config}']
        return shlex.join([*words, *(['--cfg-options', *options] if options else [])])


def takes_methods(model: Mapping) -> bool:
    """Whether a config's encoding pass also serves other methods; not if its last block needs the words."""
    return MODELS.get(model.type).takes_variants and not LastBlock.from_config(model.backbone).feedback


def existing(photo: Photo | None) -> Photo:
    """Return the photograph, or raise a `UserError` if the visitor has none or it has expired."""
    if photo is None:
        raise UserError('photograph: none yet; drop one, or take one of the examples')
    return photo


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
