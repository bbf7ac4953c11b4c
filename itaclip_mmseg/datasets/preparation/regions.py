"""Writing region maps of images or label maps to files, for `model.regions.type=files`."""

from pathlib import Path

import cv2
import numpy as np
from mmengine.device import get_device

from itaclip_mmseg.datasets.reading import IGNORED, SUFFIXES, read_labels, read_photograph
from itaclip_mmseg.models.stages.photograph import Photograph
from itaclip_mmseg.models.stages.regions import RegionMaps, write_regions
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.progress import track


def write_region_maps(folder: Path, out: Path, regions: str | dict | None, device: str | None = None) -> int:
    """Write STEM.npz for every image below a folder; existing maps are kept.

    Args:
        folder: folder of images; without `regions`, of label maps.
        out: folder for the maps.
        regions: a value of `model.regions`; None uses the regions of ground-truth label maps, as an upper bound.
        device: device that networks run on; None for the best available one.

    Returns:
        The number of maps.

    Raises:
        UserError: there are no images, two share a name, one is damaged, or the generator is invalid.
    """
    generator = None if regions is None else RegionMaps(regions)
    targets = find_targets(folder, out)
    for target, path in track([(*pair,) for pair in targets.items() if not pair[0].is_file()], 'region maps'):
        if generator is None:
            write_regions(target, connected_regions(read_labels(path)))
        else:
            photograph = Photograph(np.ascontiguousarray(read_photograph(path)[..., ::-1]), str(path))
            write_regions(target, generator(photograph, device or get_device()).cpu().numpy().astype(np.int32))
    return len(targets)


def find_targets(folder: Path, out: Path) -> dict[Path, Path]:
    """The images below a folder, by the file that will be written for each."""
    found: dict[Path, Path] = {}
    for path in sorted(path for path in folder.rglob('*') if path.suffix.lower() in SUFFIXES):
        target = out / f'{path.stem}.npz'
        if target in found:
            raise UserError(
                f'{path}: shares its name with {found[target]}, so one map would replace the other; rename it'
            )
        found[target] = path
    if not found:
        raise UserError(f'{folder}: contains no images; allowed: {", ".join(SUFFIXES)}')
    return found


def connected_regions(labels: np.ndarray) -> np.ndarray:
    """Number the connected components of equal labels from 1; 0 for ignored pixels."""
    regions, number = np.zeros(labels.shape, np.int32), 0
    for label in np.setdiff1d(labels, [IGNORED]):
        count, parts = cv2.connectedComponents((labels == label).astype(np.uint8))
        regions[parts > 0] = parts[parts > 0] + number
        number += count - 1
    return regions
