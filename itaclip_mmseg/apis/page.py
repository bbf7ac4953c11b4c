"""The page in a browser: any photograph, any words, settings that answer without encoding again.

    with serving(Workbench('configs/itaclip/itaclip_tiny_scenes.py')) as address: ...

`page_session.py` computes, `page_view.py` draws; here is what stands where, and what answers which event.
"""

import html
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from itaclip_mmseg.apis.page_session import OWN, Answer, Workbench, class_fields, class_list, existing, write_files
from itaclip_mmseg.apis.page_view import legend, view
from itaclip_mmseg.apis.segmenter import Segmenter
from itaclip_mmseg.settings import Pamr
from itaclip_mmseg.utils.errors import UserError, one_line

try:
    import gradio as gr
except ImportError as error:
    raise UserError("page: needs the package gradio; pip install 'itaclip_mmseg[page]'") from error

ASSETS = Path(__file__).parents[1] / 'assets'
HINT = 'Drop a photograph, or take an example.'
ATTENTION_HINT = ' A click on the result shows what that patch attends to.'
ALONE = 'nothing'
VISITORS = 16  # whose photographs are kept, as tokens of up to 150 MB each; the oldest make room
HOUR = 3600  # seconds that a photograph is kept
SLIDERS = (  # setting, label, range, step; the page has those of the method's settings
    ('image_coefficient', 'lambda', 0, 1, 0.05),
    ('text_coefficient', 'alpha', 0, 1, 0.05),
    ('logit_scale', 'logit scale', 1, 200, 1),
    ('prob_threshold', 'score threshold (0: off)', 0, 1, 0.01),
    ('area_threshold', 'area threshold (0: off)', 0, 0.5, 0.01),
    ('pamr', 'PAMR steps (0: off)', 0, 20, 1),
    ('global_weight', 'share of the whole picture', 0, 1, 0.05),
    ('patch_weight', 'share of the nearest patches', 0, 1, 0.01),
)
PROGRESS = gr.Progress()  # how Gradio knows that a function shows it
Attention = Callable[[Segmenter, np.ndarray, tuple[int, int]], Figure]  # of an image and a pixel X, Y


