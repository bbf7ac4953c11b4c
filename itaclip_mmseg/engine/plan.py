"""Planning the inputs and outputs of a run before it writes anything, and finding finished images of earlier runs."""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmseg.datasets import BaseSegDataset

from itaclip_mmseg.datasets.folders import image_folder
from itaclip_mmseg.engine.dataset_checks import samples_of
from itaclip_mmseg.engine.journal import Journal
from itaclip_mmseg.engine.outputs import RESULTS
from itaclip_mmseg.evaluation.iou import ImageCounts
from itaclip_mmseg.models.backbones.weights import named_weights
from itaclip_mmseg.models.stages.regions import generators_of
from itaclip_mmseg.utils.fingerprints import is_unchanged
from itaclip_mmseg.utils.outputs import Output, check_outputs
from itaclip_mmseg.utils.resources import mirrored

LABEL_MAPS, OVERLAYS = 'label maps', 'overlays'


@dataclass(frozen=True)
class Plan:
    """Inputs and outputs of a run.

    Attributes:
        files: files that each image is counted from, by image: the image, its label map and its region map, if any.
        image_dir: the dataset's folder of images.
        folders: output folders that get a file for each image, by kind of output.
    """

    work_dir: str
    files: Mapping[str, list[str]]
    image_dir: str
    folders: Mapping[str, str]

    def outputs(self, image: str) -> Iterator[Output]:
        """The outputs for an image."""
        for kind, folder in self.folders.items():
            yield Output(mirrored(image, self.image_dir, folder), image, kind)


def plan_run(
    config: Config, dataset: BaseSegDataset, out_dir: str | None, show_dir: str | None, more: Sequence[str] = ()
) -> Plan:
    """Plan a run.

    Args:
        out_dir: folder for label maps; None for the evaluator's `output_dir`, if set.
        show_dir: folder for overlays, or None.
        more: names of other outputs in the work folder, or absolute paths.

    Raises:
        UserError: an output is an input, two outputs are the same file, or a folder would get two kinds of outputs.
    """
    folders = {LABEL_MAPS: out_dir or config.test_evaluator.get('output_dir'), OVERLAYS: show_dir}
    folders = {kind: str(Path(folder).expanduser()) for kind, folder in folders.items() if folder}
    files = files_of(samples_of(dataset), config.model)
    plan = Plan(config.work_dir, files, image_folder(dataset), folders)
    outputs = [Output(Path(config.work_dir) / name) for name in (*RESULTS, *more)]
    outputs += [output for image in plan.files for output in plan.outputs(image)]
    data_folders = [folder for folder in (plan.image_dir, dataset.data_prefix.get('seg_map_path')) if folder]
    check_outputs(outputs, inputs_of(config, dataset, plan), data_folders)
    return plan


def files_of(samples: Iterable[Mapping], model: Mapping) -> dict[str, list[str]]:
    """The files that each image of a dataset is counted from, by image.

    Args:
        samples: of the dataset.
        model: the model's config, whose region maps may be read from files.
    """
    generators, files = generators_of(model), {}
    for sample in samples:
        image, labels = sample['img_path'], sample.get('seg_map_path')
        files[image] = [image, *([] if labels is None else [labels])]
        files[image] += dict.fromkeys(path for generator in generators for path in generator.files(image))
    return files


def inputs_of(config: Config, dataset: BaseSegDataset, plan: Plan) -> Iterator[str]:
    """All files of the user that a run reads."""
    yield config.filename
    yield from filter(os.path.isfile, [str(config.model.text_bank)])
    yield from (str(pretrained) for _, pretrained in named_weights(config.model))
    if dataset.ann_file:
        yield dataset.ann_file
    for files in plan.files.values():
        yield from files


def counted_earlier(plan: Plan, journal: Journal) -> dict[str, ImageCounts]:
    """Counts of images that an earlier run finished and that are unchanged, by image; prints their number."""
    entries = {image: entry for image, entry in journal.read().items() if image in plan.files}
    kept = {image: entry for image, entry in entries.items() if still_fits(entry, plan)}
    if entries and is_main_process():
        changed = f'; {len(entries) - len(kept)} are counted again, because their files changed'
        print(
            f'{len(kept)} of {len(plan.files)} images are already counted in {journal.folder}'
            f'{changed if len(kept) < len(entries) else ""}',
            file=sys.stderr,
        )
    return kept


def still_fits(entry: ImageCounts, plan: Plan) -> bool:
    """Whether the files of an image, and its outputs, are unchanged since it was counted."""
    outputs = [output.path for output in plan.outputs(entry.image)]
    pairs = ((plan.files[entry.image], entry.files or ()), (outputs, entry.outputs or ()))
    return all(len(files) == len(earlier) and all(map(is_unchanged, files, earlier)) for files, earlier in pairs)
