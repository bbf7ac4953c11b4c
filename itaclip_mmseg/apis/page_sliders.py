"""The page's sliders: which ones a method has, their start values, and how they are greyed."""

from itaclip_mmseg.apis.page_gradio import gr
from itaclip_mmseg.apis.page_session import Workbench
from itaclip_mmseg.apis.page_words import idle
from itaclip_mmseg.settings import Pamr

SLIDERS = (  # setting, label, range, step; the page has those of the method's settings
    ('image_coefficient', 'lambda (image_coefficient)', 0, 1, 0.05),
    ('text_coefficient', 'alpha (text_coefficient)', 0, 1, 0.05),
    ('logit_scale', 'logit scale (logit_scale)', 1, 200, 1),
    ('prob_threshold', 'score threshold (prob_threshold), 0 is off', 0, 1, 0.01),
    ('area_threshold', 'area threshold (area_threshold), 0 is off', 0, 0.5, 0.01),
    ('pamr', 'PAMR steps (pamr.num_iters), 0 is off', 0, 20, 1),
    ('regions', 'one label a region (regions), 0 is off', 0, 1, 1),
    ('global_weight', 'share of the whole picture (global_weight)', 0, 1, 0.05),
    ('patch_weight', 'share of the nearest patches (patch_weight)', 0, 1, 0.01),
    ('confidence_threshold', 'least score in a region (confidence_threshold)', 0, 1, 0.01),
    ('iou_threshold', "SAM's least estimate of its masks (iou_threshold)", 0, 1, 0.01),
)


def sliders(workbench: Workbench) -> dict[str, gr.Slider]:
    """The sliders of the settings of a method, by name of the setting."""
    values = starts(workbench)
    reasons = idle(values, workbench.segmenter.bank)
    return {
        name: gr.Slider(
            low,
            max(high, values[name]),
            values[name],
            step=step,
            label=label,
            elem_id=name,
            buttons=[],
            **effect(reasons.get(name)),
        )
        for name, label, low, high, step in SLIDERS
        if name in values
    }


def effect(reason: str | None) -> dict:
    """Update a slider: greyed, with the reason, if it has no effect."""
    return dict(interactive=reason is None, info=reason or '')


def starts(workbench: Workbench) -> dict[str, float]:
    """Start values of the sliders: the config's own settings, 0 for those that are off; none if nothing can change."""
    if not workbench.two_halves:
        return {}
    settings = workbench.settings
    values = {name: getattr(settings, name) or 0 for name, *_ in SLIDERS if hasattr(settings, name)}
    values |= {'regions': 1} if workbench.may_unify else {}
    return {name: value.num_iters if isinstance(value, Pamr) else value for name, value in values.items()}
