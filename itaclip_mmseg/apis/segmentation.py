"""A segmented image: what it shows, saves and hands to other libraries."""

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
        labels: H x W int64, each an index of `names`.
        scores: C x H x W float32, of which `labels` are the best before thresholds and closing; None unless asked for.
        names: of the classes.
        background: label 0 is the background, which overlays leave unpainted and exports leave out.
        notes: what else the method says of the image, by name, such as its `tags`.
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
        """The image's tags with their scores, best first; empty of a method that does not tag."""
        if 'tags' not in self.notes:
            return ''
        scores = self.notes['tags']['scores']
        names = sorted(self.notes['tags']['names'], key=scores.get, reverse=True)
        return 'tags: ' + ', '.join(f'{name} {scores[name]:.2f}' for name in names)

    def painted(self, shown: Collection[str] | None = None) -> Image.Image:
        """The labels painted over the image, large regions named; only the classes named in `shown`, None for all."""
        labels = self.labels
        if shown is not None:
            kept = [label for label, name in enumerate(self.names) if name in shown]
            unpainted = 0 if self.background else len(self.names)
            labels = np.where(np.isin(labels, kept), labels, unpainted)
        return overlay(self.image, labels, self.names, self.colours, self.background)

    def overlay(self) -> Image.Image:
        """The image beside its labels painted over it, with a legend."""
        return draw_panels(self.image, {'segmentation': self.labels}, self.names, self.colours, self.background)

    def label_image(self) -> Image.Image:
        """The labels as a picture: 8 bits with the classes' colours as palette, 16 bits above 256 classes."""
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
        """Write files named after `path`, whose suffix, if it is .png or .json, does not count.

        Args:
            path: where; `out/dog` writes out/dog.png, out/dog_labels.png, out/dog_classes.json, out/dog_coco.json.
            parts: 'overlay' with its legend, 'labels' (see `label_image`), 'classes' (see `class_list`), 'coco'
                (annotations with run lengths; needs pycocotools).

        Returns:
            The files.

        Raises:
            UserError: a part that there is not, pycocotools is missing, or a file of that name is there that this
                package did not write, such as the photograph itself.
        """
        files = result_files(path, parts)
        check_outputs([Output(file, path) for file in files], [])
        makers = dict(overlay=self.overlay, labels=self.label_image, classes=self.class_list, coco=self.to_coco)
        for part, file in zip(parts, files):
            write_part(file, part, makers[part]())
        return files

    def to_coco(self) -> dict:
        """COCO's JSON of one image: an annotation a class, its mask as run lengths."""
        return coco_annotations(self.labels, self.names, self.background)

    def to_supervision(self) -> 'Detections':
        """The library supervision's detections: a mask and box a class."""
        return to_detections(self.labels, self.names, self.background)

    def _repr_png_(self) -> bytes:
        """How a notebook shows it."""
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
