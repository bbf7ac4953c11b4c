"""What a test has counted so far, image by image, so that a killed run goes on where it was."""

import base64
import hashlib
import json
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.dist import get_rank

from itaclip_mmseg.evaluation.iou import ImageCounts
from itaclip_mmseg.models.backbones.weights import weight_files
from itaclip_mmseg.text.bank import load_bank
from itaclip_mmseg.utils.resources import naming
from itaclip_mmseg.utils.sealed_lines import read_sealed, sealed


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


def run_key(config: Config, show_dir: str | None = None, out_dir: str | None = None) -> str:
    """What counts depend on: model, weights, text bank, data set; and the folders that get something for each image."""
    model, dataset = config.model.to_dict(), config.test_dataloader.dataset.to_dict()
    weights = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in weight_files(model)]
    parts = (model, dataset, weights, load_bank(config.model.text_bank), show_dir, out_dir)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
