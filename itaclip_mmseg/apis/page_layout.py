"""What is where on the page."""

from collections.abc import Sequence
from pathlib import Path

from itaclip_mmseg.apis.page_session import Workbench
from itaclip_mmseg.apis.page_words import class_fields, idle
from itaclip_mmseg.settings import Pamr
from itaclip_mmseg.utils.errors import UserError

try:
    import gradio as gr
except ImportError as error:
    raise UserError("page: needs the package gradio; pip install 'itaclip_mmseg[page]'") from error

ASSETS = Path(__file__).parents[1] / 'assets'
HINT = 'Drop photographs, or click an example.'
ATTENTION_HINT = ' Click a patch of the result to see what it attends to; by keyboard, use the arrows and Enter.'
ALONE = 'nothing'
HOUR = 3600  # seconds that a photograph is kept
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


class Layout:
    """The components of the page, without events.

    Args:
        workbench: what computes.
        examples: photographs to choose from, files.

    Attributes:
        sliders: by name of the setting; none where the settings stay the config's.
    """

    def __init__(self, workbench: Workbench, examples: Sequence[Path]) -> None:
        self.workbench, self.examples = workbench, examples
        weights = workbench.segmenter.config.backbone.pretrained
        gr.Markdown(f'**itaclip_mmseg** · `{workbench.config}` · weights `{weights}`')
        self.photo, self.answer = gr.State(time_to_live=HOUR), gr.State(time_to_live=HOUR)
        self.paths = gr.State([], time_to_live=HOUR)
        with gr.Row(elem_id='columns'):
            with gr.Column(scale=3, min_width=260):
                self.lay_input()
            with gr.Column(scale=8, min_width=360, elem_id='answer'):
                self.message = gr.Markdown(HINT + ATTENTION_HINT * workbench.two_halves, elem_id='message')
                self.view = gr.HTML(js_on_load=script('page.js'), elem_id='view', min_height=120)
            with gr.Column(scale=3, min_width=260):
                self.lay_settings()
                self.lay_files()
        self.attention = gr.HTML(js_on_load=script('attention.js'), elem_id='attention')

    def lay_input(self) -> None:
        """Photographs, examples, words."""
        bank = self.workbench.segmenter.bank
        classes, background, definitions = class_fields(bank, getattr(self.workbench.settings, 'auxiliary', None))
        self.drop = gr.File(label='Photographs', file_count='multiple', height=120, elem_id='photograph')
        self.strip = gallery([], 'strip', visible=False)
        self.gallery = gallery([str(path) for path in self.examples], 'examples', visible=bool(self.examples))
        self.classes = gr.Textbox(
            classes,
            label='Classes, one a line',
            info='Write other words of a class behind =, as in sea = sea, ocean.',
            lines=6,
            max_lines=8,
            elem_id='classes',
        )
        self.background = gr.Textbox(
            background,
            label='Background words',
            info='Separate them by commas; none is no background.',
            elem_id='background',
        )
        with gr.Accordion('Definitions', open=False, elem_id='define'):
            self.definitions = gr.Textbox(
                definitions,
                label='Definitions, one a line',
                info='Write name: definition. They count once every class has one.',
                lines=4,
                max_lines=8,
                elem_id='definitions',
            )
        self.go = gr.Button('Segment', variant='primary', elem_id='segment')

    def lay_settings(self) -> None:
        """Legend, second method, sliders."""
        self.shown = gr.CheckboxGroup(
            [], label='Classes, share of the picture', elem_id='legend', elem_classes='legend'
        )
        self.method = gr.Dropdown(
            [ALONE, *self.workbench.methods],
            value=ALONE,
            label='Compare with (its default settings)',
            visible=bool(self.workbench.methods),
            elem_id='method',
        )
        values = starts(self.workbench)
        reasons = idle(values, self.workbench.segmenter.bank)
        self.sliders = {
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

    def lay_files(self) -> None:
        """Downloads, and the command line."""
        self.write = gr.Button('Make files to download', elem_id='write')
        self.write_all = gr.Button('Segment all photographs and make files', visible=False, elem_id='write_all')
        self.files = gr.Files(
            label='Overlays, label maps, class lists, COCO annotations, shares',
            visible=False,
            interactive=False,
            height=190,
            elem_id='files',
        )
        with gr.Accordion('The same on the command line', open=False, elem_id='shell'):
            self.command = gr.Textbox(
                show_label=False, lines=2, max_lines=5, buttons=['copy'], interactive=False, elem_id='command'
            )


def gallery(pictures: list, name: str, visible: bool) -> gr.Gallery:
    """Small pictures to choose one from."""
    return gr.Gallery(
        pictures,
        show_label=False,
        columns=3,
        height=145,
        allow_preview=False,
        interactive=False,
        buttons=[],
        elem_id=name,
        elem_classes='thumbnails',
        visible=visible,
    )


def files_of(paths: list[str]) -> gr.Files:
    """Files to download."""
    return gr.Files(paths, visible=True, interactive=False)


def script(name: str) -> str:
    """A script of the assets."""
    return (ASSETS / name).read_text(encoding='utf-8')


def effect(reason: str | None) -> dict:
    """How a slider looks: greyed with the reason where it has no effect."""
    return dict(interactive=reason is None, info=reason or '')


def starts(workbench: Workbench) -> dict[str, float]:
    """What the sliders show first: the config's own settings, 0 for what is off; none where nothing may change."""
    if not workbench.two_halves:
        return {}
    settings = workbench.settings
    values = {name: getattr(settings, name) or 0 for name, *_ in SLIDERS if hasattr(settings, name)}
    values |= {'regions': 1} if workbench.may_unify else {}
    return {name: value.num_iters if isinstance(value, Pamr) else value for name, value in values.items()}
