"""Writing region maps of images or label maps to files, for `model.regions.type=files`."""

from functools import partial
from pathlib import Path

import cv2
import numpy as np
from mmengine.device import get_device

from itaclip_mmseg.datasets.labels import IGNORED, read_labels
from itaclip_mmseg.datasets.preparation.convert import Conversion, Item, convert_all
from itaclip_mmseg.datasets.preparation.record import Record, digest, file_digest
from itaclip_mmseg.datasets.reading import SUFFIXES, read_photograph
from itaclip_mmseg.models.stages.photograph import Photograph
from itaclip_mmseg.models.stages.regions import RegionMaps, write_regions
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.folders import NOT_READ, each_once, files_below


def write_region_maps(folder: Path, out: Path, regions: str | dict | None, device: str | None = None) -> Conversion:
    """Write STEM.npz for every image below a folder; up-to-date maps are kept.

    Args:
        folder: folder of images; without `regions`, of label maps.
        out: folder for the maps.
        regions: a value of `model.regions`; None uses the regions of ground-truth label maps, as an upper bound.
        device: device that networks run on; None for the best available one.

    Raises:
        UserError: there are no images, two share a name, one is damaged, the generator is invalid, or a map exists that
            this function did not write.
    """
    maps = None if regions is None else RegionMaps(regions)
    made_of = 'truth' if maps is None else maps.generator.version()
    targets = find_targets(folder, out)
    items = [Item(target, digest(made_of, file_digest(path)), path) for target, path in targets.items()]
    job = partial(write_map, maps, device or get_device())
    return convert_all(job, items, Record(out, 'make_regions'), targets.values(), workers=1, kind='region maps')


def write_map(maps: RegionMaps | None, device: str, item: Item) -> None:
    """Write the region map of one image; without `maps`, of a label map."""
    path = item.arguments
    if maps is None:
        regions = connected_regions(read_labels(path))
    else:
        photograph = Photograph(np.ascontiguousarray(read_photograph(path)[..., ::-1]), str(path))
        regions = maps(photograph, device).numpy().astype(np.int32)
    write_regions(item.target, regions)


def find_targets(folder: Path, out: Path) -> dict[Path, Path]:
    """The images below a folder, by the file that will be written for each."""
    found: dict[Path, Path] = {}
    if not folder.is_dir():
        raise UserError(f'{folder}: no such folder; give the folder of the images')
    pictures = sorted(map(Path, each_once(files_below(folder))))
    for path in (path for path in pictures if path.suffix.lower() in SUFFIXES):
        target = out / f'{path.stem}.npz'
        if target in found:
            raise UserError(
                f'{path}: shares its name with {found[target]}, so one map would replace the other; rename it'
            )
        found[target] = path
    if not found:
        raise UserError(f'{folder}: contains no images ({NOT_READ}); allowed: {", ".join(SUFFIXES)}')
    return found


def connected_regions(labels: np.ndarray) -> np.ndarray:
    """Number the connected components of equal labels from 1; 0 for ignored pixels."""
    regions, number = np.zeros(labels.shape, np.int32), 0
    for label in np.setdiff1d(labels, [IGNORED]):
        count, parts = cv2.connectedComponents((labels == label).astype(np.uint8))
        regions[parts > 0] = parts[parts > 0] + number
        number += count - 1
    return regions
