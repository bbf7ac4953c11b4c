"""Settings of Trident that may change without encoding an image again."""

from dataclasses import dataclass

from itaclip_mmseg.settings import Decision, check_count, check_share
from itaclip_mmseg.utils.checks import check, is_number


@dataclass(frozen=True)
class TridentSettings(Decision):
    """Keys of the method's config.

    Args:
        logit_scale: factor of the cosines before the softmax.
        refine: let SAM draw the regions of the answer again.
        confidence_threshold: pixels whose best score is below belong to no region.
        minimal_area: of a region, in pixels of half the image's size.
        mask_factor: of the scores as a mask that prompts SAM.
        iou_threshold: masks that SAM itself does not expect to be better are not used.
    """

    logit_scale: float = 40
    refine: bool = True
    confidence_threshold: float = 0.2
    minimal_area: int = 225
    mask_factor: float = 0.005
    iou_threshold: float = 0.8

    def __post_init__(self) -> None:
        super().__post_init__()
        check(isinstance(self.refine, bool), 'refine', self.refine, 'True or False')
        check_count(self.minimal_area, 'minimal_area')
        for name in ('confidence_threshold', 'iou_threshold'):
            check_share(getattr(self, name), name)
        for name in ('logit_scale', 'mask_factor'):
            check(is_number(getattr(self, name), 0), name, getattr(self, name), 'numbers from 0')
