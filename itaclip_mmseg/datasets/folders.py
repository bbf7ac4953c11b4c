"""Your own dataset: images in one folder, label maps in another."""

import os
from collections import defaultdict

from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from itaclip_mmseg.datasets.reading import SUFFIXES
from itaclip_mmseg.datasets.splits import split_names
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.folders import each_once, files_below


@DATASETS.register_module()
class FolderDataset(BaseSegDataset):
    """MMSegmentation's `BaseSegDataset` for images and label maps with any common suffix, in any case.

    A label map has the same name and relative path as its image, below its own folder. Without a folder of label maps
    (`data_prefix=dict(img_path='images')`) the dataset has only images. Split files list names with or without suffix.

    Args:
        img_suffix, seg_map_suffix: suffix of all files, as in MMSegmentation; None for any in `SUFFIXES`, or for .jpg
            and .png if images and label maps are in the same folder.
        kwargs: see `BaseSegDataset`.

    Raises:
        UserError: two files of a folder differ only in their suffix, so label maps cannot be assigned.
    """

    def __init__(self, img_suffix: str | None = None, seg_map_suffix: str | None = None, **kwargs) -> None:
        super().__init__(img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Pair images and label maps by name."""
        images, maps = image_folder(self), self.data_prefix.get('seg_map_path')
        shared = maps is not None and os.path.normpath(images) == os.path.normpath(maps)
        if shared:
            self.img_suffix, self.seg_map_suffix = self.img_suffix or '.jpg', self.seg_map_suffix or '.png'
        found = files_by_name(images, self.img_suffix)
        truths = {} if maps is None else files_by_name(maps, self.seg_map_suffix)
        once = set(each_once(found.values()))
        names = [name for name in sorted(found, key=found.get) if found[name] in once]
        if self.ann_file:
            names = split_names(self.ann_file, found.__contains__, images)
        samples = []
        for name in names:
            sample = dict(img_path=found.get(name, os.path.join(images, name + (self.img_suffix or '.jpg'))))
            if maps is not None:
                absent = os.path.join(maps, name + (self.seg_map_suffix or '.png'))
                sample['seg_map_path'] = truths.get(name, absent)
            sample |= dict(label_map=self.label_map, reduce_zero_label=self.reduce_zero_label, seg_fields=[])
            samples.append(sample)
        return samples


def image_folder(dataset: BaseSegDataset) -> str:
    """The folder of a dataset's images."""
    return dataset.data_prefix.get('img_path') or dataset.data_root or '.'


def files_by_name(folder: str, suffix: str | None, without: str | os.PathLike | None = None) -> dict[str, str]:
    """Image files below a folder, by relative path without suffix; see `files_below` for what is skipped.

    Raises:
        UserError: two files differ only in their suffix.
    """
    files, start = defaultdict(list), os.path.join(folder, '')
    for path in files_below(folder, without):
        end = suffix_of(path, suffix)
        if end:
            files[path.removeprefix(start).replace(os.sep, '/')[: -len(end)]].append(path)
    for paths in files.values():
        if len(paths) > 1:
            first, second = sorted(paths)[:2]
            raise UserError(f'{first}: shares its name with {second}; rename one, or set img_suffix or seg_map_suffix')
    return {name: paths[0] for name, paths in files.items()}


def suffix_of(name: str, suffix: str | None) -> str | None:
    """The suffix of a file name if it is `suffix` or, without one, any of `SUFFIXES` in any case; None otherwise."""
    if suffix:
        return suffix if name.endswith(suffix) else None
    end = os.path.splitext(name)[1]
    return end if end.lower() in SUFFIXES else None
