"""Texts from a local model: a Llama of two layers, made here."""

import asyncio
import json
import pickle
import sys
from pathlib import Path

import pytest
import torch

from itaclip_mmseg.text.bank import load_bank, parse_bank
from itaclip_mmseg.text.generation.backends import LocalModel, UnreadableError
from itaclip_mmseg.text.generation.llm import TRIES, generate_bank
from itaclip_mmseg.text.generation.prompts import messages_for
from itaclip_mmseg.utils.errors import UserError

transformers = pytest.importorskip('transformers', minversion='4.56')  # as the extra llm has it
tokenizers = pytest.importorskip('tokenizers')

ANSWERS = {
    ('definition', 'cat'): 'a small furry animal with whiskers',
    ('definition', 'dog'): 'a loyal animal that barks',
    ('synonym', 'cat'): 'feline',
    ('synonym', 'dog'): 'hound',
}
TEMPLATE = '{% for message in messages %}{{ message.content }} {{ eos_token }} {% endfor %}'
PETS = dict(dataset='pets', background=False, classes=[dict(name=name, words=[name]) for name in ('cat', 'dog')])


def make_tokenizer(template=TEMPLATE):
    """A token a word of the prompts and answers."""
    texts = [messages_for(*key)[0]['content'] + ' ' + answer for key, answer in ANSWERS.items()]
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(unk_token='<unk>'))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    special = ['<unk>', '</s>']
    tokenizer.train_from_iterator(texts, tokenizers.trainers.WordLevelTrainer(special_tokens=special))
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token='<unk>', eos_token='</s>', chat_template=template
    )


def make_network(tokenizer):
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=512,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    return transformers.LlamaForCausalLM(config)


def learn(network, tokenizer):
    """Train on the four requests until their answers are known by heart."""
    rows = []
    for key, answer in ANSWERS.items():
        request = tokenizer(messages_for(*key)[0]['content'] + ' </s>', return_tensors='pt')['input_ids']
        reply = tokenizer(f'{answer} </s>', return_tensors='pt')['input_ids']
        rows.append((torch.cat([request, reply], 1), torch.cat([torch.full_like(request, -100), reply], 1)))
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(400):
        optimizer.zero_grad()
        losses = [network(input_ids=tokens, labels=labels).loss for tokens, labels in rows]
        if max(losses) < 0.02:
            return
        sum(losses).backward()
        optimizer.step()
    raise AssertionError(f'not learnt: {losses}')


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    """The model before and after it has learnt."""
    tokenizer, root = make_tokenizer(), tmp_path_factory.mktemp('models')
    network = make_network(tokenizer)
    for name in ('random', 'trained'):
        if name == 'trained':
            learn(network, tokenizer)
        network.save_pretrained(root / name)
        tokenizer.save_pretrained(root / name)
    return root


@pytest.mark.slow
def test_a_bank_from_a_local_model(folders, tmp_path):
    """The whole way: chat template, greedy answers that end, checks, the bank with its provenance."""
    state = torch.get_rng_state()
    bank = generate_bank(
        parse_bank(PETS), tmp_path / 'pets.json', LocalModel(folders / 'trained'), ['definition', 'synonym']
    )
    assert torch.equal(torch.get_rng_state(), state)  # the caller's random numbers
    assert {(kind, entry.name): getattr(entry, kind) for entry in bank.classes for kind in bank.provenance} == ANSWERS
    assert bank.provenance['synonym']['model'] == 'trained'  # without the folders of this machine


@pytest.mark.slow
def test_the_tool_takes_a_local_model(folders, tmp_path, run_tool):
    """Protects the command that the documentation gives."""
    (tmp_path / 'pets.txt').write_text('cat, kitten\ndog\n')
    arguments = [
        tmp_path / 'pets.txt',
        tmp_path / 'out/pets.json',
        '--local',
        folders / 'trained',
        '--kinds',
        'synonym',
    ]
    done = run_tool('generate_text_bank', *arguments)
    bank = load_bank(tmp_path / 'out/pets.json')
    assert [(entry.words, entry.synonym) for entry in bank.classes] == [
        (('cat', 'kitten'), 'feline'),
        (('dog',), 'hound'),
    ]
    assert done.returncode == 0 and 'pets.json: synonym of 2 classes' in done.stdout


@pytest.mark.slow
def test_garbage_of_a_local_model_is_refused(folders, tmp_path, monkeypatch):
    """Random weights give no bank, however often they are asked."""
    monkeypatch.setattr('itaclip_mmseg.text.generation.backends.MAX_NEW_TOKENS', 70)
    with pytest.raises(UserError, match=rf"class '(cat|dog)': no usable definition in {TRIES} tries.*\(and 1 more"):
        generate_bank(parse_bank(PETS), tmp_path / 'pets.json', LocalModel(folders / 'random'), ['definition'])
    assert not (tmp_path / 'pets.json').exists()


@pytest.mark.slow
def test_seed_and_temperature_decide(folders, monkeypatch):
    """The same seed repeats an answer; another seed gives another, or asking again would be no use."""
    monkeypatch.setattr('itaclip_mmseg.text.generation.backends.MAX_NEW_TOKENS', 30)
    model = LocalModel(folders / 'random', temperature=1.0)
    outcomes = [outcome(model, seed) for seed in (1, 1, 2, 3, 4)]
    assert outcomes[0] == outcomes[1] and len(set(outcomes)) > 1


def outcome(model, seed):
    try:
        return asyncio.run(model.answer(messages_for('synonym', 'cat'), seed))
    except UnreadableError as error:
        return str(error)


class Trap:
    """Unpickling it leaves a trace."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_nothing_in_a_folder_is_run(tmp_path):
    """Neither pickles nor code that a model brings along."""
    trace, tokenizer = tmp_path / 'trace', make_tokenizer()
    pickled, coded = tmp_path / 'pickled', tmp_path / 'coded'
    for folder in (pickled, coded):
        tokenizer.save_pretrained(folder)
        make_network(tokenizer).save_pretrained(folder)
    (pickled / 'model.safetensors').unlink()
    (pickled / 'pytorch_model.bin').write_bytes(pickle.dumps(Trap(trace)))
    config = json.loads((coded / 'config.json').read_text())
    own = dict(AutoConfig='own.Config', AutoModelForCausalLM='own.Model')
    (coded / 'config.json').write_text(json.dumps(config | dict(model_type='own', auto_map=own)))
    (coded / 'own.py').write_text(f'open({str(trace)!r}, "w")')
    for folder in (pickled, coded):
        with pytest.raises(UserError, match='not readable as a local model') as error:
            LocalModel(folder)
        assert '\n' not in str(error.value) and not trace.exists()


def test_faults_of_a_folder_are_named(tmp_path):
    with pytest.raises(UserError, match=r'no config\.json'):
        LocalModel(tmp_path)
    make_tokenizer(template=None).save_pretrained(tmp_path)
    make_network(make_tokenizer()).save_pretrained(tmp_path)
    with pytest.raises(UserError, match='no chat template'):
        LocalModel(tmp_path)
    weights = tmp_path / 'model.safetensors'
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(UserError, match='not readable as a local model') as error:
        LocalModel(tmp_path)
    assert '\n' not in str(error.value)


def test_the_library_that_is_missing_is_named(tmp_path, monkeypatch):
    """An optional part says how to get it."""
    monkeypatch.setitem(sys.modules, 'transformers', None)
    with pytest.raises(UserError, match=r"pip install 'itaclip_mmseg\[llm\]'"):
        LocalModel(tmp_path)
