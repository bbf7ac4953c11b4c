"""Errors for a folder of label maps in which none matches an image: what it contains instead."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mmseg.datasets import BaseSegDataset

from itaclip_mmseg.datasets.reading import SUFFIXES
from itaclip_mmseg.utils.folders import files_below

YOLO = re.compile(r'\s*\d+(\s+-?[\d.]+(e-?\d+)?){4,}\s*')  # a class, and a box or an outline
JSON_KEYS = {'shapes': 'labelme', 'annotations': 'COCO', 'categories': 'COCO', 'objects': 'Cityscapes or Supervisely'}
READ = 1 << 20  # bytes read of an annotation file
GUIDE = 'data/README.md lists tools that convert annotations to label maps'


def map_faults(dataset: BaseSegDataset, samples: Sequence[dict]) -> list[str]:
    """An error line if no image has a label map although the folder of label maps is not empty."""
    maps = [Path(sample['seg_map_path']) for sample in samples if sample.get('seg_map_path')]
    folder = dataset.data_prefix.get('seg_map_path')
    if not maps or not folder or any(path.is_file() for path in maps):
        return []
    photographs = {Path(sample['img_path']) for sample in samples}  # they may be in the same folder
    files = [path for path in map(Path, files_below(folder)) if path not in photographs]
    if not files:
        return []
    wanted = f'{maps[0].name} for {Path(samples[0]["img_path"]).name}'
    pictures = [path for path in files if path.suffix.lower() in SUFFIXES or path.suffix == dataset.seg_map_suffix]
    if pictures:
        hint = suffix_hint(maps, pictures, dataset.seg_map_suffix)
        if dataset.ann_file and 'seg_map_suffix' not in hint:
            return []  # a split file may list only images whose label maps are missing
        return [f'{folder}: none of its {len(pictures)} label maps matches an image (expected {wanted}); {hint}']
    kinds = Counter(kind_of(path) for path in files)
    there = ', '.join(f'{number} {kind}' for kind, number in kinds.most_common(5))
    return [f'{folder}: contains no label maps (expected {wanted}), but {there}; {GUIDE}']


def suffix_hint(maps: Sequence[Path], pictures: Sequence[Path], suffix: str | None) -> str:
    """What to do if file names differ from those expected of label maps."""
    stems = {path.name.removesuffix(suffix or path.suffix) for path in maps}
    ends = Counter(path.name[len(stem) :] for path in pictures for stem in stems if path.name.startswith(stem))
    there = f'found {", ".join(path.name for path in sorted(pictures)[:2])}'
    return f'{there}; set seg_map_suffix={ends.most_common(1)[0][0]!r}' if ends else f'{there}; rename them'


def beside(path: Path) -> str:
    """Part of the message for a missing label map: files with the same name and another suffix."""
    try:
        others = sorted(one.name for one in path.parent.iterdir() if one.name.startswith(f'{path.stem}.'))
    except OSError:
        others = []
    return f', but {", ".join(others[:3])} exists; set seg_map_suffix, or convert it to a label map' if others else ''


def kind_of(path: Path) -> str:
    """The kind of a file by its suffix, or by its content if it is an annotation."""
    suffix = path.suffix.lower()
    try:
        with open(path, 'rb') as file:
            start = file.read(READ)
    except OSError:
        start = b''
    if suffix == '.txt' and YOLO.fullmatch(start.partition(b'\n')[0].decode(errors='replace')):
        return '.txt of YOLO (one box or outline per line)'
    if suffix == '.json':
        return f'.json{json_kind(start)}'
    if suffix == '.xml' and b'<annotation' in start:
        return '.xml (annotations of Pascal VOC or CVAT)'
    return suffix or 'files without suffix'


def json_kind(start: bytes) -> str:
    """The tool of a JSON annotation: ' of labelme', ' of COCO', or an empty text."""
    try:
        keys = set(json.loads(start))
    except (ValueError, TypeError, RecursionError):  # truncated or not an object: search the text
        keys = {key for key in JSON_KEYS if f'"{key}"'.encode() in start}
    return next((f' of {kind}' for key, kind in JSON_KEYS.items() if key in keys), '')
