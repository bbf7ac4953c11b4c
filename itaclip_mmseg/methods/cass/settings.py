"""Settings of CASS; keys of its segmentor's config."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from itaclip_mmseg.settings import Decision, Pamr, changed_pamr, check_share
from itaclip_mmseg.utils.checks import check, is_number

DECOMPOSITIONS = ('exact', 'drawn')
PRIORS = ('image', 'window')
OF_TOKENS = ('decomposition', 'scale_spectrum', 'prior')  # decided when an image is encoded


@dataclass(frozen=True)
class SpectralSettings(Decision):
    """What may vary; the last three need an image encoded anew.

    Args:
        logit_scale: factor of the cosines before the softmax.
        pamr: the refinement, dict(num_iters, dilations), or None; always with the exact standard deviation.
        global_weight: share of the whole picture's cosine in the logit of each patch, 0 to 1.
        patch_weight: share of its nearest patches in the vector of a word that is taken as present, 0 to 1.
        group_height: where Ward's tree of the words is cut into groups; of each group one word is present.
        decomposition: of DINO's scores: 'exact', their best approximation of rank 10, or 'drawn', the public code's
            randomised one, from the same numbers at every call.
        scale_spectrum: stretch the ten singular values, the greatest to 1.5 times itself, the smallest to half.
        prior: whose cosines with the words count as those of the whole picture: 'image', or 'window' for each
            window's own.
    """

    logit_scale: float = 40
    pamr: Pamr | None = None
    global_weight: float = 0.25
    patch_weight: float = 0.04
    group_height: float = 0.09
    decomposition: str = 'exact'
    scale_spectrum: bool = True
    prior: str = 'image'

    def __post_init__(self) -> None:
        super().__post_init__()
        pamr = Pamr.from_config(self.pamr)
        object.__setattr__(self, 'pamr', pamr and replace(pamr, exact_std=True))
        for name in ('logit_scale', 'group_height'):
            check(is_number(getattr(self, name), 0), name, getattr(self, name), 'numbers from 0')
        for name in ('global_weight', 'patch_weight'):
            check_share(getattr(self, name), name)
        for name, allowed in (('decomposition', DECOMPOSITIONS), ('prior', PRIORS)):
            check(getattr(self, name) in allowed, name, getattr(self, name), ', '.join(allowed))
        check(isinstance(self.scale_spectrum, bool), 'scale_spectrum', self.scale_spectrum, 'True or False')

    def vary(self, changes: Mapping[str, object]) -> 'SpectralSettings':
        """These settings with some changed that need no image encoded anew; `pamr` may be a number of steps.

        Raises:
            UserError: a name or a value that is not possible, or one of the settings that do.
        """
        varied = super().vary(changed_pamr(changes, self.pamr))
        for name in OF_TOKENS:
            value, own = getattr(varied, name), getattr(self, name)
            check(value == own, name, value, f'{own!r}: another needs the image encoded anew, by --cfg-options')
        return varied
