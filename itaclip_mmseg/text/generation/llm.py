"""Generate the definitions and synonyms of a text bank with a language model."""

import asyncio
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

from itaclip_mmseg.text.bank import TextBank, save_bank
from itaclip_mmseg.text.generation.backends import Backend, UnreadableError
from itaclip_mmseg.text.generation.prompts import cleaned, correction, find_fault, messages_for, prompt_hash
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.progress import ProgressBar
from itaclip_mmseg.utils.resources import remove_unfinished
from itaclip_mmseg.utils.sealed_lines import read_sealed, sealed

TRIES = 5  # for a usable answer; the backend handles lost connections and rate limits


@dataclass(frozen=True)
class Question:
    """A request for a definition or synonym (`kind`) of the first word of a class."""

    kind: str
    name: str
    word: str


class UnusableError(Exception):
    """No answer to a question was usable."""


class AnswerJournal:
    """A file with one line per finished answer, so that a killed run can resume.

    Args:
        path: path of the file.
        settings: settings of the run by kind; only answers with the same settings are used.
    """

    def __init__(self, path: Path, settings: dict[str, dict]) -> None:
        self.path = path
        self.keys = {kind: hashlib.sha256(repr(value).encode()).hexdigest()[:16] for kind, value in settings.items()}

    def read(self) -> dict[Question, str]:
        """All answers; incomplete lines of a killed run are skipped."""
        answers = {}
        for key in self.keys.values() if self.path.exists() else ():
            for content in read_sealed(self.path, key):
                question, text = json.loads(content)
                answers[Question(**question)] = text
        return answers

    def append(self, question: Question, text: str) -> None:
        """Append an answer. The newline comes first, to end an incomplete line of a killed run."""
        with open(self.path, 'a', encoding='utf-8') as file:
            file.write('\n' + sealed(json.dumps([asdict(question), text]), self.keys[question.kind]))
            file.flush()
            os.fsync(file.fileno())

    def remove(self) -> None:
        """Remove the file of a finished run."""
        self.path.unlink(missing_ok=True)


def journal_of(path: Path) -> Path:
    """The path of a bank's finished answers until all are complete."""
    return path.with_name(path.name + '.journal')


def generate_bank(
    bank: TextBank, path: str | os.PathLike, backend: Backend, kinds: Sequence[str], seed: int = 0, workers: int = 8
) -> TextBank:
    """Generate texts for all classes except the background, write the bank to `path` when complete, and return it.

    Until then, finished answers are in `path` + '.journal', and the next run with the same settings uses them.

    Args:
        kinds: 'definition', 'synonym'; these texts of the bank are replaced, texts of other kinds are kept.
        seed: sampling seed of the first try; each further try adds 1.
        workers: number of parallel questions.

    Raises:
        UserError: the path is not writable, the backend fails, or a class has no usable answer after `TRIES`.
    """
    path = Path(path)
    settings = {
        kind: dict(model=backend.model, prompt=prompt_hash(kind), seed=seed, temperature=backend.temperature)
        for kind in kinds
    }
    journal = AnswerJournal(journal_of(path), settings)
    questions = [
        Question(kind, entry.name, entry.words[0]) for kind in kinds for entry in bank.classes[bank.background :]
    ]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_unfinished([path])
        answers = {question: text for question, text in journal.read().items() if question in questions}
        asyncio.run(ask_all(questions, answers, backend, journal, seed, workers))
        bank = with_texts(bank, answers, settings)
        save_bank(bank, path)
        journal.remove()
    except OSError as error:
        raise UserError(f'{path}: not writable ({error.strerror}); choose another path') from error
    return bank


async def ask_all(
    questions: Sequence[Question],
    answers: dict[Question, str],
    backend: Backend,
    journal: AnswerJournal,
    seed: int,
    workers: int,
) -> None:
    """Add missing answers to `answers`; a question without a usable answer does not stop the others."""
    open_questions = [question for question in questions if question not in answers]
    gate, failures = asyncio.Semaphore(workers), []

    async def finish(question: Question) -> None:
        async with gate:
            try:
                answers[question] = await ask(question, backend, seed)
            except UnusableError as error:
                failures.append(error)
                return
        journal.append(question, answers[question])
        bar.advance()

    with ProgressBar('texts', len(questions), len(questions) - len(open_questions)) as bar:
        tasks = [asyncio.create_task(finish(question)) for question in open_questions]
        try:
            await asyncio.gather(*tasks)
        finally:  # an error in one task stops all
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await backend.close()
    if failures:
        more = f' (and {len(failures) - 1} more like it)' if len(failures) > 1 else ''
        raise UserError(f'{failures[0]}{more}; run again to ask only for these, or use another model')


async def ask(question: Question, backend: Backend, seed: int) -> str:
    """Get a usable answer, cleaned; an unusable one is returned to the model with the reason.

    Raises:
        UnusableError: there is none after `TRIES`.
    """
    request = messages = messages_for(question.kind, question.word)
    for attempt in range(TRIES):
        try:
            answer = await backend.answer(messages, seed + attempt)
        except UnreadableError as error:
            fault = str(error)
            continue
        text = cleaned(question.kind, answer)
        fault = find_fault(question.kind, question.word, text)
        if fault is None:
            return text
        messages = request + correction(answer, fault)
    raise UnusableError(f"class '{question.name}': no usable {question.kind} in {TRIES} tries, last because {fault}")


def with_texts(bank: TextBank, answers: dict[Question, str], settings: dict[str, dict]) -> TextBank:
    """The bank with the answers and their provenance; `settings` by kind."""
    texts = {}
    for question, text in answers.items():
        texts.setdefault(question.name, {})[question.kind] = text
    classes = tuple(replace(entry, **texts.get(entry.name, {})) for entry in bank.classes)
    source = 'a language model, asked with the prompt of figure 4 of arXiv:2411.12044 in our words'
    today = dict(date=date.today().isoformat())
    origin = {kind: dict(source=source) | values | today for kind, values in settings.items()}
    return replace(bank, classes=classes, provenance=bank.provenance | origin)
