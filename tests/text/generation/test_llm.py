"""Texts from a language model behind a real HTTP server that misbehaves on purpose."""

import json
import random
import signal
import sys
import time
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from chat_server import FAULTS, RETRY_AFTER, ChatServer
from conftest import REPO
from processes import forked

from itaclip_mmseg.text.bank import load_bank, parse_bank
from itaclip_mmseg.text.generation.backends import Server
from itaclip_mmseg.text.generation.llm import TRIES, generate_bank
from itaclip_mmseg.text.generation.prompts import prompt_hash
from itaclip_mmseg.utils.errors import UserError

pytest.importorskip('openai')

TOOL = 'generate_text_bank'
KINDS = ('definition', 'synonym')
TIMEOUT = 2  # seconds; the server answers at once unless it hangs


@pytest.fixture(scope='module')
def ade():
    """150 classes with good answers."""
    return load_bank(REPO / 'data/text_bank/ade20k150.json')


def good_answers(bank, kinds=KINDS):
    """The bank's own texts as what the server answers."""
    return {(kind, entry.words[0]): getattr(entry, kind) for kind in kinds for entry in bank.classes[bank.background :]}


def without_texts(bank, count=None):
    """The bank's first classes, to be described anew."""
    classes = tuple(replace(entry, definition=None, synonym=None) for entry in bank.classes[:count])
    return replace(bank, classes=classes, provenance={})


def generate(bank, path, chat, kinds=KINDS, workers=16, retries=6, timeout=TIMEOUT, **settings):
    backend = Server(chat.url, 'tiny', timeout=timeout, retries=retries)
    return generate_bank(bank, path, backend, kinds, workers=workers, **settings)


def waits(chat, key):
    """Seconds between the requests for one text."""
    times = [request[0] for request in chat.of(key)]
    return [later - earlier for earlier, later in pairwise(times)]


@pytest.mark.slow
def test_150_classes_through_a_server_that_misbehaves(ade, tmp_path):
    """Protects the user's hours and money: each fault costs one more request, and the bank ends complete and right."""
    answers, choose, faults = good_answers(ade), random.Random(0), {}
    for fault in FAULTS:
        for key in choose.sample(sorted(answers), 3):
            faults.setdefault(key, []).append(fault)
    with ChatServer(answers, faults) as chat:
        bank = generate(without_texts(ade), tmp_path / 'bank.json', chat)
        assert chat.counts() == {key: 1 + len(faults.get(key, ())) for key in answers}
        assert chat.counts().total() == 300 + 3 * len(FAULTS)
        for key, (fault, *_) in faults.items():
            least = {'rate limit': RETRY_AFTER, 'hang': TIMEOUT}.get(fault, 0)
            assert waits(chat, key)[0] >= least, fault
    assert bank.classes == ade.classes and load_bank(tmp_path / 'bank.json').classes == ade.classes
    assert [path.name for path in tmp_path.iterdir()] == ['bank.json']


def test_a_bad_answer_is_sent_back_with_its_fault(ade, tmp_path):
    """At temperature 0 the same request would get the same bad answer; a lost connection changes nothing."""
    bank = without_texts(ade, 1)
    key = ('synonym', bank.classes[0].words[0])
    with ChatServer(good_answers(ade), {key: ['cut', 'markup', 'not JSON']}) as chat:
        generate(bank, tmp_path / 'bank.json', chat, ['synonym'], seed=5)
        first, again, corrected, after_garbage = (body for _, _, body, _ in chat.of(key))
    assert first == again and first['seed'] == 5 and first['temperature'] == 0 and first['model'] == 'tiny'
    assert corrected['seed'] == 6 and corrected['messages'][0] == first['messages'][0]
    assert [message['role'] for message in corrected['messages']] == ['user', 'assistant', 'user']
    assert 'it contains markup' in corrected['messages'][2]['content']
    assert after_garbage == corrected | dict(seed=7)


