"""MMSegmentation's loading transforms based on this package's readers of images and label maps.

Configs use MMSegmentation's transforms, because its inference functions look for them; `with_our_readers` replaces them
when a tool reads a config.
"""

from collections.abc import Mapping

from mmcv.transforms import LoadImageFromFile
from mmengine.config import ConfigDict
from mmseg.datasets.transforms import LoadAnnotations
from mmseg.registry import TRANSFORMS

from itaclip_mmseg.datasets.labels import IGNORED, as_trained, check_size, read_labels
from itaclip_mmseg.datasets.reading import read_photograph

OURS = {'LoadImageFromFile': 'LoadPhotograph', 'LoadAnnotations': 'LoadLabelMap'}


@TRANSFORMS.register_module()
class LoadPhotograph(LoadImageFromFile):
    """`LoadImageFromFile` that reports an unreadable file in one line."""

    def transform(self, results: dict) -> dict:
        """Read `img_path` and add `img`, `img_shape` and `ori_shape`."""
        image = read_photograph(results['img_path'])
        return results | dict(img=image, img_shape=image.shape[:2], ori_shape=image.shape[:2])


@TRANSFORMS.register_module()
class LoadLabelMap(LoadAnnotations):
    """`LoadAnnotations` that reads up to 16 bits, reports errors in one line, and accepts images without a label map.

    Args:
        ignored: the label of ignored pixels.
        kwargs: see `LoadAnnotations`.
    """

    def __init__(self, ignored: int = IGNORED, **kwargs) -> None:
        super().__init__(**kwargs)
        self.ignored = ignored

    def _load_seg_map(self, results: dict) -> None:
        path = results.get('seg_map_path')
        if path is None:
            return
        labels = read_labels(path)
        check_size(labels.shape, results['ori_shape'], path)
        results['gt_seg_map'] = as_trained(
            labels, results.get('reduce_zero_label'), results.get('label_map'), self.ignored
        )
        results['seg_fields'].append('gt_seg_map')


def with_ignored(dataset: ConfigDict, evaluator: object) -> None:
    """Pass the metric's `ignore_index` to the reader of label maps if it is not 255, in place."""
    ignored = evaluator.get('ignore_index', IGNORED) if isinstance(evaluator, dict) else IGNORED
    for step in label_steps(dataset) if ignored != IGNORED else ():
        step.ignored = ignored


def label_steps(dataset: ConfigDict) -> list[ConfigDict]:
    """The steps of a dataset's pipeline that read label maps with our reader."""
    steps = dataset.get('pipeline')
    steps = steps if isinstance(steps, list | tuple) else ()
    return [step for step in steps if isinstance(step, Mapping) and step.get('type') == OURS['LoadAnnotations']]


def with_our_readers(dataset: ConfigDict) -> None:
    """Replace the readers in a dataset's config by ours, and `BaseSegDataset` by `FolderDataset`, in place.

    A folder that is None, as set by --cfg-options, is removed, because MMEngine accepts only strings.
    """
    steps, prefix = dataset.get('pipeline'), dataset.get('data_prefix')
    if isinstance(steps, list | tuple):  # copied, as a config may share its steps with `test_pipeline`
        dataset.pipeline = [with_our_reader(step) if isinstance(step, Mapping) else step for step in steps]
    for step in label_steps(dataset):
        if step.get('reduce_zero_label') is not None:
            dataset.reduce_zero_label = step.pop('reduce_zero_label')  # where all readers of labels look for it
    if dataset.get('type') == 'BaseSegDataset':
        dataset.type = 'FolderDataset'
    if isinstance(prefix, Mapping):
        folders = {key: folder for key, folder in prefix.items() if folder is not None}
        dataset.data_prefix = ConfigDict(dict(img_path='') | folders)


def with_our_reader(step: Mapping) -> ConfigDict:
    """A pipeline step, with our reader if it reads a file."""
    return ConfigDict(step, type=OURS.get(step.get('type'), step.get('type')))