class Page:
    """Layout and events. What a visitor brings is in Gradio's session state; nothing of it is kept here.

    Args:
        workbench: what computes.
        examples: photographs to choose from, files.
        attention: draws what the patch at a pixel attends to.
        folder: where files to take away are written.
    """

    def __init__(
        self, workbench: Workbench, examples: Sequence[Path], attention: Attention, folder: str | Path
    ) -> None:
        self.workbench, self.examples, self.attention, self.folder = workbench, examples, attention, folder
        with gr.Blocks(
            title='itaclip_mmseg', analytics_enabled=False, fill_width=True, delete_cache=(HOUR, HOUR)
        ) as self.blocks:
            weights = workbench.segmenter.config.backbone.pretrained
            gr.Markdown(f'**itaclip_mmseg** · `{workbench.config}` · weights `{weights}`')
            self.photo, self.answer = gr.State(time_to_live=HOUR), gr.State(time_to_live=HOUR)
            with gr.Row():
                with gr.Column(scale=3, min_width=280):
                    self.lay_input()
                with gr.Column(scale=7, min_width=480):
                    self.lay_answer()
                with gr.Column(scale=3, min_width=280):
                    self.lay_settings()
            self.figure = gr.Plot(show_label=False, visible=False, elem_id='attention')
            self.wire()

    def lay_input(self) -> None:
        """Photograph, examples, words."""
        classes, background = class_fields(
            self.workbench.segmenter.bank, getattr(self.workbench.settings, 'auxiliary', None)
        )
        self.drop = gr.File(label='Photograph', file_types=['image'], height=120, elem_id='photograph')
        self.gallery = gr.Gallery(
            [str(path) for path in self.examples],
            show_label=False,
            columns=3,
            height=175,
            allow_preview=False,
            interactive=False,
            buttons=[],
            elem_id='examples',
            visible=bool(self.examples),
        )
        self.classes = gr.Textbox(
            classes,
            label='Classes, one a line',
            info='other words behind =, a definition behind : for all or none',
            lines=6,
            max_lines=10,
            elem_id='classes',
        )
        self.background = gr.Textbox(
            background, label='Background words', info='between commas; none: no background', elem_id='background'
        )
        self.go = gr.Button('Segment', variant='primary', elem_id='segment')

    def lay_answer(self) -> None:
        """Messages, painted labels, files and the command line."""
        hint = HINT + ATTENTION_HINT * self.workbench.two_halves
        self.message = gr.Markdown(hint, elem_id='message', elem_classes='message')
        script = (ASSETS / 'page.js').read_text(encoding='utf-8')
        self.view = gr.HTML(js_on_load=script, elem_id='view', min_height=320)
        self.write = gr.Button('Make files to download', elem_id='write')
        self.files = gr.Files(
            label='Overlay, label map, class list, COCO annotations',
            visible=False,
            interactive=False,
            height=190,
            elem_id='files',
        )
        self.command = gr.Textbox(
            label='The same on the command line',
            lines=2,
            max_lines=5,
            buttons=['copy'],
            interactive=False,
            elem_id='command',
        )

    def lay_settings(self) -> None:
        """Legend, sliders, second method."""
        self.shown = gr.CheckboxGroup(
            [], label='Classes, share of the picture', elem_id='legend', elem_classes='legend'
        )
        values = starts(self.workbench)
        self.sliders = {
            name: gr.Slider(low, max(high, values[name]), values[name], step=step, label=label, elem_id=name)
            for name, label, low, high, step in SLIDERS
            if name in values
        }
        self.method = gr.Dropdown(
            [ALONE, *self.workbench.methods],
            value=ALONE,
            label='Beside it, by its own settings',
            visible=bool(self.workbench.methods),
            elem_id='method',
        )

    def wire(self) -> None:
        """What answers which event; every function gets the values that stand in the page, by component."""
        words = {self.classes, self.background, self.method, *self.sliders.values()}
        given = {self.photo, self.answer, self.shown} | words
        answers = {self.message, self.view, self.shown, self.command, self.answer}
        encoding = dict(outputs={self.drop, self.photo} | answers, concurrency_id='encoder', show_progress_on=self.view)
        self.drop.upload(self.take, {self.drop} | given, **encoding)
        self.gallery.select(self.take_example, given, **encoding)
        latest = dict(show_progress='hidden', trigger_mode='always_last', concurrency_id='decoder')
        whole = dict(show_progress_on=self.view, trigger_mode='always_last', concurrency_id='encoder')
        changes = [one.change for one in (*self.sliders.values(), self.method)]
        gr.on(
            [*changes, self.go.click, self.background.submit],
            self.segment,
            given,
            answers,
            **(latest if self.workbench.two_halves else whole),
        )
        self.shown.input(self.repaint, {self.answer, self.shown}, {self.view}, **latest)
        if self.workbench.two_halves:
            attention = dict(concurrency_id='encoder', show_progress_on=self.view)
            clicked = self.view.click(self.attend, {self.photo}, {self.message, self.figure}, **attention)
            clicked.then(js="() => document.querySelector('#attention')?.scrollIntoView({ behavior: 'smooth' })")
        self.write.click(
            self.write_all, {self.answer}, {self.message, self.files}, show_progress='hidden', concurrency_id='decoder'
        )

    def take(self, given: dict, progress: gr.Progress = PROGRESS) -> dict:
        """A photograph was dropped: encode it, and segment it by what stands in the page."""
        return {self.drop: None} | self.encode(given[self.drop], given, progress)

    def take_example(self, given: dict, event: gr.SelectData, progress: gr.Progress = PROGRESS) -> dict:
        """An example was chosen."""
        return self.encode(self.examples[event.index], given, progress)

    def encode(self, path: str | Path, given: dict, progress: gr.Progress) -> dict:
        """The half that takes seconds, then the other."""
        try:
            photo = self.workbench.open(path, partial(progress.tqdm, desc='encoding'))
        except UserError as error:
            return {self.message: fault(error)}
        return {self.photo: photo} | self.segment(given | {self.photo: photo})

    def segment(self, given: dict) -> dict:
        """Words, settings or the second method were changed: the half that takes a moment."""
        start = time.perf_counter()
        values = {name: given[slider] for name, slider in self.sliders.items()}
        method = None if given[self.method] == ALONE else given[self.method]
        try:
            classes = class_list(given[self.classes], given[self.background])
            answer = self.workbench.answer(given[self.photo], classes, values, method)
            view_of = self.show(answer, given)
        except UserError as error:
            return {self.message: fault(error)}
        notes = [answer.photo.note, f'segmented in {time.perf_counter() - start:.2f} s', answer.results[OWN].tag_line()]
        return {self.message: html.escape('; '.join(filter(None, notes))), self.answer: answer} | view_of

    def show(self, answer: Answer, given: dict) -> dict:
        """Pictures, legend and command of an answer; classes that were switched off stay so."""
        previous = given[self.answer]
        off = set(previous.names) - set(given[self.shown]) if previous else set()
        shown = [name for name in answer.names if name not in off]
        return {
            self.view: view(answer.results, shown),
            self.shown: gr.CheckboxGroup(legend(answer.results), value=shown),
            self.command: '\n'.join(self.workbench.command(answer, method) for method in answer.results),
        }

    def repaint(self, given: dict) -> dict:
        """A class was switched on or off."""
        answer = given[self.answer]
        return {self.view: view(answer.results, given[self.shown])} if answer else {}

    def attend(self, given: dict, event: gr.EventData) -> dict:
        """A patch was clicked on."""
        try:
            image = existing(given[self.photo]).picture.image
        except UserError as error:
            return {self.message: fault(error)}
        figure = self.attention(self.workbench.segmenter, image, (event.x, event.y))
        return {self.figure: gr.Plot(figure, visible=True)}

    def write_all(self, given: dict) -> dict:
        """Files were asked for."""
        if given[self.answer] is None:
            return {self.message: fault(UserError('files: nothing is segmented yet; drop a photograph'))}
        try:
            return {self.files: gr.Files(write_files(given[self.answer], self.folder), visible=True, interactive=False)}
        except UserError as error:
            return {self.message: fault(error)}


