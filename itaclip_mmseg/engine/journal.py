"""What a test has counted so far, image by image, so that a killed run goes on where it was."""

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

PLACES = ('output_dir', 'image_dir', 'collect_dir', 'collect_device')  # of a metric; no figure depends on them


class Journal:
    """A file of lines, one an image, for each process; what a kill left half-written is passed over.

    Every line is sealed by a hash, as a flipped bit must not count either.

    Args:
        folder: where it lies.
        key: of the run; only a run of the same key goes on with it.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder, self.key, self.pattern = folder, key, f'.journal-{key}-*.jsonl'

    def read(self) -> dict[str, ImageCounts]:
        """Counts of all images done so far, by name, whichever process did them."""
        done = {}
        for path in sorted(self.folder.glob(self.pattern)):
            for content in read_sealed(path, self.key):
                entry = json.loads(content)
                counts = {name: unpack(text) for name, text in entry['counts'].items()}
                done[entry['image']] = ImageCounts(**entry | dict(counts=counts))
        return done

    def append(self, entries: Iterable[ImageCounts]) -> None:
        """Write down images. The newline comes first: it ends a line that a kill left half-written."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / self.pattern.replace('*', str(get_rank()))
        with naming(path), open(path, 'a', encoding='utf-8') as file:
            for entry in entries:
                counts = {name: pack(*pair) for name, pair in entry.counts.items()}
                file.write('\n' + sealed(json.dumps(entry._asdict() | dict(counts=counts)), self.key))

    def remove(self) -> None:
        """The run is complete."""
        for path in self.folder.glob(self.pattern):
            path.unlink(missing_ok=True)


def pack(cells: np.ndarray, counts: np.ndarray) -> str:
    """Cells of a confusion matrix and their counts as text."""
    return base64.b85encode(zlib.compress(np.stack([cells, counts]).astype(np.int64).tobytes())).decode()


def unpack(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Inverse of `pack`."""
    cells, counts = np.frombuffer(zlib.decompress(base64.b85decode(text)), np.int64).reshape(2, -1)
    return cells.astype(np.int32), counts


def run_key(config: Config, folders: Mapping[str, str] | None = None) -> str:
    """What counts depend on beside the files of the images: this version, model, weights, bank, data set, metric.

    Args:
        folders: that get a file for each image, by what lies in them.
    """
    model, dataset = config.model.to_dict(), config.test_dataloader.dataset.to_dict()
    metric = {key: value for key, value in config.test_evaluator.items() if key not in PLACES}
    weights = [(str(path), *stamp(path)) for path in weight_files(model)]
    bank = bank_of(config.model.text_bank)
    parts = (__version__, model, dataset, metric, weights, bank, sorted((folders or {}).items()))
    return combined(parts)[:16]


def data_state(images: Iterable[ImageCounts]) -> dict[str, str]:
    """What the files of all images were when they were counted, for `is_data_unchanged`."""
    files = sorted((one.image, one.files or []) for one in images)
    stamps = combined((image, [list(found[:2]) for found in prints]) for image, prints in files)
    return dict(stamps=stamps, contents=combined((image, [found[2] for found in prints]) for image, prints in files))


def is_data_unchanged(state: Mapping[str, str], files: Mapping[str, Sequence[str]]) -> bool:
    """Are the files of all images what they were? Sizes and time stamps are enough where all agree.

    Args:
        state: as of `data_state`.
        files: of each image, by image.
    """
    try:
        if state['stamps'] == combined((image, [stamp(path) for path in files[image]]) for image in sorted(files)):
            return True
        contents = ((image, [content_hash(path) for path in files[image]]) for image in sorted(files))
        return state['contents'] == combined(contents)
    except (KeyError, TypeError, OSError):
        return False
