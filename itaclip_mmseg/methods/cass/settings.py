"""Settings of CASS, keys of its config."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from itaclip_mmseg.settings import Decision, Pamr, changed_pamr
from itaclip_mmseg.utils.checks import check, check_share, is_number

DECOMPOSITIONS = ('exact', 'drawn')
PRIORS = ('image', 'window')
OF_TOKENS = ('decomposition', 'scale_spectrum', 'prior')  # fixed when an image is encoded


@dataclass(frozen=True)
class SpectralSettings(Decision):
    """Settings of CASS; if you change one of the last three, images must be encoded again.

    Args:
        logit_scale: factor of the cosines before the softmax.
        pamr: the refinement, dict(num_iters, dilations), or None; always with the exact standard deviation.
        global_weight: weight of the whole image's cosine in the logit of each patch, 0 to 1.
        patch_weight: weight of its nearest patches in the vector of a present word, 0 to 1.
        group_height: height at which Ward's tree of the words is cut into groups; one word per group is present.
        decomposition: of DINO's scores: 'exact', their best approximation of rank 10, or 'drawn', the public code's
            randomised one, with the same random numbers at every call.
        scale_spectrum: stretch the ten singular values: the largest to 1.5 times, the smallest to half its value.
        prior: image to compare with the words: 'image' for the whole image, or 'window' for each window.
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
        """Change settings that do not need an image to be encoded again; `pamr` may be a number of steps.

        Raises:
            UserError: a name or value is invalid, or the setting needs an image to be encoded again.
        """
        varied = super().vary(changed_pamr(changes, self.pamr))
        for name in OF_TOKENS:
            value, own = getattr(varied, name), getattr(self, name)
            check(value == own, name, value, f'{own!r}; to encode with another value, use --cfg-options')
        return varied
