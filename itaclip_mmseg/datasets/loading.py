"""MMSegmentation's loading steps on our one reader of photographs and label maps.

Configs name MMSegmentation's own steps, because its inference functions look for them; `with_our_readers` puts these in
their place where a tool reads a config.
"""

from collections.abc import Mapping

from mmcv.transforms import LoadImageFromFile
from mmengine.config import ConfigDict
from mmseg.datasets.transforms import LoadAnnotations
from mmseg.registry import TRANSFORMS

from itaclip_mmseg.datasets.reading import IGNORED, as_trained, check_size, read_labels, read_photograph

OURS = {'LoadImageFromFile': 'LoadPhotograph', 'LoadAnnotations': 'LoadLabelMap'}


@TRANSFORMS.register_module()
class LoadPhotograph(LoadImageFromFile):
    """`LoadImageFromFile` whose faults are one line that names the file."""

    def transform(self, results: dict) -> dict:
        """Add `img`, `img_shape` and `ori_shape` by `img_path`."""
        image = read_photograph(results['img_path'])
        return results | dict(img=image, img_shape=image.shape[:2], ori_shape=image.shape[:2])


@TRANSFORMS.register_module()
class LoadLabelMap(LoadAnnotations):
    """`LoadAnnotations` that reads labels whole, says in a line what is wrong, and lets images without a map pass.

    Args:
        ignored: the label of pixels that do not count.
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
    """Let the reader of label maps know the label that a metric ignores, where it is not 255; in place."""
    ignored = evaluator.get('ignore_index', IGNORED) if isinstance(evaluator, dict) else IGNORED
    for step in label_steps(dataset) if ignored != IGNORED else ():
        step.ignored = ignored


def label_steps(dataset: ConfigDict) -> list[ConfigDict]:
    """The steps of a data set's pipeline that read label maps by our reader."""
    steps = dataset.get('pipeline')
    steps = steps if isinstance(steps, list | tuple) else ()
    return [step for step in steps if isinstance(step, Mapping) and step.get('type') == OURS['LoadAnnotations']]


def with_our_readers(dataset: ConfigDict) -> None:
    """Let a data set's config use our readers and, for two plain folders, our data set; in place.

    A folder that is None, as --cfg-options can say it, is left out: MMEngine takes only texts.
    """
    steps, prefix = dataset.get('pipeline'), dataset.get('data_prefix')
    if isinstance(steps, list | tuple):  # copied, as a config may share its steps with `test_pipeline`
        dataset.pipeline = [with_our_reader(step) if isinstance(step, Mapping) else step for step in steps]
    for step in label_steps(dataset):
        if step.get('reduce_zero_label') is not None:
            dataset.reduce_zero_label = step.pop('reduce_zero_label')  # so that all who read labels know it
    if dataset.get('type') == 'BaseSegDataset':
        dataset.type = 'FolderDataset'
    if isinstance(prefix, Mapping):
        folders = {key: folder for key, folder in prefix.items() if folder is not None}
        dataset.data_prefix = ConfigDict(dict(img_path='') | folders)


def with_our_reader(step: Mapping) -> ConfigDict:
    """A step of a pipeline with our reader, where it is one that reads."""
    return ConfigDict(step, type=OURS.get(step.get('type'), step.get('type')))
