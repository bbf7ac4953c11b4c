"""A segmented image: drawing, saving and exporting it."""

import io
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from itaclip_mmseg.apis.exports import coco_annotations, to_detections
from itaclip_mmseg.utils.colours import distinct_colours
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.outputs import Output, check_outputs, save_result
from itaclip_mmseg.utils.resources import write_json
from itaclip_mmseg.visualization.overlay import draw_panels, overlay

if TYPE_CHECKING:
    from supervision import Detections

ENDINGS = dict(overlay='.png', labels='_labels.png', classes='_classes.json', coco='_coco.json')
PARTS = tuple(ENDINGS)


@dataclass(frozen=True)
class Segmentation:
    """A segmented image.

    Attributes:
        image: H x W x 3 uint8, RGB.
        labels: H x W int64, indices of `names`.
        scores: C x H x W float32; `labels` is their argmax before thresholds and closing. None unless requested.
        names: class names.
        background: whether label 0 is the background, which is not painted and not exported.
        notes: other results of the method, by name, such as `tags`.
    """

    image: np.ndarray
    labels: np.ndarray
    scores: np.ndarray | None
    names: tuple[str, ...]
    background: bool = False
    notes: Mapping[str, dict] = field(default_factory=dict)

    @cached_property
    def colours(self) -> list[tuple[int, int, int]]:
        """RGB by label."""
        return distinct_colours(len(self.names))

    def shares(self) -> dict[str, float]:
        """Share of the image's area by class, largest first."""
        counts = np.bincount(self.labels.ravel(), minlength=len(self.names)) / self.labels.size
        return {self.names[label]: float(counts[label]) for label in np.argsort(-counts, kind='stable')}

    def tag_line(self) -> str:
        """Tags of the image with their scores, best first; empty for methods without tags."""
        if 'tags' not in self.notes:
            return ''
        scores = self.notes['tags']['scores']
        names = sorted(self.notes['tags']['names'], key=scores.get, reverse=True)
        return 'tags: ' + ', '.join(f'{name} {scores[name]:.2f}' for name in names)

    def painted(self, shown: Collection[str] | None = None) -> Image.Image:
        """Paint the labels over the image and name large regions; only classes in `shown`, None for all."""
        labels = self.labels
        if shown is not None:
            kept = [label for label, name in enumerate(self.names) if name in shown]
            unpainted = 0 if self.background else len(self.names)
            labels = np.where(np.isin(labels, kept), labels, unpainted)
        return overlay(self.image, labels, self.names, self.colours, self.background)

    def overlay(self) -> Image.Image:
        """The image, beside it the image with painted labels, and a legend."""
        return draw_panels(self.image, {'segmentation': self.labels}, self.names, self.colours, self.background)

    def label_image(self) -> Image.Image:
        """Labels as an image: 8 bits with the class colours as palette; 16 bits for more than 256 classes."""
        if len(self.names) > 256:
            return Image.fromarray(self.labels.astype(np.uint16))
        picture = Image.fromarray(self.labels.astype(np.uint8))
        picture.putpalette([channel for colour in self.colours for channel in colour])
        return picture

    def class_list(self) -> list[dict]:
        """Label, name, colour and share of every class."""
        shares = self.shares()
        return [
            dict(label=label, name=name, colour=list(self.colours[label]), share=shares[name])
            for label, name in enumerate(self.names)
        ]

    def save(self, path: str | os.PathLike, parts: tuple[str, ...] = ('overlay', 'labels', 'classes')) -> list[Path]:
        """Write files named after `path`; a suffix .png or .json is ignored.

        Args:
            path: `out/dog` writes out/dog.png, out/dog_labels.png, out/dog_classes.json and out/dog_coco.json.
            parts: 'overlay' with its legend, 'labels' (see `label_image`), 'classes' (see `class_list`), 'coco'
                (annotations with run lengths; needs pycocotools).

        Returns:
            The written files.

        Raises:
            UserError: a part is unknown, pycocotools is not installed, or a file of that name exists that this package
                did not write, such as the photograph itself.
        """
        files = result_files(path, parts)
        check_outputs([Output(file, path) for file in files], [])
        makers = dict(overlay=self.overlay, labels=self.label_image, classes=self.class_list, coco=self.to_coco)
        for part, file in zip(parts, files):
            write_part(file, part, makers[part]())
        return files

    def to_coco(self) -> dict:
        """COCO's JSON of the image: one annotation per class, with its mask as RLE."""
        return coco_annotations(self.labels, self.names, self.background)

    def to_supervision(self) -> 'Detections':
        """Detections of the library supervision: one mask and box per class."""
        return to_detections(self.labels, self.names, self.background)

    def _repr_png_(self) -> bytes:
        """Display in notebooks."""
        buffer = io.BytesIO()
        self.overlay().save(buffer, 'PNG')
        return buffer.getvalue()


def result_files(path: str | os.PathLike, parts: Sequence[str]) -> list[Path]:
    """The files that `Segmentation.save` writes."""
    for part in parts:
        if part not in ENDINGS:
            raise UserError(f'parts={part!r}: not known; allowed: {", ".join(PARTS)}')
    path = Path(path)
    stem = path.with_suffix('') if path.suffix.lower() in ('.png', '.json') else path
    return [stem.with_name(stem.name + ENDINGS[part]) for part in parts]


def write_part(path: Path, part: str, content: Image.Image | list | dict) -> None:
    """Write a part of `Segmentation.save` whole or not at all."""
    if isinstance(content, Image.Image):
        save_result(content, path, compress_level=1)
    else:
        write_json(path, content, indent=2 if part == 'classes' else None)
