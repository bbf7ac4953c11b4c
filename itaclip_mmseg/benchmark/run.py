"""Time a segmentor on one image: any by its `predict`, one on sliding CLIP windows by its stages too.

run_benchmark: build -> data -> image (predict) -> stages and floors -> labels against fp32 -> window by window
"""

import copy
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor

from itaclip_mmseg.benchmark.meter import Meter
from itaclip_mmseg.benchmark.random_weights import random_weights
from itaclip_mmseg.benchmark.reference import Reference
from itaclip_mmseg.benchmark.stages import STAGES, measure_stages
from itaclip_mmseg.engine.kinds import MODEL, check_kinds
from itaclip_mmseg.engine.parts import building, check_parts
from itaclip_mmseg.engine.results import versions
from itaclip_mmseg.models.segmentors.base import OpenVocabularySegmentor
from itaclip_mmseg.models.stages.pamr_step import implementation
from itaclip_mmseg.models.stages.photograph import Photograph
from itaclip_mmseg.utils.devices import chosen_device
from itaclip_mmseg.utils.errors import UserError


@dataclass(frozen=True)
class BenchmarkSettings:
    """How a config is timed.

    Args:
        repeats: calls that a median is of.
        device: such as cpu or cuda; None: the GPU if there is one.
        precision: of the backbone; None: the config's.
        random_weights: of the config's architectures, so that none need be there; times are the same.
        reference: time the window-by-window way too, where there is one.

    Raises:
        UserError: a setting is impossible.
    """

    repeats: int = 3
    device: str | None = None
    precision: str | None = None
    random_weights: bool = False
    reference: bool = True

    def __post_init__(self) -> None:
        if self.repeats < 1:
            raise UserError(f'--repeats {self.repeats}: must be at least 1')


def run_benchmark(config: Config, photograph: np.ndarray, settings: BenchmarkSettings) -> dict:
    """All figures of a config, from one run, so that their ratios hold whatever machine it was.

    Args:
        config: an MMSegmentation config.
        photograph: H x W x 3 uint8, RGB.
        settings: how it is timed.

    Returns:
        stages, image and reference {seconds, peak_bytes}; memory {peak_bytes}, the most that `predict` took above the
        weights; floor, seconds by stage; pamr, what computed it; and what was measured on what.

    Raises:
        UserError: config, weights or settings do not fit.
    """
    check_kinds(config, (*MODEL, 'test_pipeline'))
    init_default_scope('mmseg')
    check_parts(config)
    model = build_model(config, settings, settings.precision)
    meter = Meter(next(model.parameters()).device, settings.repeats)
    size = photograph.shape[:2]
    precision = settings.precision or config.model.get('backbone', {}).get('precision', 'fp32')
    with torch.no_grad():
        image = meter.measure('data', loading(config, model, photograph))
        labels = meter.measure('image', lambda: predict(model, image, photograph))  # first of all: see `Meter.measure`
        floors = measure_stages(model, image, size, meter) if model.takes_variants else {}
        agreement = {}
        if precision != 'fp32':
            exact = build_model(config, settings, 'fp32')
            agreement['equal_to_fp32'] = share_of_equal(labels, predict(exact, image, photograph))
        if settings.reference and model.takes_variants:
            others = meter.measure('reference', lambda: Reference(model)(image, size), repeats=1)
            agreement['equal_labels'] = share_of_equal(labels, others)
    return dict(
        config=Path(config.filename).stem,
        device=versions()['device'],
        threads=torch.get_num_threads(),
        precision=precision,
        windows=len(model.grid(image)),
        size=size,
        floor=floors,
        **(dict(pamr=implementation(image)) if 'PAMR' in floors else {}),
        **agreement,
        **table_rows(meter.rows),
    )


def build_model(config: Config, settings: BenchmarkSettings, precision: str | None) -> OpenVocabularySegmentor:
    """The config's model in some precision, None for its own; labels alone, as in tools/test.py and demo.py."""
    model = copy.deepcopy(config.model)
    if precision is not None:
        model.backbone.precision = precision
    with tempfile.TemporaryDirectory() as folder:
        if settings.random_weights:
            model = random_weights(model, Path(folder))
        with building(config.filename):
            built = MODELS.build(model).to(chosen_device(settings.device)).eval()
    built.with_scores = False
    return built


def loading(config: Config, model: OpenVocabularySegmentor, photograph: np.ndarray) -> Callable[[], Tensor]:
    """A call that takes the photograph through the config's pipeline: normalised, 3 x h x w, on the model's device."""
    steps = [step for step in config.test_pipeline if step.type not in ('LoadImageFromFile', 'LoadAnnotations')]
    pipeline = Compose([dict(type='LoadImageFromNDArray'), *steps])

    def load() -> Tensor:
        return model.data_preprocessor(dict(inputs=[pipeline(dict(img=photograph[..., ::-1]))['inputs']]))['inputs'][0]

    return load


def predict(model: OpenVocabularySegmentor, image: Tensor, photograph: np.ndarray) -> Tensor:
    """Labels H x W of a normalised image 3 x h x w, and of the photograph H x W x 3 uint8 that it was made from."""
    meta = dict(ori_shape=photograph.shape[:2], photograph=Photograph(photograph))
    (sample,) = model.predict([image], [SegDataSample(metainfo=meta)])
    return sample.pred_sem_seg.data[0]


def share_of_equal(labels: Tensor, others: Tensor) -> float:
    """The share of pixels, 0 to 1, in which two label maps agree."""
    return (labels == others).double().mean().item()


def table_rows(rows: dict[str, dict]) -> dict:
    """What the meter holds, by the keys of the JSON file."""
    image, reference = rows['image'], rows.get('reference')
    figures = dict(
        stages={name: rows[name] for name in ('data', *STAGES) if name in rows},
        image=image,
        memory=dict(peak_bytes=image['peak_bytes']),
        reference=reference,
    )
    return figures | (dict(ratio=reference['seconds'] / image['seconds']) if reference else {})