def starts(workbench: Workbench) -> dict[str, float]:
    """What the sliders show first: the config's own settings, 0 for what is off; none where nothing may change."""
    if not workbench.two_halves:
        return {}
    settings = workbench.settings
    values = {name: getattr(settings, name) or 0 for name, *_ in SLIDERS if hasattr(settings, name)}
    return {name: value.num_iters if isinstance(value, Pamr) else value for name, value in values.items()}


def fault(error: UserError) -> str:
    """An error as the page shows it: its text, taken literally, on one line."""
    return f'<span class="fault">{html.escape(one_line(error))}</span>'


@contextmanager
def serving(
    workbench: Workbench,
    attention: Attention,
    examples: Sequence[np.ndarray] = (),
    host: str = '127.0.0.1',
    port: int | None = None,
) -> Iterator[str]:
    """Serve the page while the context lasts; gives its address. Uploads and files go with it.

    Args:
        attention: see `Page`.
        examples: photographs to choose from, H x W x 3 uint8, RGB.
        port: None for the first free one from 7860 on.

    Raises:
        UserError: the port is taken.
    """
    with tempfile.TemporaryDirectory(prefix='itaclip_mmseg_page_') as folder:
        os.environ |= dict(GRADIO_TEMP_DIR=folder, GRADIO_ANALYTICS_ENABLED='False', GRADIO_RUN_HISTORY='False')
        files = [Path(folder) / f'scene_{index}.png' for index in range(1, len(examples) + 1)]
        for file, image in zip(files, examples):
            Image.fromarray(image).save(file)
        blocks = Page(workbench, files, attention, folder).blocks
        try:
            _, address, _ = blocks.launch(
                server_name=host,
                server_port=port,
                share=False,
                ssr_mode=False,
                max_file_size='20mb',
                state_session_capacity=VISITORS,
                css=(ASSETS / 'page.css').read_text(encoding='utf-8'),
                footer_links=[],
                quiet=True,
                prevent_thread_lock=True,
            )
        except OSError as error:
            raise UserError(f'--port {port}: not free on {host}; name another') from error
        try:
            yield address
        finally:
            blocks.close(verbose=False)
