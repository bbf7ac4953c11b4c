"""Several photographs on the page: small pictures of all, one answer for all, one file to download."""

import csv
import io
import itertools
import json
import shutil
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from PIL import Image

from itaclip_mmseg.apis.exports import merged_coco
from itaclip_mmseg.apis.page_session import OWN, Answer, Workbench, read_photo
from itaclip_mmseg.apis.segmentation import PARTS, result_files
from itaclip_mmseg.apis.segmenter import read_image
from itaclip_mmseg.models.stages.encode import Track
from itaclip_mmseg.utils.errors import Faults
from itaclip_mmseg.utils.resources import written_whole

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


def segment_all(
    workbench: Workbench,
    paths: Sequence[str],
    classes: str,
    values: Mapping[str, float],
    method: str | None,
    folder: str | Path,
    faults: Faults,
    track: Track = iter,
) -> tuple[str, list[tuple[Image.Image, str]]]:
    """Segment photographs one after the other; of each only its files and a small picture are kept.

    Args:
        classes, values, method: see `Workbench.answer`.
        folder: where a new folder, whose name nobody guesses, is made.
        faults: keeps what is wrong with single photographs; the others are done.

    Returns:
        A zip with overlays, label maps, class lists, COCO annotations and shares, and the small pictures with captions.
    """
    place = Path(tempfile.mkdtemp(dir=folder)) / 'segmented'
    place.mkdir()
    names = unique_names(paths, workbench.methods)
    pictures, results = [], {}
    for path in track(paths):
        answer = faults.result(segment_one, workbench, path, classes, values, method)
        if answer is None:
            continue
        for title, result in answer.results.items():
            name = names[path] if title == OWN else f'{names[path]}_{title}'
            result.save(place / f'{name}.png', ('overlay', 'labels', 'classes'))
            results.setdefault(title, {})[f'{names[path]}{Path(path).suffix}'] = result.to_coco(), result.shares()
        pictures.append((smaller(answer.results[OWN].painted()), names[path]))
    write_summaries(place, results)
    return shutil.make_archive(str(place), 'zip', place), pictures


def segment_one(
    workbench: Workbench, path: str, classes: str, values: Mapping[str, float], method: str | None
) -> Answer:
    """Encode and segment a photograph."""
    return workbench.answer(workbench.open(path), classes, values, method)


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


def write_summaries(place: Path, results: Mapping[str, Mapping[str, tuple[dict, dict]]]) -> None:
    """`coco.json` of all photographs for each method, and `shares.csv`, a line for each photograph and method."""
    table = io.StringIO()
    writer = csv.writer(table)
    for title, photographs in results.items():
        ending = '' if title == OWN else f'_{title}'
        content = merged_coco({name: coco for name, (coco, _) in photographs.items()})
        with written_whole(place / f'coco{ending}.json') as temporary:
            temporary.write_text(json.dumps(content) + '\n', encoding='utf-8')
        for name, (_, shares) in photographs.items():
            classes = sorted(shares)
            if not table.tell():
                writer.writerow(['photograph', 'method', *classes])
            writer.writerow([name, title, *(f'{shares[one]:.5f}' for one in classes)])
    with written_whole(place / 'shares.csv') as temporary:
        temporary.write_text(table.getvalue(), encoding='utf-8')
