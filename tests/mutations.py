"""Seeded damage: of bytes, as disks and programs do it, and of JSON contents, as people do it."""

import copy
from contextlib import contextmanager
from random import Random

from itaclip_mmseg.utils.errors import UserError

WILD = (
    None,
    True,
    False,
    0,
    -1,
    3,
    10**30,
    0.5,
    float('nan'),
    float('inf'),
    '',
    ' ',
    'x',
    'a, b',
    'a\nb',
    '\0',
    '\ud800',
)
WILD = (*WILD, [], {}, [[]], ['x'], ['x', 'x'], {'name': 'x'}, {'x': None}, (1, 2))


def damaged(random: Random, data: bytes) -> bytes:
    """Bytes after one to three faults."""
    for _ in range(random.randint(1, 3)):
        start, end = sorted(random.randrange(len(data) + 1) for _ in range(2))
        near = min(end, start + random.randint(1, 16))
        data = random.choice(
            [
                data[:start],  # cut
                data[:start] + data[near:],  # a piece is lost
                data[:near] + data[start:],  # a piece stands twice
                data[:start] + bytes(near - start) + data[near:],  # zeros, as after a crash
                data[:start] + random.randbytes(near - start) + data[near:],
                data[:start] + random.randbytes(1) + data[start:],
                data[end:] + data[:end],  # mixed up
                flipped(random, data),
                flipped(random, data),
            ]
        )
    return data


def flipped(random: Random, data: bytes) -> bytes:
    """Bytes of which one bit is another."""
    if not data:
        return data
    place = random.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << random.randrange(8)]) + data[place + 1 :]


def changed(random: Random, content: object) -> object:
    """A JSON content of which some values and keys are others, are missing, or stand twice."""
    content = copy.deepcopy(content)
    for _ in range(random.randint(1, 2)):
        parent, key = random.choice(list(places(content)) or [(None, None)])
        if parent is None:
            return random.choice(WILD)
        action = random.choice(('replace', 'replace', 'remove', 'rename', 'repeat'))
        if action == 'replace':
            parent[key] = copy.deepcopy(random.choice(WILD))
        elif action == 'remove':
            del parent[key]
        elif isinstance(parent, list):
            parent.append(copy.deepcopy(parent[key]))
        else:
            parent[random.choice(('name', 'words', 'x', 'a\nb', ''))] = parent.pop(key)
    return content


def places(content: object):
    """Every (container, key) of a content."""
    for key, value in [*(content.items() if isinstance(content, dict) else enumerate(content))]:
        yield content, key
        if isinstance(value, dict | list):
            yield from places(value)


class Answers:
    """Counts right results and refusals; everything else is an error.

    Args:
        named: what every refusal names.
    """

    def __init__(self, *named: str) -> None:
        self.named, self.right, self.refused = named, 0, 0

    @contextmanager
    def one(self):
        """Around a call and the look at its result."""
        try:
            yield
            self.right += 1
        except UserError as error:
            line = str(error)
            assert line == ''.join(line.splitlines()), line
            assert all(name in line for name in self.named), line
            self.refused += 1

    def close(self, what: str) -> None:
        """Neither may be absent, or the damage was none, or nothing but damage."""
        print(f'{what}: {self.right + self.refused} tried, {self.right} right, {self.refused} refused in one line')
        assert self.right and self.refused
