"""The journal of a test: counts per image, so that a killed run can resume."""

import base64
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.dist import get_rank

from itaclip_mmseg.evaluation.iou import ImageCounts
from itaclip_mmseg.models.backbones.weights import weight_files
from itaclip_mmseg.text.classes import bank_of
from itaclip_mmseg.utils.fingerprints import combined, content_hash, stamp
from itaclip_mmseg.utils.resources import naming
from itaclip_mmseg.utils.sealed_lines import read_sealed, sealed
from itaclip_mmseg.version import __version__

PLACES = ('output_dir', 'image_dir', 'collect_dir', 'collect_device')  # keys of a metric that do not change its results


class Journal:
    """A file per process with one line per image; incomplete lines of a killed run are skipped.

    Every line has a hash, so that damaged lines are skipped, too.

    Args:
        folder: folder of the files.
        key: key of the run; only runs with the same key resume from it.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder, self.key, self.pattern = folder, key, f'.journal-{key}-*.jsonl'

    def read(self) -> dict[str, ImageCounts]:
        """Counts of all finished images, by name, from all processes."""
        done = {}
        for path in sorted(self.folder.glob(self.pattern)):
            for content in read_sealed(path, self.key):
                entry = json.loads(content)
                counts = {name: unpack(text) for name, text in entry['counts'].items()}
                done[entry['image']] = ImageCounts(**entry | dict(counts=counts))
        return done

    def append(self, entries: Iterable[ImageCounts]) -> None:
        """Append images. The newline comes first, to end an incomplete line of a killed run."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / self.pattern.replace('*', str(get_rank()))
        with naming(path), open(path, 'a', encoding='utf-8') as file:
            for entry in entries:
                counts = {name: pack(*pair) for name, pair in entry.counts.items()}
                file.write('\n' + sealed(json.dumps(entry._asdict() | dict(counts=counts)), self.key))

    def remove(self) -> None:
        """Remove the files of a finished run."""
        for path in self.folder.glob(self.pattern):
            path.unlink()


def pack(cells: np.ndarray, counts: np.ndarray) -> str:
    """Encode cells of a confusion matrix and their counts as text."""
    return base64.b85encode(zlib.compress(np.stack([cells, counts]).astype(np.int64).tobytes())).decode()


def unpack(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Undo `pack`."""
    cells, counts = np.frombuffer(zlib.decompress(base64.b85decode(text)), np.int64).reshape(2, -1)
    return cells.astype(np.int32), counts


def run_key(config: Config, folders: Mapping[str, str] | None = None) -> str:
    """A hash of everything that counts depend on besides the images' files.

    These are the package version, model, weights, text bank, dataset and metric.

    Args:
        folders: output folders that get a file for each image, by kind of output.
    """
    model, dataset = config.model.to_dict(), config.test_dataloader.dataset.to_dict()
    metric = {key: value for key, value in config.test_evaluator.items() if key not in PLACES}
    weights = [(str(path), *stamp(path)) for path in weight_files(model)]
    bank = bank_of(config.model.text_bank)
    parts = (__version__, model, dataset, metric, weights, bank, sorted((folders or {}).items()))
    return combined(parts)[:16]


def data_state(images: Iterable[ImageCounts]) -> dict[str, str]:
    """Hashes of the files of all images when they were counted, for `is_data_unchanged`."""
    files = sorted((one.image, one.files or []) for one in images)
    stamps = combined((image, [list(found[:2]) for found in prints]) for image, prints in files)
    return dict(stamps=stamps, contents=combined((image, [found[2] for found in prints]) for image, prints in files))


def is_data_unchanged(state: Mapping[str, str], files: Mapping[str, Sequence[str]]) -> bool:
    """Whether the files of all images are unchanged; their contents are read only if a size or time stamp differs.

    Args:
        state: from `data_state`.
        files: files of each image, by image.
    """
    try:
        if state['stamps'] == combined((image, [stamp(path) for path in files[image]]) for image in sorted(files)):
            return True
        contents = ((image, [content_hash(path) for path in files[image]]) for image in sorted(files))
        return state['contents'] == combined(contents)
    except (KeyError, TypeError, OSError):
        return False
