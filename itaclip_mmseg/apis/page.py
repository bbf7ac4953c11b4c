"""The page in a browser: any photographs, any words, settings that answer without encoding again.

`page_layout.py` has its components, `page_session.py` computes, `page_view.py` draws, `page_server.py` serves it.
"""

import html
import time
from collections.abc import Sequence
from pathlib import Path

from itaclip_mmseg.apis.attention import attention_at
from itaclip_mmseg.apis.page_attention import attention_view
from itaclip_mmseg.apis.page_files import PROGRESS, Downloads
from itaclip_mmseg.apis.page_folder import thumbnails
from itaclip_mmseg.apis.page_gradio import gr
from itaclip_mmseg.apis.page_layout import HOUR, INTO_VIEW
from itaclip_mmseg.apis.page_progress import estimate
from itaclip_mmseg.apis.page_session import OWN, Answer, Workbench, existing
from itaclip_mmseg.apis.page_sliders import effect
from itaclip_mmseg.apis.page_view import fault, legend, view, warned
from itaclip_mmseg.apis.page_words import THRESHOLDS, class_list, idle
from itaclip_mmseg.text.classes import bank_of_text
from itaclip_mmseg.utils.errors import Faults, UserError, one_line


class Page(Downloads):
    """Which function answers which event. What a visitor brings is in Gradio's session state; nothing is kept here.

    Args:
        folder: where files to take away are written.
    """

    def __init__(self, workbench: Workbench, examples: Sequence[Path], folder: str | Path) -> None:
        title = dict(title='itaclip_mmseg', analytics_enabled=False, fill_width=True)
        with gr.Blocks(**title, delete_cache=(HOUR, HOUR)) as self.blocks:
            super().__init__(workbench, examples, folder)
            self.wire()

    def wire(self) -> None:
        """Connect events; every function gets the values of the page by component."""
        texts = {self.classes, self.background, self.definitions}
        given = {self.photo, self.answer, self.shown, self.method, self.paths, *texts, *self.sliders.values()}
        answers = {self.message, self.view, self.shown, self.command, self.answer}
        encoded = dict(outputs={self.photo, self.attention} | answers, concurrency_id='encoder')
        encoded |= dict(show_progress_on=self.view)
        taken = {self.drop, self.paths, self.strip, self.write_all}
        show = [
            self.drop.upload(
                self.take, {self.drop, self.label_maps} | given, **encoded | dict(outputs=encoded['outputs'] | taken)
            ),
            self.strip.select(self.take_one, given, **encoded),
            self.gallery.select(self.take_example, given, **encoded),
        ]
        slow = dict(show_progress_on=self.view, trigger_mode='always_last', concurrency_id='encoder')
        quick = dict(show_progress='minimal', show_progress_on=self.view, trigger_mode='always_last')
        quick |= dict(concurrency_id='decoder')
        if self.sliders:
            gr.on([one.change for one in self.sliders.values()], self.adjust, given, answers, **quick)
        self.method.change(self.segment, given, answers, **slow)
        queue = 'decoder' if self.workbench.two_halves else 'encoder'
        pressed = [self.go.click, self.background.submit]
        show.append(gr.on(pressed, self.segment, given, answers, **slow | dict(concurrency_id=queue)))
        started = [self.drop.upload, self.strip.select, self.gallery.select, *pressed]
        gr.on(started, None, js=INTO_VIEW.format('#answer'), show_progress='hidden')  # with the spinner
        for event in show:
            event.then(js=INTO_VIEW.format('#answer'))
        self.shown.input(self.repaint, {self.answer, self.shown}, {self.view}, **quick)
        self.wire_effects(texts)
        self.wire_files(given)

    def wire_effects(self, texts: set) -> None:
        """Connect greyed sliders and the attention of a patch."""
        if not self.sliders:
            return
        sliders = set(self.sliders.values())
        changes = [one.change for one in (*texts, *(self.sliders[name] for name in THRESHOLDS if name in self.sliders))]
        hidden = dict(show_progress='hidden', trigger_mode='always_last', concurrency_id='effects')
        gr.on(changes, self.grey, texts | sliders, sliders, **hidden)
        clicked = self.view.click(
            self.attend,
            {self.photo, self.answer},
            {self.message, self.attention},
            concurrency_id='encoder',
            show_progress_on=self.view,
        )
        clicked.then(js=INTO_VIEW.format('#attention'))

    def take(self, given: dict, progress: gr.Progress = PROGRESS) -> dict:
        """Show the dropped photographs, encode the first one and segment it."""
        faults = Faults()
        found = thumbnails(given[self.drop], faults, estimate(progress, 'reading'))
        strip = gr.Gallery([(picture, Path(path).name) for path, picture in found], visible=len(found) > 1)
        paths = [path for path, _ in found]
        everything = self.everything(paths, given[self.label_maps])
        taken = {self.drop: None, self.paths: paths, self.strip: strip, self.write_all: everything}
        if not found:
            return {self.drop: None, self.message: fault(*faults.lines)}
        answered = self.encode(paths[0], given, progress)
        return taken | answered | {self.message: fault(*faults.lines) + answered[self.message]}

    def take_one(self, given: dict, event: gr.SelectData, progress: gr.Progress = PROGRESS) -> dict:
        """Encode and segment the chosen photograph."""
        return self.encode(given[self.paths][event.index], given, progress)

    def take_example(self, given: dict, event: gr.SelectData, progress: gr.Progress = PROGRESS) -> dict:
        """Encode and segment the chosen example."""
        return self.encode(self.examples[event.index], given, progress)

    def encode(self, path: str | Path, given: dict, progress: gr.Progress) -> dict:
        """Encode the photograph, which takes seconds, then segment it."""
        try:
            photo = self.workbench.open(path, estimate(progress, 'encoding'))
        except UserError as error:
            return {self.message: fault(one_line(error))}
        return {self.photo: photo, self.attention: ''} | self.segment(given | {self.photo: photo}, progress)

    def segment(self, given: dict, progress: gr.Progress = PROGRESS) -> dict:
        """Segment again after a change of words, settings or the second method; some methods encode again."""
        start = time.perf_counter()
        try:
            classes, values, method = self.chosen(given)
            if outlook := self.workbench.outlook(given[self.photo], method):
                progress(0.0, desc=outlook)
            track = estimate(progress, method)
            answer = self.workbench.answer(given[self.photo], classes, values, method, given[self.answer], track)
            view_of = self.show(answer, given)
        except UserError as error:
            return {self.message: fault(one_line(error))}
        tags = [result.tag_line() for result in answer.results.values()]
        notes = [answer.photo.note, f'segmented in {time.perf_counter() - start:.2f} s', *tags]
        told = html.escape('; '.join(filter(None, notes)))
        return {self.message: told + fault(*answer.faults) + warned(answer.warnings), self.answer: answer} | view_of

    def adjust(self, given: dict) -> dict:
        """Segment again after a slider has moved, without showing progress."""
        return self.segment(given, lambda *_, **__: None)

    def show(self, answer: Answer, given: dict) -> dict:
        """Show the pictures, legend and command of an answer; hidden classes stay hidden."""
        previous = given[self.answer]
        off = set(previous.names) - set(given[self.shown]) if previous else set()
        shown = [name for name in answer.names if name not in off]
        return {
            self.view: view(answer.results, shown),
            self.shown: gr.CheckboxGroup(legend(answer.results), value=shown),
            self.command: '\n'.join(self.workbench.command(answer, method) for method in answer.results),
        }

    def repaint(self, given: dict) -> dict:
        """Show or hide a class."""
        answer = given[self.answer]
        return {self.view: view(answer.results, given[self.shown]) if answer else gr.skip()}

    def grey(self, given: dict) -> dict:
        """Grey sliders without effect after a change of words or thresholds, unless the words cannot be read."""
        values = {name: given[slider] for name, slider in self.sliders.items()}
        try:
            bank = bank_of_text(class_list(given[self.classes], given[self.background], given[self.definitions]))
        except UserError:
            return dict.fromkeys(self.sliders.values(), gr.skip())
        reasons = idle(values, bank)
        return {slider: gr.Slider(**effect(reasons.get(name))) for name, slider in self.sliders.items()}

    def attend(self, given: dict, event: gr.EventData) -> dict:
        """Show what the clicked patch attends to."""
        try:
            image = existing(given[self.photo]).picture.image
            attention = attention_at(self.workbench.segmenter, image, (event.x, event.y))
        except UserError as error:
            return {self.message: fault(one_line(error))}
        return {self.attention: attention_view(attention, given[self.answer].results[OWN])}
