"""Head of a report: what our figures were measured on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from itaclip_mmseg.studies.tables import SCENES

TOY = (
    'The drawn scenes are a toy to check the code, with a small CLIP trained on such drawings. '
    'Their figures tell nothing about the methods on photographs.'
)


@dataclass(frozen=True)
class Run:
    """One pass over a dataset.

    Attributes:
        name: name of the run, from its config and protocol.
        images: number of evaluated images.
        weights: weights of the backbone, as in the config.
        overrides: overrides by key, as for --cfg-options.
    """

    name: str
    dataset: str
    images: int
    weights: str
    overrides: Mapping[str, object] = field(default_factory=dict)


def head(runs: Iterable[Run], protocol: str | None) -> list[str]:
    """Lines for each dataset, weights and overrides, and the protocol; for drawn scenes, first a warning."""
    alike: dict[tuple, list[str]] = {}
    for run in runs:
        overrides = ', '.join(f'{key}={value}' for key, value in run.overrides.items())
        alike.setdefault((run.dataset, run.images, run.weights, overrides), []).append(run.name)
    lines = [TOY] if any(dataset == SCENES for dataset, *_ in alike) else []
    for (dataset, images, weights, overrides), names in alike.items():
        changed = f', overrides {overrides}' if overrides else ''
        lines.append(f'{dataset}: {images} images, weights {weights}{changed} ({", ".join(names)})')
    if not alike:
        return [*lines, 'We have not measured anything yet.']
    own = "Each method uses its original evaluation protocol: its authors' image size, window and stride."
    return [*lines, f"All methods use {protocol}'s image size, window and stride." if protocol else own]
