"""Any image, any words: the benchmark's engine on a picture of the user's."""

import os
from dataclasses import dataclass

import mmcv
import numpy as np
from mmengine.dataset import Compose
from mmengine.device import get_device
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from PIL import Image, ImageOps
from torch import Tensor

from itaclip_mmseg.engine.testing import load_config
from itaclip_mmseg.text.classes import ClassList, bank_of
from itaclip_mmseg.utils.colours import distinct_colours
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.visualization.overlay import draw_panels

DEFAULT_CONFIG = 'configs/itaclip/itaclip_vit-b-16_voc21.py'
Picture = str | os.PathLike | Image.Image | np.ndarray


@dataclass(frozen=True)
class Segmentation:
    """A segmented image.

    Attributes:
        image: H x W x 3 uint8, RGB.
        labels: H x W int64, each an index of `names`.
        scores: C x H x W float32 in [0, 1], of which `labels` are the best before thresholds and closing; None with
            `with_scores=False`.
        names: of the classes.
    """

    image: np.ndarray
    labels: np.ndarray
    scores: np.ndarray | None
    names: tuple[str, ...]

    def shares(self) -> dict[str, float]:
        """Share of the image's area by class, largest first."""
        counts = np.bincount(self.labels.ravel(), minlength=len(self.names)) / self.labels.size
        return {self.names[label]: float(counts[label]) for label in np.argsort(-counts, kind='stable')}

    def overlay(self) -> Image.Image:
        """The image beside its labels painted over it, with a legend."""
        colours = distinct_colours(len(self.names))
        return draw_panels(self.image, {'segmentation': self.labels}, self.names, colours)


class Segmenter:
    """Segments images by a list of classes; weights and text embeddings are read once.

    Args:
        classes: 'a dog; grass; sky = sky, clouds', or any other form that `bank_of` takes.
        config: whose settings, weights and pipeline are used; its text bank is replaced by the classes. Thresholds are
            left out where the classes have no background, and auxiliary texts where they come without.
        options: overrides as of --cfg-options, such as {'model.backbone.pretrained': 'ViT-B-16.pt'}.
        device: 'cpu', 'cuda:1'; None takes the best there is.
        variants: changes of settings by name, for `label_maps`.
        with_scores: give the scores of all classes with the labels; large photographs need gigabytes for them.

    Raises:
        UserError: classes, config or weights do not fit.
    """

    def __init__(
        self,
        classes: ClassList,
        config: str = DEFAULT_CONFIG,
        options: dict | None = None,
        device: str | None = None,
        variants: dict[str, dict] | None = None,
        with_scores: bool = True,
    ) -> None:
        config, self.bank = load_config(config, options), bank_of(classes)
        init_default_scope('mmseg')
        model = config.model
        model.text_bank = self.bank
        if variants:
            model.variants = variants
        if not self.bank.background:
            model.update({key: None for key in ('prob_threshold', 'area_threshold') if key in model})
        foreground = self.bank.classes[self.bank.background :]
        if 'auxiliary' in model and not any(entry.definition or entry.synonym for entry in foreground):
            model.auxiliary = None
        self.model = MODELS.build(model).to(device or get_device()).eval()
        self.model.with_scores = with_scores
        steps = [step for step in config.test_pipeline if step.type not in ('LoadImageFromFile', 'LoadAnnotations')]
        self.from_file = Compose([dict(type='LoadImageFromFile'), *steps])
        self.from_array = Compose([dict(type='LoadImageFromNDArray'), *steps])

    def __call__(self, image: Picture) -> Segmentation:
        """Segment an image: a path, a PIL image, or an array H x W x 3 uint8, RGB.

        Raises:
            UserError: there is no such file, or it is no image.
        """
        rgb, data = self.load(image)
        (sample,) = self.model.test_step(data)
        return Segmentation(
            image=rgb,
            labels=sample.pred_sem_seg.data[0].cpu().numpy(),
            scores=sample.seg_logits.data.cpu().numpy() if self.model.with_scores else None,
            names=tuple(entry.name for entry in self.bank.classes),
        )

    def label_maps(self, image: Picture) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The image as RGB, and its labels H x W by variant, from one encoding pass."""
        rgb, data = self.load(image)
        (sample,) = self.model.test_step(data)
        return rgb, {name: labels.cpu().numpy() for name, labels in sample.variant_labels.items()}

    def normalised(self, image: Picture) -> tuple[np.ndarray, Tensor]:
        """The image as RGB, and as the model sees it: resized, normalised, 3 x h x w."""
        rgb, data = self.load(image)
        return rgb, self.model.data_preprocessor(data)['inputs'][0]

    def load(self, image: Picture) -> tuple[np.ndarray, dict]:
        """The image as RGB, H x W x 3 uint8, and as a batch of one; a file is read as a test reads it."""
        if isinstance(image, str | os.PathLike):
            path = os.fspath(image)
            if not os.path.isfile(path):
                raise UserError(f'{path}: no such image; check the path')
            bgr = mmcv.imread(path)
            if bgr is None:
                raise UserError(f'{path}: not readable as an image; replace it')
            return np.ascontiguousarray(bgr[..., ::-1]), batch_of_one(self.from_file(dict(img_path=path)))
        if isinstance(image, Image.Image):
            image = np.asarray(ImageOps.exif_transpose(image).convert('RGB'))
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise UserError(f'image: {image.dtype} array of shape {image.shape}; it must be uint8, H x W x 3, RGB')
        return image, batch_of_one(self.from_array(dict(img=np.ascontiguousarray(image[..., ::-1]))))


def batch_of_one(data: dict) -> dict:
    """As a data loader would give it."""
    return {name: [value] for name, value in data.items()}


def segment(
    image: Picture,
    classes: ClassList,
    config: str = DEFAULT_CONFIG,
    options: dict | None = None,
    device: str | None = None,
) -> Segmentation:
    """Segment one image by any words; for several images keep a `Segmenter`, whose arguments these are.

        itaclip_mmseg.segment('dog.jpg', 'a dog; grass; sky = sky, clouds').overlay().save('overlay.png')

    Weights named by a tag, as in the default config, are downloaded by open_clip on first use.
    """
    return Segmenter(classes, config, options, device)(image)
