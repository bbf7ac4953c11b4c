"""IoU of the page's answers against a visitor's own label maps, by the metric of `tools/test.py`."""

import html
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from itaclip_mmseg.apis.page_photos import named_alone
from itaclip_mmseg.apis.segmentation import Segmentation
from itaclip_mmseg.datasets.labels import as_trained, check_size, read_labels
from itaclip_mmseg.datasets.reading import check_photograph
from itaclip_mmseg.engine.own_data import ignored_label
from itaclip_mmseg.engine.results import figures_by_variant
from itaclip_mmseg.engine.results_table import FIGURES, spelled
from itaclip_mmseg.evaluation.iou import ExactIoUMetric
from itaclip_mmseg.models.stages.region_rules import nearest
from itaclip_mmseg.utils.errors import Faults


class Measurement:
    """Compares the labels of several methods with label maps.

    Args:
        names: of the classes, in label order.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names, self.ignored = names, ignored_label(len(names))
        self.metric = ExactIoUMetric(ignore_index=self.ignored)
        self.metric.dataset_meta = dict(classes=names)

    def add(self, photograph: str, label_map: str, results: Mapping[str, Segmentation]) -> None:
        """Count the pixels of a photograph; labels of a photograph that was shrunk are resized back.

        Raises:
            UserError: the label map is not readable, has another size, or has labels without a class.
        """
        with named_alone(label_map) as name:
            truth = read_labels(label_map)
            check_size(truth.shape, check_photograph(photograph), label_map)
            truth = torch.from_numpy(as_trained(truth, ignored=self.ignored).astype(int))
        labels = {method: torch.from_numpy(result.labels) for method, result in results.items()}
        labels = {method: nearest(one, tuple(truth.shape)) for method, one in labels.items()}
        sample = dict(img_path=photograph, seg_map_path=name, gt_sem_seg=dict(data=truth[None]), variant_labels=labels)
        self.metric.process({}, [sample])

    @property
    def number(self) -> int:
        """Number of measured photographs."""
        return len(self.metric.results)

    def figures(self) -> dict[str, dict]:
        """mIoU, aAcc, mAcc and the IoU by class, in per cent, by method; empty where nothing was counted."""
        if not self.number:
            return {}
        self.metric.compute_metrics(self.metric.results)
        return figures_by_variant(self.metric, self.names)

    def warnings(self) -> list[str]:
        """Warnings about the label maps, after `figures`."""
        absent = [name for name, pixels in zip(self.names, self.metric.confusion.sum(axis=1)) if not pixels]
        if not absent:
            return []
        told = f'{len(absent)} of {len(self.names)} classes are in none of your label maps ({absent[0]}, ...)'
        return [f'{told}; if they should be, check that labels and classes have the same order']


def paired(names: Mapping[str, str], label_maps: Sequence[str], faults: Faults) -> dict[str, str]:
    """The label map of each photograph that has one, by path.

    Args:
        names: of the photographs by path, which their label maps share.
        label_maps: paths.
        faults: keeps those that belong to no photograph.
    """
    maps: dict[str, str] = {}
    for path in label_maps:
        name = Path(path).stem
        if name not in names.values():
            faults.lines.append(f'{Path(path).name}: there is no photograph {name}; rename the label map')
        elif name in maps:
            faults.lines.append(f'{Path(path).name}: there is another label map of {name}; remove one')
        else:
            maps[name] = path
    return {path: maps[name] for path, name in names.items() if name in maps}


def iou_rows(figures: Mapping[str, dict]) -> list[list]:
    """Rows of a table of figures: a heading, the means, then the classes; None for a class without pixels."""
    means = [[name, *(one[name] for one in figures.values())] for name in FIGURES]
    classes = next(iter(figures.values()))['classes']
    return [
        ['class', *figures],
        *means,
        *([name, *(one['classes'][name] for one in figures.values())] for name in classes),
    ]


def iou_table(figures: Mapping[str, dict], photographs: int) -> str:
    """The HTML of `iou_rows`."""
    (_, *methods), *rows = iou_rows(figures)
    heading = ''.join(f'<th scope="col">{html.escape(name)}</th>' for name in methods)
    body = ''.join(
        f'<tr><th scope="row">{html.escape(name)}</th>{"".join(f"<td>{spelled(one)}</td>" for one in values)}</tr>'
        for name, *values in rows
    )
    caption = f'IoU in per cent, measured on {photographs} of your photographs'
    return f'<table><caption>{caption}</caption><tr><th></th>{heading}</tr>{body}</table>'
