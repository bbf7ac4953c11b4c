"""Downloads: the files of one photograph, or of all with the IoU against label maps."""

from collections.abc import Sequence
from pathlib import Path

from itaclip_mmseg.apis.page_folder import segment_all
from itaclip_mmseg.apis.page_gradio import gr
from itaclip_mmseg.apis.page_layout import INTO_VIEW, Layout, files_of
from itaclip_mmseg.apis.page_progress import estimate
from itaclip_mmseg.apis.page_session import Workbench, write_files
from itaclip_mmseg.apis.page_truth import iou_table
from itaclip_mmseg.apis.page_view import fault, warned
from itaclip_mmseg.utils.errors import Faults, UserError, one_line

PROGRESS = gr.Progress()  # how Gradio knows that a function shows it


class Downloads(Layout):
    """The page's components, with the events that write files.

    Args:
        folder: where files to take away are written.
    """

    def __init__(self, workbench: Workbench, examples: Sequence[Path], folder: str | Path) -> None:
        super().__init__(workbench, examples)
        self.folder = folder

    def wire_files(self, given: set) -> None:
        """Connect the buttons; `given` are the components that an answer depends on."""
        outputs = {self.message, self.files}
        hidden = dict(show_progress='hidden', concurrency_id='decoder')
        self.write.click(self.write_one, {self.answer}, outputs, **hidden)
        progress = dict(show_progress_on=[self.view, self.strip], concurrency_id='encoder')
        everything = self.write_all.click(
            self.write_folder, given | {self.label_maps}, outputs | {self.strip, self.iou}, **progress
        )
        everything.then(js=INTO_VIEW.format('#iou table'))
        self.label_maps.change(self.offer, {self.paths, self.label_maps}, {self.write_all}, **hidden)

    def offer(self, given: dict) -> dict:
        """Update the page after label maps were added or removed."""
        return {self.write_all: self.everything(given[self.paths], given[self.label_maps])}

    def everything(self, paths: Sequence[str], label_maps: Sequence[str] | None) -> gr.Button:
        """Show the button for all photographs if there are several, or label maps to measure against."""
        measured = ', make files and measure IoU' if label_maps else ' and make files'
        number = f'{len(paths)} photographs' if len(paths) > 1 else 'the photograph'
        return gr.Button(f'Segment {number}{measured}', visible=len(paths) > 1 or bool(paths and label_maps))

    def write_one(self, given: dict) -> dict:
        """Make the files of the photograph."""
        if given[self.answer] is None:
            return {self.message: fault('files: nothing is segmented yet; drop a photograph')}
        try:
            return {self.files: files_of(write_files(given[self.answer], self.folder))}
        except UserError as error:
            return {self.message: fault(one_line(error))}

    def write_folder(self, given: dict, progress: gr.Progress = PROGRESS) -> dict:
        """Make the files of all photographs."""
        faults = Faults()
        try:
            chosen = self.chosen(given)
        except UserError as error:
            return {self.message: fault(one_line(error))}
        paths, track = given[self.paths], estimate(progress, 'photographs')
        done = segment_all(self.workbench, paths, given[self.label_maps] or (), chosen, self.folder, faults, track)
        told = f'{len(done.pictures)} of {len(paths)} photographs segmented; download {Path(done.archive).name}'
        return {
            self.message: told + fault(*faults.lines) + warned(done.warnings),
            self.files: files_of([done.archive]),
            self.strip: gr.Gallery(done.pictures),
            self.iou: iou_table(done.figures, done.measured) if done.figures else '',
        }
