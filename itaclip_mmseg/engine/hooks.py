"""Hooks of the test loop: progress, overlays and the journal."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import cv2
import numpy as np
from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from mmseg.structures import SegDataSample
from torch import Tensor

from itaclip_mmseg.datasets.reading import read_photograph
from itaclip_mmseg.engine.journal import Journal
from itaclip_mmseg.evaluation.iou import ImageCounts
from itaclip_mmseg.utils.fingerprints import fingerprint
from itaclip_mmseg.utils.outputs import Output, save_result
from itaclip_mmseg.utils.progress import ProgressBar
from itaclip_mmseg.utils.resources import mirrored
from itaclip_mmseg.visualization.overlay import draw_panels


@HOOKS.register_module()
class ProgressHook(Hook):
    """Shows the number of finished images and the remaining time."""

    def before_test(self, runner: Runner) -> None:
        """Start at the number of images that a killed run finished."""
        earlier = len(runner.test_evaluator.metrics[0].earlier)
        self.bar = ProgressBar('images', earlier + len(runner.test_dataloader.dataset), earlier)
        self.bar.__enter__()

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None, outputs: Sequence[SegDataSample]
    ) -> None:
        """Count a batch, for all processes, which have equal numbers of images."""
        self.bar.advance(len(outputs) * get_world_size())

    def after_test_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Remove the bar from the terminal."""
        self.bar.__exit__()


@HOOKS.register_module()
class OverlayHook(Hook):
    """Draws each image with its ground truth, if there is one, its prediction and a legend, to `folder`/NAME.png.

    Args:
        image_dir: the dataset's folder of images, whose subfolders are mirrored in `folder`; None for names only.
    """

    def __init__(self, folder: str, image_dir: str | None = None) -> None:
        self.folder, self.image_dir = folder, image_dir

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None, outputs: Sequence[SegDataSample]
    ) -> None:
        """Draw a batch."""
        meta = runner.test_dataloader.dataset.metainfo
        for sample, seen in zip(outputs, data_batch['inputs']):
            maps = dict(truth=sample.get('gt_sem_seg'), prediction=sample.pred_sem_seg)
            maps = {title: one.data[0].cpu().numpy() for title, one in maps.items() if one is not None}
            image = self.picture(sample, seen, maps['prediction'].shape)
            picture = draw_panels(image, maps, meta['classes'], meta['palette'], runner.model.bank.background)
            save_result(picture, mirrored(sample.img_path, self.image_dir, self.folder), compress_level=1)

    @staticmethod
    def picture(sample: SegDataSample, seen: Tensor, size: tuple[int, int]) -> np.ndarray:
        """The image H x W x 3, RGB, at the size of the labels; the model's input if the pipeline crops images."""
        image = np.ascontiguousarray(read_photograph(sample.img_path)[..., ::-1])
        if image.shape[:2] == tuple(size):
            return image
        return cv2.resize(np.ascontiguousarray(seen.flip(0).movedim(0, -1).cpu().numpy()), size[::-1])


@HOOKS.register_module()
class JournalHook(Hook):
    """Writes the counts of each image and the fingerprints of its files to the journal, after all other hooks.

    Args:
        files: files that each image is counted from, by image.
        outputs: what is written for an image.
    """

    priority = 'LOWEST'

    def __init__(
        self, journal: Journal, files: Mapping[str, Sequence[str]], outputs: Callable[[str], Iterable[Output]]
    ) -> None:
        self.journal, self.files, self.outputs = journal, files, outputs

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None, outputs: Sequence[SegDataSample]
    ) -> None:
        """Write the counts of a batch."""
        results = runner.test_evaluator.metrics[0].results
        batch = results[-len(outputs) :]
        results[-len(outputs) :] = [self.with_files(one) for one in batch]
        self.journal.append(results[-len(outputs) :])

    def with_files(self, entry: ImageCounts) -> ImageCounts:
        """What was counted of an image, with the files that it was counted from and those that were written."""
        files = [fingerprint(path) for path in self.files[entry.image]]
        return entry._replace(files=files, outputs=[fingerprint(one.path) for one in self.outputs(entry.image)])
