"""The two prompts of the paper's figure 4 in our words, and the rules that their answers must follow."""

import hashlib
import json
import re
from dataclasses import dataclass

MAX_DEFINITION_WORDS = 50
MAX_SYNONYM_WORDS = 4

Message = dict[str, str]  # 'role' and 'content', the format of chat models


@dataclass(frozen=True)
class Prompt:
    """An instruction, and example words with answers."""

    instruction: str
    examples: tuple[tuple[str, str], ...]


PROMPTS = {
    'definition': Prompt(
        'Define the last word below in the way of the examples. '
        f'Write one short clause of at most {MAX_DEFINITION_WORDS} words, in lower case and without a full stop. '
        'Reply with the definition and nothing else.',
        (
            ('house', 'a building with walls, a roof, windows and a door, in which people live'),
            ('car', 'a motor vehicle with four wheels that carries a few people along roads'),
        ),
    ),
    'synonym': Prompt(
        'Give a synonym of the last word below in the way of the example. '
        'If it has none, give the word that is closest in meaning. '
        'Reply with one word or compound, in lower case, and nothing else.',
        (('aeroplane', 'aircraft'),),
    ),
}
CORRECTION = 'That cannot be used: {fault}. Reply to the same request again, and keep to its form.'

MARKUP = re.compile(r'[*_#`~<>\[\]{}|\\"“”]|^[^\w(]|^\d+[.)]')
TALK = re.compile(r"(i|i['’]m|sorry|sure|certainly|of course|here is|here['’]s|as an ai)\b")
CLAUSE_END = re.compile(r'[.:;!?](\s|$)')
NOT_COMPOUND = re.compile(r"[^\w\s'’-]|^(none|unknown)$")


def messages_for(kind: str, word: str) -> list[Message]:
    """The conversation to ask for a 'definition' or 'synonym' (`kind`) of a word."""
    prompt = PROMPTS[kind]
    parts = [f'Word: {example}\n{kind.capitalize()}: {answer}' for example, answer in prompt.examples]
    parts = [prompt.instruction, *parts, f'Word: {word}\n{kind.capitalize()}:']
    return [dict(role='user', content='\n\n'.join(parts))]


def correction(answer: str, fault: str) -> list[Message]:
    """Messages to add after an unusable answer; otherwise a model at temperature 0 would repeat itself."""
    return [dict(role='assistant', content=answer), dict(role='user', content=CORRECTION.format(fault=fault))]


def prompt_hash(kind: str) -> str:
    """A hash of all text sent to a model, except the word of the class."""
    conversation = messages_for(kind, '') + correction('', '')
    return hashlib.sha256(json.dumps(conversation).encode()).hexdigest()[:16]


def cleaned(kind: str, answer: str) -> str:
    """An answer in lower case, as CLIP reads it, without surrounding spaces, quotes and full stops."""
    text = answer.strip(' \t\r\n.\'"‘’“”').lower()
    return re.sub(r'^(a|an|the)\s+', '', text) if kind == 'synonym' else text


def find_fault(kind: str, word: str, text: str) -> str | None:
    """Why a cleaned answer is not a definition or synonym of a word; None if it is one."""
    rules = [
        (not text, 'it is empty'),
        (not text.isprintable(), 'it is not one line of text'),
        (echoes_prompt(kind, word, text), 'it repeats the request'),
        (MARKUP.search(text), 'it contains markup'),
        (TALK.match(text), 'it is not the bare answer'),
        (letters(text) == letters(word), 'it is the word itself'),
    ]
    rules += definition_rules(word, text) if kind == 'definition' else synonym_rules(text)
    return next((fault for broken, fault in rules if broken), None)


def definition_rules(word: str, text: str) -> list[tuple[object, str]]:
    """Rules for definitions only, as (broken?, reason)."""
    length = len(text.split())
    return [
        (re.match(rf'((a|an|the)\s+)?{re.escape(word.lower())}\s+(is|are|means)\b', text), 'it begins with the word'),
        (CLAUSE_END.search(text), 'it is more than one clause'),
        (length < 3, f'it has {length} words, too few for a definition'),
        (length > MAX_DEFINITION_WORDS, f'it has {length} words, but {MAX_DEFINITION_WORDS} are allowed'),
    ]


def synonym_rules(text: str) -> list[tuple[object, str]]:
    """Rules for synonyms only, as (broken?, reason)."""
    length = len(text.split())
    return [
        (NOT_COMPOUND.search(text), 'it is not one word or compound'),
        (length > MAX_SYNONYM_WORDS, f'it has {length} words, but {MAX_SYNONYM_WORDS} are allowed'),
    ]


def echoes_prompt(kind: str, word: str, text: str) -> bool:
    """Whether a text contains a sentence of the request, or the example definition of another word."""
    prompt = PROMPTS[kind]
    sentences = prompt.instruction.split('. ')
    if kind == 'definition':  # an example's synonym may also be that of another word
        sentences += [answer for example, answer in prompt.examples if example != word.lower()]
    return any(sentence.lower().rstrip('.') in text for sentence in sentences)


def letters(text: str) -> str:
    """Lower-case letters and digits only: 'Dining-table' and 'dining table' are the same word."""
    return re.sub(r'[\W_]', '', text.lower())
