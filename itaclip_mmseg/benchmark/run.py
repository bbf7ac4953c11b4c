"""Time a segmentor on one image: `predict` for any method, and the stages for methods on sliding CLIP windows.

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
from itaclip_mmseg.models.stages.pamr_lattices import implementation
from itaclip_mmseg.models.stages.photograph import Photograph
from itaclip_mmseg.utils.devices import chosen_device
from itaclip_mmseg.utils.errors import UserError


@dataclass(frozen=True)
class BenchmarkSettings:
    """Settings of a benchmark.

    Args:
        repeats: number of calls for each median.
        device: such as cpu or cuda; None: the GPU if there is one.
        precision: of the backbone; None: the config's.
        random_weights: use random weights, so that no weights files are needed; times are the same.
        reference: also time the window-by-window baseline, if the method has one.

    Raises:
        UserError: a setting is invalid.
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
    """Measure all figures of a config in one run, so that their ratios do not depend on the machine.

    Args:
        config: an MMSegmentation config.
        photograph: H x W x 3 uint8, RGB.
        settings: settings of the benchmark.

    Returns:
        stages, image and reference {seconds, peak_bytes}; memory {peak_bytes}, the peak of `predict` in addition to the
        weights; floor, lower bounds in seconds by stage; pamr, its implementation; and the conditions.

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
    """Build the model with a precision, None for the config's; it returns only labels, as in tools/test.py."""
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
    """Return a call that runs the config's pipeline on the photograph: 3 x h x w, normalised, on the model's device."""
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
    """Share of pixels, 0 to 1, with equal labels in two label maps."""
    return (labels == others).double().mean().item()


def table_rows(rows: dict[str, dict]) -> dict:
    """Measurements of the meter, by the keys of the JSON file."""
    image, reference = rows['image'], rows.get('reference')
    figures = dict(
        stages={name: rows[name] for name in ('data', *STAGES) if name in rows},
        image=image,
        memory=dict(peak_bytes=image['peak_bytes']),
        reference=reference,
    )
    return figures | (dict(ratio=reference['seconds'] / image['seconds']) if reference else {})
