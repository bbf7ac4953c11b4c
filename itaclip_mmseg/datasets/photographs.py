"""Steps of a test pipeline that keep the photograph beside the image which the pipeline resizes and a model encodes."""

from mmcv.transforms import BaseTransform
from mmengine.config import ConfigDict
from mmseg.datasets.transforms import PackSegInputs
from mmseg.registry import TRANSFORMS

from itaclip_mmseg.models.stages.photograph import Photograph

LOADING = ('LoadImageFromFile', 'LoadPhotograph', 'InferencerLoader', 'LoadImageFromNDArray')
PACKING = 'PackSegInputs'


@TRANSFORMS.register_module()
class KeepPhotograph(BaseTransform):
    """Keep the photograph as it was read: the step after the one that loads it."""

    def transform(self, results: dict) -> dict:
        """Add `photograph` by `img`, H x W x 3, BGR."""
        return results | dict(photograph=Photograph(results['img'][..., ::-1].copy(), results.get('img_path')))


@TRANSFORMS.register_module()
class PackPhotograph(PackSegInputs):
    """MMSegmentation's last step, which also hands on the photograph: `photograph` in the metainfo of a sample."""

    def transform(self, results: dict) -> dict:
        """Inputs and sample."""
        packed = super().transform(results)
        packed['data_samples'].set_metainfo(dict(photograph=results['photograph']))
        return packed


def keep_photographs(pipeline: list[ConfigDict]) -> None:
    """Let a test pipeline keep photographs; in place. One that does so already stays as it is."""
    if any(step.type == 'KeepPhotograph' for step in pipeline):
        return
    for step in pipeline:
        step.type = 'PackPhotograph' if step.type == PACKING else step.type
    loaded = [index for index, step in enumerate(pipeline) if step.type in LOADING]
    pipeline.insert(loaded[0] + 1 if loaded else 0, ConfigDict(type='KeepPhotograph'))
