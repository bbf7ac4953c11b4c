"""What a report's figures of ours were measured on: the first thing that its readers see."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from itaclip_mmseg.studies.tables import SCENES

TOY = (
    'The drawn scenes are a toy: they check the code, on a small CLIP that was trained on such drawings. '
    'Their figures say nothing about how methods do on photographs.'
)


@dataclass(frozen=True)
class Run:
    """One pass over a dataset.

    Attributes:
        name: of the run, by its config and protocol.
        images: how many were counted.
        weights: of the backbone, as its config names them.
        overrides: by key, as of --cfg-options.
    """

    name: str
    dataset: str
    images: int
    weights: str
    overrides: Mapping[str, object] = field(default_factory=dict)


def head(runs: Iterable[Run], protocol: str | None) -> list[str]:
    """A line for each dataset and pair of weights and overrides, then the protocol; before them that a toy is one."""
    alike: dict[tuple, list[str]] = {}
    for run in runs:
        overrides = ', '.join(f'{key}={value}' for key, value in run.overrides.items())
        alike.setdefault((run.dataset, run.images, run.weights, overrides), []).append(run.name)
    lines = [TOY] if any(dataset == SCENES for dataset, *_ in alike) else []
    for (dataset, images, weights, overrides), names in alike.items():
        changed = f', overrides {overrides}' if overrides else ''
        lines.append(f'{dataset}: {images} images, weights {weights}{changed} ({", ".join(names)})')
    if not alike:
        return [*lines, 'Nothing was measured by us yet.']
    own = "Each method in its original evaluation protocol: its authors' image size, window and stride."
    return [*lines, f"All methods in {protocol}'s image size, window and stride." if protocol else own]
