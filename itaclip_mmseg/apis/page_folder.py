"""Several photographs on the page: small pictures of all, one answer for all, one file to download."""

import itertools
import shutil
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from itaclip_mmseg.apis.exports import merged_coco
from itaclip_mmseg.apis.images import read_image
from itaclip_mmseg.apis.page_photos import read_photo
from itaclip_mmseg.apis.page_session import OWN, Answer, Workbench
from itaclip_mmseg.apis.page_truth import Measurement, iou_rows, paired
from itaclip_mmseg.apis.segmentation import PARTS, result_files
from itaclip_mmseg.models.stages.encode import Track
from itaclip_mmseg.text.classes import bank_of_text
from itaclip_mmseg.utils.errors import Faults
from itaclip_mmseg.utils.resources import write_csv, write_json

THUMBNAIL = (240, 180)


def thumbnails(paths: Sequence[str], faults: Faults, track: Track = iter) -> list[tuple[str, Image.Image]]:
    """The photographs that can be read, with a small picture of each; `faults` keeps what is wrong with the others."""
    small = [(path, faults.result(thumbnail, path)) for path in track(paths)]
    return [(path, picture) for path, picture in small if picture is not None]


def thumbnail(path: str) -> Image.Image:
    """A photograph as a small picture."""
    photograph, _ = read_photo(path)
    return smaller(Image.fromarray(read_image(photograph)))


def smaller(picture: Image.Image) -> Image.Image:
    """A picture within `THUMBNAIL`."""
    picture.thumbnail(THUMBNAIL)
    return picture


class Segmented(NamedTuple):
    """What became of several photographs.

    Attributes:
        archive: a zip with overlays, label maps, class lists, COCO annotations, shares and IoU.
        pictures: small ones, with captions.
        figures: see `Measurement.figures`.
        measured: how many photographs have a label map.
        warnings: what the label maps lack, one line each.
    """

    archive: str
    pictures: list[tuple[Image.Image, str]]
    figures: dict[str, dict]
    measured: int
    warnings: list[str]


def segment_all(
    workbench: Workbench,
    paths: Sequence[str],
    label_maps: Sequence[str],
    chosen: tuple[str, Mapping[str, float], str | None],
    folder: str | Path,
    faults: Faults,
    track: Track = iter,
) -> Segmented:
    """Segment photographs one after the other; of each only its files and a small picture are kept.

    Args:
        label_maps: to measure with, named as their photographs.
        chosen: classes, values and method, see `Workbench.answer`.
        folder: where a new folder, whose name nobody guesses, is made.
        faults: keeps what is wrong with single photographs and label maps; the others are done.
    """
    place = Path(tempfile.mkdtemp(dir=folder)) / 'segmented'
    place.mkdir()
    names = unique_names(paths, workbench.methods)
    truths = paired(names, label_maps, faults)
    measurement = Measurement([entry.name for entry in bank_of_text(chosen[0]).classes])
    pictures, results = [], {}
    for path in track(paths):
        answer = faults.result(segment_one, workbench, path, chosen)
        if answer is None:
            continue
        faults.lines += answer.faults
        for title, result in answer.results.items():
            name = names[path] if title == OWN else f'{names[path]}_{title}'
            result.save(place / f'{name}.png', ('overlay', 'labels', 'classes'))
            results.setdefault(title, {})[f'{names[path]}{Path(path).suffix}'] = result.to_coco(), result.shares()
        if path in truths:
            faults.result(measurement.add, path, truths[path], answer.results)
        pictures.append((smaller(answer.results[OWN].painted()), names[path]))
    figures = measurement.figures()
    write_summaries(place, results, figures)
    warnings = measurement.warnings() if figures else []
    return Segmented(shutil.make_archive(str(place), 'zip', place), pictures, figures, measurement.number, warnings)


def segment_one(workbench: Workbench, path: str, chosen: tuple[str, Mapping[str, float], str | None]) -> Answer:
    """Encode and segment a photograph."""
    return workbench.answer(workbench.open(path), *chosen)


def unique_names(paths: Sequence[str], titles: Iterable[str] = ()) -> dict[str, str]:
    """What the files of each photograph are called: its name without suffix, or another where files of two would meet.

    Args:
        titles: of the methods whose files may lie beside.
    """
    stems = Counter(Path(path).stem for path in paths)
    ends = ['.png', *(f'_{title}.png' for title in titles)]
    names, taken = {}, set()
    for path in paths:
        file = Path(path)
        plain = file.stem if stems[file.stem] == 1 else file.name.replace('.', '_')
        for name in itertools.chain([plain], (f'{plain} ({number})' for number in itertools.count(2))):
            results = (str(result) for end in ends for result in result_files(f'{name}{end}', PARTS))
            files = {unicodedata.normalize('NFC', result).casefold() for result in results}
            if not files & taken:
                break
        taken |= files
        names[path] = name
    return names


def write_summaries(
    place: Path, results: Mapping[str, Mapping[str, tuple[dict, dict]]], figures: Mapping[str, dict]
) -> None:
    """`coco.json` of each method, `shares.csv` with a line for each photograph and method, and `iou.csv`."""
    rows = []
    for title, photographs in results.items():
        ending = '' if title == OWN else f'_{title}'
        content = merged_coco({name: coco for name, (coco, _) in photographs.items()})
        write_json(place / f'coco{ending}.json', content, indent=None)
        for name, (_, shares) in photographs.items():
            classes = sorted(shares)
            rows = rows or [['photograph', 'method', *classes]]
            rows.append([name, title, *(f'{shares[one]:.5f}' for one in classes)])
    write_csv(place / 'shares.csv', rows)
    if figures:
        write_csv(place / 'iou.csv', iou_rows(figures))
