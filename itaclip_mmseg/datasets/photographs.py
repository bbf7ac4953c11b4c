"""Transforms that keep the original photograph beside the resized image that the model encodes."""

from mmcv.transforms import BaseTransform
from mmengine.config import ConfigDict
from mmseg.datasets.transforms import PackSegInputs
from mmseg.registry import TRANSFORMS

from itaclip_mmseg.models.stages.photograph import Photograph

LOADING = ('LoadImageFromFile', 'LoadPhotograph', 'InferencerLoader', 'LoadImageFromNDArray')
PACKING = 'PackSegInputs'


@TRANSFORMS.register_module()
class KeepPhotograph(BaseTransform):
    """Keep the photograph as it was loaded; put this after the loading step."""

    def transform(self, results: dict) -> dict:
        """Add `photograph`, made from `img` (H x W x 3, BGR)."""
        return results | dict(photograph=Photograph(results['img'][..., ::-1].copy(), results.get('img_path')))


@TRANSFORMS.register_module()
class PackPhotograph(PackSegInputs):
    """`PackSegInputs` that also adds the photograph to a sample's metainfo, as `photograph`."""

    def transform(self, results: dict) -> dict:
        """Pack inputs and sample."""
        packed = super().transform(results)
        packed['data_samples'].set_metainfo(dict(photograph=results['photograph']))
        return packed


def keep_photographs(pipeline: list[ConfigDict]) -> None:
    """Change a test pipeline to keep photographs, in place; one that already does is unchanged."""
    if any(step.type == 'KeepPhotograph' for step in pipeline):
        return
    for step in pipeline:
        step.type = 'PackPhotograph' if step.type == PACKING else step.type
    loaded = [index for index, step in enumerate(pipeline) if step.type in LOADING]
    pipeline.insert(loaded[0] + 1 if loaded else 0, ConfigDict(type='KeepPhotograph'))
