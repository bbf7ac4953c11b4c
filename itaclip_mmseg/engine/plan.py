"""What a run reads and writes, known before it writes the first file, and how far an earlier run came."""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmseg.datasets import BaseSegDataset

from itaclip_mmseg.datasets.folders import image_folder
from itaclip_mmseg.engine.checks import samples_of
from itaclip_mmseg.engine.journal import Journal
from itaclip_mmseg.engine.outputs import RESULTS
from itaclip_mmseg.evaluation.iou import ImageCounts
from itaclip_mmseg.models.backbones.weights import named_weights
from itaclip_mmseg.models.stages.regions import RegionMaps
from itaclip_mmseg.utils.fingerprints import is_unchanged
from itaclip_mmseg.utils.outputs import Output, check_outputs
from itaclip_mmseg.utils.resources import mirrored

LABEL_MAPS, OVERLAYS = 'label maps', 'overlays'


@dataclass(frozen=True)
class Plan:
    """Inputs and outputs of a run.

    Attributes:
        files: by image, the files that it is counted from: itself, and its label and region maps where there are any.
        image_dir: the data set's folder of images.
        folders: that get a file for each image, by what lies in them.
    """

    work_dir: str
    files: Mapping[str, list[str]]
    image_dir: str
    folders: Mapping[str, str]

    def outputs(self, image: str) -> Iterator[Output]:
        """What is written for an image."""
        for kind, folder in self.folders.items():
            yield Output(mirrored(image, self.image_dir, folder), image, kind)


def plan_run(
    config: Config, dataset: BaseSegDataset, out_dir: str | None, show_dir: str | None, more: Sequence[str] = ()
) -> Plan:
    """Plan a run.

    Args:
        out_dir: folder for label maps; None for the evaluator's own, if it has one.
        show_dir: folder for overlays, or None.
        more: names of further files in the work folder, or absolute paths.

    Raises:
        UserError: an output is an input, two outputs are one file, or two kinds of them lie in one folder.
    """
    folders = {LABEL_MAPS: out_dir or config.test_evaluator.get('output_dir'), OVERLAYS: show_dir}
    folders = {kind: str(Path(folder).expanduser()) for kind, folder in folders.items() if folder}
    files = files_of(samples_of(dataset), config.model.get('regions'))
    plan = Plan(config.work_dir, files, image_folder(dataset), folders)
    outputs = [Output(Path(config.work_dir) / name) for name in (*RESULTS, *more)]
    outputs += [output for image in plan.files for output in plan.outputs(image)]
    data_folders = [folder for folder in (plan.image_dir, dataset.data_prefix.get('seg_map_path')) if folder]
    check_outputs(outputs, inputs_of(config, dataset, plan), data_folders)
    return plan


def files_of(samples: Iterable[Mapping], regions: str | Mapping | None = None) -> dict[str, list[str]]:
    """The files that each image of a data set is counted from, by image.

    Args:
        regions: of `model.regions`, whose maps may be read from files.
    """
    generator = None if regions is None else RegionMaps(regions).generator
    files = {}
    for sample in samples:
        image, labels = sample['img_path'], sample.get('seg_map_path')
        files[image] = [image, *([] if labels is None else [labels])]
        files[image] += [] if generator is None else generator.files(image)
    return files


def inputs_of(config: Config, dataset: BaseSegDataset, plan: Plan) -> Iterator[str]:
    """All files that a run reads and that its user named."""
    yield config.filename
    yield from filter(os.path.isfile, [str(config.model.text_bank)])
    yield from (str(pretrained) for _, pretrained in named_weights(config.model))
    if dataset.ann_file:
        yield dataset.ann_file
    for files in plan.files.values():
        yield from files


def counted_earlier(plan: Plan, journal: Journal) -> dict[str, ImageCounts]:
    """What an earlier run counted and wrote and what is still as it was, by image; says so in a line."""
    entries = {image: entry for image, entry in journal.read().items() if image in plan.files}
    kept = {image: entry for image, entry in entries.items() if still_fits(entry, plan)}
    if entries and is_main_process():
        changed = f'; {len(entries) - len(kept)} are counted anew, as files of them changed'
        print(
            f'{len(kept)} of {len(plan.files)} images are counted already, from {journal.folder}'
            f'{changed if len(kept) < len(entries) else ""}',
            file=sys.stderr,
        )
    return kept


def still_fits(entry: ImageCounts, plan: Plan) -> bool:
    """Are the files of an image, and its outputs, what they were when it was counted?"""
    outputs = [output.path for output in plan.outputs(entry.image)]
    pairs = ((plan.files[entry.image], entry.files or ()), (outputs, entry.outputs or ()))
    return all(len(files) == len(earlier) and all(map(is_unchanged, files, earlier)) for files, earlier in pairs)
