"""Mix fields to query logits by lambda and alpha, and share merging and refinement between mixtures.

Merging and refinement are linear, so they can run before or after fields are mixed by lambda and alpha. Variants that
differ only in these two share them: once per distinct field or once per variant, whichever is fewer.
"""

from collections.abc import Hashable, Mapping, Sequence

import torch
from torch import Tensor

from itaclip_mmseg.models.stages.encode import Fields
from itaclip_mmseg.models.stages.queries import Rows, TextTable, mix_texts
from itaclip_mmseg.settings import Settings


def categories(settings: Settings) -> tuple[str, ...]:
    """The categories of views that a variant mixes."""
    return ('first', 'second') if settings.image_engineering else ('plain',)


def mix(fields: Fields, rows: Rows, settings: Settings) -> Tensor:
    """Mix fields ... x T x H x W, of windows or of the image, to query logits ... x Q x H x W.

    Lambda * first + (1 - lambda) * second category (paper, equation 7), or only the window; for alpha see `mix_texts`.
    """
    if settings.image_engineering:
        field = torch.lerp(fields['second'], fields['first'], settings.image_coefficient)
    else:
        field = fields['plain']
    return mix_texts(field, rows, settings.text_coefficient, dim=-3)


class Mixtures:
    """The distinct mixtures of some variants that share windows and refinement.

    Attributes:
        rows: queries of each mixture.
        sources: the maps to merge and refine, W x M x rows x columns: the fields of the categories if shared, else the
            mixtures.
        maps: number of maps in all sources.
    """

    def __init__(self, fields: Fields, mixtures: Sequence[Settings], texts: TextTable, may_share: bool) -> None:
        self.mixtures, self.rows = mixtures, [texts.rows(settings) for settings in mixtures]
        needed = sorted({name for settings in mixtures for name in categories(settings)})
        used, places = texts.together(mixtures)
        shared, apart = len(needed) * len(used), sum(len(rows.words) for rows in self.rows)
        self.shared, self.maps = may_share and shared < apart, apart
        self.sources: Mapping[Hashable, Tensor]
        if self.shared:
            self.maps, self.places = shared, places
            self.sources = {name: fields[name].index_select(-3, used) for name in needed}
        else:
            self.sources = {index: mix(fields, *pair) for index, pair in enumerate(zip(self.rows, mixtures))}

    @property
    def device(self) -> torch.device:
        """Device of the fields."""
        return next(iter(self.sources.values())).device

    def logits(self, index: int, refined: Mapping[Hashable, Tensor]) -> Tensor:
        """Query logits of a mixture, Q x h x w, from the merged and refined sources, M x h x w."""
        return mix(refined, self.places[index], self.mixtures[index]) if self.shared else refined[index]


def mixing(settings: Settings) -> tuple:
    """Key of the settings that affect mixing; coefficients without effect are left out."""
    image = settings.image_coefficient if settings.image_engineering else None
    plain = settings.auxiliary is None or settings.text_coefficient == 0
    text = None if plain else (settings.auxiliary, settings.text_coefficient)
    return image, text, settings.background_set
