"""Layout of the page."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from itaclip_mmseg.apis.page_gradio import gr
from itaclip_mmseg.apis.page_methods import Other
from itaclip_mmseg.apis.page_session import Workbench
from itaclip_mmseg.apis.page_sliders import sliders
from itaclip_mmseg.apis.page_words import class_fields, class_list

ASSETS = Path(__file__).parents[1] / 'assets'
HINT = 'Drop photographs, or click an example.'
ATTENTION_HINT = ' Click a patch of the result to see what it attends to; by keyboard, use the arrows and Enter.'
ALONE = 'nothing'
TRUTH_HINT = (
    'Add label maps with the names of your photographs. A pixel is the index of its class, counted from 0; the '
    'background, if there is one, is 0. 255 is ignored. If you compare two methods, both are measured.'
)
INTO_VIEW = """() => [100, 700].forEach(wait => setTimeout(() => document.querySelector('{}')
    ?.scrollIntoView({{ behavior: 'smooth', block: 'nearest' }}), wait))"""  # again where downloads moved it meanwhile
HOUR = 3600  # seconds that a photograph is kept


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
        self.iou = gr.HTML(elem_id='iou')

    def lay_input(self) -> None:
        """Photographs, examples, words."""
        bank = self.workbench.segmenter.bank
        classes, background, definitions = class_fields(bank, getattr(self.workbench.settings, 'auxiliary', None))
        self.drop = gr.File(label='Photographs', file_count='multiple', height=120, elem_id='photograph')
        self.strip = gallery([], 'strip', visible=False)
        self.gallery = gallery([str(path) for path in self.examples], 'examples', visible=bool(self.examples))
        self.classes = gr.Textbox(
            classes,
            label='Classes, one per line',
            info='Add more words for a class after =, as in sea = sea, ocean.',
            lines=6,
            max_lines=8,
            elem_id='classes',
        )
        self.background = gr.Textbox(
            background,
            label='Background words',
            info='Separate them with commas. Leave this empty for no background.',
            elem_id='background',
        )
        with gr.Accordion('Definitions', open=False, elem_id='define'):
            self.definitions = gr.Textbox(
                definitions,
                label='Definitions, one per line',
                info='Write name: definition. They are used once every class has one.',
                lines=4,
                max_lines=8,
                elem_id='definitions',
            )
        with gr.Accordion('Label maps, to measure IoU', open=False, elem_id='measure'):
            gr.Markdown(TRUTH_HINT)
            self.label_maps = gr.File(label='Label maps', file_count='multiple', height=120, elem_id='label_maps')
        self.go = gr.Button('Segment', variant='primary', elem_id='segment')

    def lay_settings(self) -> None:
        """Legend, second method, sliders."""
        self.shown = gr.CheckboxGroup(
            [], label='Classes and their share of the picture', elem_id='legend', elem_classes='legend'
        )
        others = self.workbench.others
        names = [*self.workbench.methods, *others.ready]
        self.method = gr.Dropdown(
            [ALONE, *names],
            value=ALONE,
            label='Compare with (its default settings)',
            visible=bool(names),
            elem_id='method',
        )
        self.sliders = sliders(self.workbench)
        if others.lacking:
            with gr.Accordion(f'{len(others.lacking)} more methods need other weights', open=False, elem_id='lacking'):
                gr.Markdown(lacking_list(others.lacking))

    def lay_files(self) -> None:
        """Downloads, and the command line."""
        self.write = gr.Button('Make files to download', elem_id='write')
        self.write_all = gr.Button('Segment all photographs and make files', visible=False, elem_id='write_all')
        self.files = gr.Files(
            label='Overlays, label maps, class lists, COCO annotations, shares, IoU',
            visible=False,
            interactive=False,
            height=190,
            elem_id='files',
        )
        with gr.Accordion('The same on the command line', open=False, elem_id='shell'):
            self.command = gr.Textbox(
                show_label=False, lines=2, max_lines=5, buttons=['copy'], interactive=False, elem_id='command'
            )

    def chosen(self, given: dict) -> tuple[str, dict[str, float], str | None]:
        """Convert the components' values into classes, settings and second method for `Workbench.answer`."""
        values = {name: given[slider] for name, slider in self.sliders.items()}
        method = None if given[self.method] == ALONE else given[self.method]
        return class_list(given[self.classes], given[self.background], given[self.definitions]), values, method


def lacking_list(methods: Mapping[str, Other]) -> str:
    """The methods that cannot run, and what each needs, as Markdown."""
    folders = {name: Path(method.config).parent.name for name, method in methods.items()}
    lines = [f'- **{name}** (`{folders[name]}`): {"; ".join(method.needs)}' for name, method in methods.items()]
    command = f'python tools/prepare_data.py --weights {next(iter(folders.values()))}'
    return '\n'.join([*lines, '', f'To get weights, run for instance `{command}`, and restart the page.'])


def gallery(pictures: list, name: str, visible: bool) -> gr.Gallery:
    """Thumbnails to choose from."""
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
