"""A data set of one's own: photographs in one folder, label maps in another."""

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
    """MMSegmentation's `BaseSegDataset`, for photographs and label maps of any common suffix, in any case.

    A label map has the name of its photograph and lies at the same place below its own folder. Without such a folder
    (`data_prefix=dict(img_path='images')`) there are only photographs. Split files list names, with or
    without suffix.

    Args:
        img_suffix, seg_map_suffix: the one end of all names, as MMSegmentation takes it; None for any in `SUFFIXES`.
            Where both kinds lie in one folder, None is .jpg and .png.
        kwargs: see `BaseSegDataset`.

    Raises:
        UserError: two files of a folder share a name, so a label map cannot tell whose it is.
    """

    def __init__(self, img_suffix: str | None = None, seg_map_suffix: str | None = None, **kwargs) -> None:
        super().__init__(img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Photographs and their label maps, by name."""
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
    """Where a data set's photographs lie."""
    return dataset.data_prefix.get('img_path') or dataset.data_root or '.'


def files_by_name(folder: str, suffix: str | None, without: str | os.PathLike | None = None) -> dict[str, str]:
    """Image files below a folder by their place in it without suffix; see `files_below` for what is left out.

    Raises:
        UserError: two differ in the suffix alone.
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
    """The end of a file's name that is wanted: `suffix`, or any of `SUFFIXES` in any case; None where it has none."""
    if suffix:
        return suffix if name.endswith(suffix) else None
    end = os.path.splitext(name)[1]
    return end if end.lower() in SUFFIXES else None