def test_where_texts_come_from(tmp_path):
    """Model, request, seed, temperature and date are on record; texts of the other kind and their origin stay."""
    classes = [dict(name='background', words=['sky']), dict(name='cat', words=['cat'], definition='a pet', synonym='x')]
    origin = dict(definition=dict(source='me'), synonym=dict(source='me'))
    pets = parse_bank(dict(dataset='pets', background=True, classes=classes, provenance=origin))
    with ChatServer({('synonym', 'cat'): 'feline'}) as chat:
        backend = Server(chat.url, 'tiny', temperature=0.5)
        generate_bank(pets, tmp_path / 'bank.json', backend, ['synonym'], seed=3)
        assert chat.counts() == {('synonym', 'cat'): 1}  # none for the background
    bank = load_bank(tmp_path / 'bank.json')
    assert bank.classes[0] == pets.classes[0] and bank.classes[1] == replace(pets.classes[1], synonym='feline')
    assert bank.provenance['definition'] == dict(source='me')
    synonym = bank.provenance['synonym']
    assert synonym.pop('date') == time.strftime('%Y-%m-%d') and 'figure 4' in synonym.pop('source')
    assert synonym == dict(model='tiny', prompt=prompt_hash('synonym'), seed=3, temperature=0.5)


def test_a_class_without_a_usable_answer(ade, tmp_path):
    """It is named, the others are finished, and a second run asks for it alone."""
    bank, path = without_texts(ade, 12), tmp_path / 'bank.json'
    key = ('synonym', bank.classes[3].words[0])
    with ChatServer(good_answers(ade), {key: ['markup'] * TRIES}) as chat:
        message = f"class '{bank.classes[3].name}': no usable synonym in {TRIES} tries, last because it contains markup"
        with pytest.raises(UserError, match=message):
            generate(bank, path, chat, ['synonym'])
        assert chat.counts().total() == 11 + TRIES and not path.exists()
        assert generate(bank, path, chat, ['synonym']).classes[3].synonym == ade.classes[3].synonym
        assert chat.counts().total() == 11 + TRIES + 1


def test_other_settings_do_not_take_these_answers(ade, tmp_path):
    """A bank whose texts come from two seeds could not be made again."""
    bank, key = without_texts(ade, 6), ('synonym', ade.classes[0].words[0])
    with ChatServer(good_answers(ade), {key: ['empty'] * TRIES}) as chat:
        with pytest.raises(UserError, match='empty'):
            generate(bank, tmp_path / 'bank.json', chat, ['synonym'])
        generate(bank, tmp_path / 'bank.json', chat, ['synonym'], seed=1)
        asked = chat.counts()
    assert asked.pop(key) == TRIES + 1 and set(asked.values()) == {2} and len(asked) == 5


@pytest.mark.parametrize(
    ('refusal', 'advice'),
    [
        ((401, 'bad key sk-secret'), 'OPENAI_API_KEY'),
        ((404, 'no model\ntiny'), 'no model tiny.*check --model'),
        ((400, 'no seed here'), 'no seed here'),
    ],
)
def test_what_cannot_pass_stops_at_once(ade, tmp_path, monkeypatch, refusal, advice):
    """One line and no key in it, no further requests; what was finished is not asked again."""
    monkeypatch.setenv('OPENAI_API_KEY', 'sk-secret')
    bank, answers = without_texts(ade, 60), good_answers(ade)
    with ChatServer(answers, good_replies=20, refusal=refusal) as chat:
        with pytest.raises(UserError, match=advice) as error:
            generate(bank, tmp_path / 'bank.json', chat, ['synonym'], workers=4)
        assert '\n' not in str(error.value) and 'sk-secret' not in str(error.value)
        assert 20 < chat.counts().total() <= 20 + 2 * 4
        assert chat.requests[0][3]['Authorization'] == 'Bearer sk-secret'
        finished = json_lines(tmp_path / 'bank.json.journal')
    with ChatServer(answers) as chat:
        generate(bank, tmp_path / 'bank.json', chat, ['synonym'])
        assert chat.counts().total() == 60 - len(finished) and 16 <= len(finished) <= 20


