"""Measure the stages of a segmentor on sliding CLIP windows separately."""

import torch
from torch import Tensor

from itaclip_mmseg.benchmark.floors import encoder_floor, pamr_floor
from itaclip_mmseg.benchmark.meter import Meter
from itaclip_mmseg.methods.itaclip.segmentor import ITACLIP
from itaclip_mmseg.models.stages.mixing import categories, mix
from itaclip_mmseg.models.stages.pamr import refine
from itaclip_mmseg.models.stages.postprocess import postprocess
from itaclip_mmseg.models.stages.views import fold_views, image_engineering

STAGES = ('views', 'encoder', 'similarity', 'merge', 'PAMR', 'post-processing')


def measure_stages(model: ITACLIP, image: Tensor, size: tuple[int, int], meter: Meter) -> dict[str, float]:
    """Measure each stage as `predict` calls it.

    Args:
        model: the model; its first variant is run.
        image: normalised, 3 x h x w.
        size: height and width of the result.
        meter: gets one row per stage.

    Returns:
        Lower bounds in seconds by stage.
    """
    settings, grid = next(iter(model.variants.values())), model.grid(image)
    shown, tokens = measure_encoder(model, image, meter)

    def similarity() -> dict[str, Tensor]:
        folded = fold_views(tokens)
        return {name: (folded[name] @ model.texts.embeddings.mT).movedim(-1, 1) for name in categories(settings)}

    fields = meter.measure('similarity', similarity)
    logits = meter.measure('merge', lambda: grid.merge(mix(fields, model.texts.rows(settings), settings), size))
    floors = dict(encoder=encoder_floor(shown.flatten(0, 1), model.backbone, views_a_pass(model, image), meter))
    if settings.pamr is not None:
        floors['PAMR'] = pamr_floor(logits, settings.pamr.num_iters, meter)
        logits = meter.measure('PAMR', lambda: refine(image, logits, settings.pamr))
    meter.measure('post-processing', lambda: postprocess(logits, model.query_classes, settings))
    return floors


def measure_encoder(model: ITACLIP, image: Tensor, meter: Meter) -> tuple[Tensor, Tensor]:
    """Measure views and encoder.

    Returns:
        Views V x W x 3 x h x w, and their tokens V x W x rows x columns x D.
    """
    batch, grid = views_a_pass(model, image), model.grid(image)
    chunk = max(batch // model.encoder.views_a_window, 1)

    def views() -> Tensor:
        parts = grid.crop(image).split(chunk)
        return torch.cat(
            [image_engineering(part) if model.encoder.views_a_window > 1 else part[None] for part in parts], 1
        )

    shown = meter.measure('views', views)
    passes = [part for windows in shown.split(chunk, dim=1) for part in windows.flatten(0, 1).split(batch)]
    tokens = meter.measure('encoder', lambda: torch.cat([model.backbone(one) for one in passes]))
    tokens = torch.cat([one.unflatten(0, (len(shown), -1)) for one in tokens.split(chunk * len(shown))], dim=1)
    return shown, tokens.unflatten(2, model.backbone.patch_grid(*shown.shape[-2:]))


def views_a_pass(model: ITACLIP, image: Tensor) -> int:
    """Number of views that `predict` encodes at once."""
    return model.encoder.batch or model.backbone.views_a_pass(model.grid(image).crop(image))
