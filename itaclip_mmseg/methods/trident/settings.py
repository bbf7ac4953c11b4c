"""Settings of Trident that may change without encoding an image again."""

from dataclasses import dataclass

from itaclip_mmseg.models.stages.prompts import Prompting
from itaclip_mmseg.settings import Decision
from itaclip_mmseg.utils.checks import check, is_number


@dataclass(frozen=True)
class TridentSettings(Prompting, Decision):
    """Keys of the method's config, beside those of `Prompting` and `Decision`.

    Args:
        logit_scale: factor of the cosines before the softmax.
        refine: let SAM draw the regions of the answer again.
    """

    logit_scale: float = 40
    refine: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check(isinstance(self.refine, bool), 'refine', self.refine, 'True or False')
        check(is_number(self.logit_scale, 0), 'logit_scale', self.logit_scale, 'numbers from 0')
        self.check_prompting()