@pytest.mark.parametrize(
    ('fault', 'advice'), [('hang', 'no data for 0.5 s'), ('cut', 'no answer'), ('rate limit', 'lower --workers')]
)
def test_what_does_not_pass_ends_in_one_line(ade, tmp_path, fault, advice):
    key = ('synonym', ade.classes[0].words[0])
    with ChatServer(good_answers(ade), {key: [fault] * 2}) as chat:
        with pytest.raises(UserError, match=advice) as error:
            generate(without_texts(ade, 1), tmp_path / 'bank.json', chat, ['synonym'], retries=1, timeout=0.5)
        assert '\n' not in str(error.value) and chat.counts()[key] == 2


def test_a_killed_run_goes_on(ade, tmp_path, run_tool):
    """kill -9 in the middle, and half a line at the end of the journal: no finished class is asked again."""
    words, out = [entry.words[0] for entry in ade.classes[:40]], tmp_path / 'bank.json'
    (tmp_path / 'words.txt').write_text('\n'.join(words))
    answers = {('synonym', word): ade.classes[label].synonym for label, word in enumerate(words)}
    with ChatServer(answers, delay=0.05) as chat:
        arguments = [tmp_path / 'words.txt', out, '--base-url', chat.url, '--model', 'm', '--kinds', 'synonym']
        arguments += ['--workers', 4]
        process = forked(lambda: run_tool(TOOL, *arguments))
        while chat.counts().total() < 16 and process.is_alive():
            time.sleep(0.01)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL and not out.exists()
        journal = tmp_path / 'bank.json.journal'
        finished = {question['word'] for question, _ in json_lines(journal)}
        before = chat.counts()
        assert 8 <= len(finished) < 40
        with open(journal, 'a') as file:
            file.write('\n["0123", {"kind": "syn')
        done = run_tool(TOOL, *arguments)
        again = chat.counts() - before
    assert again == Counter({('synonym', word): 1 for word in words if word not in finished})
    assert [entry.synonym for entry in load_bank(out).classes] == [entry.synonym for entry in ade.classes[:40]]
    assert 'synonym of 40 classes' in done.stdout and not journal.exists()


def test_faults_of_the_command_line(tmp_path, refused):
    """Named before anything is asked."""
    (tmp_path / 'pets.txt').write_text('cat')
    (tmp_path / 'old.json').write_text('{}')
    server = ['--base-url', 'http://127.0.0.1:1/v1']
    for arguments, fault in (
        (['old.json', *server, '--model', 'm'], 'exists already; add --overwrite'),
        (['new.json', *server], 'needs --model'),
        (['new.json', *server, '--model', 'm', '--workers', '0'], '--workers'),
        (['new.json', '--base-url', 'localhost:8000', '--model', 'm'], 'not an address of a server'),
        (['new.json', '--local', 'absent'], 'not a local model'),
        (['new.json', '--local', 'absent', '--model', 'm'], '--model: is the name'),
        (['pets.txt/new.json', *server, '--model', 'm'], 'not writable'),
    ):
        assert fault in refused(TOOL, tmp_path / 'pets.txt', tmp_path / arguments[0], *arguments[1:])


def test_the_package_that_is_missing_is_named(monkeypatch):
    """An optional part says how to get it."""
    monkeypatch.setitem(sys.modules, 'openai', None)
    with pytest.raises(UserError, match=r"pip install 'itaclip_mmseg\[llm\]'"):
        Server('http://127.0.0.1:1/v1', 'm')


def json_lines(path):
    return [json.loads(line.partition(' ')[2]) for line in path.read_text().splitlines() if line]
