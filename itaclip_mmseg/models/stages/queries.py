"""The queries of one or many settings as rows of one table of text embeddings (section 3.3)."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from itaclip_mmseg.models.backbones.clip_text import TextEncoder
from itaclip_mmseg.settings import Settings
from itaclip_mmseg.text.bank import TextBank

Placed = TypeVar('Placed')


class Rows(NamedTuple):
    """Queries as rows of the table.

    Attributes:
        words: row of each query word, Q.
        auxiliary: row of the auxiliary text of its class, Q; for background words, which have none, the word's own, so
            that mixing leaves them as they are. None without auxiliary texts.
        classes: class of each query, Q; always on the CPU, where it is read, so that a GPU need not be waited for.
    """

    words: Tensor
    auxiliary: Tensor | None
    classes: Tensor

    def to(self, device: torch.device) -> 'Rows':
        """The same, but for `classes` on a device."""
        auxiliary = None if self.auxiliary is None else self.auxiliary.to(device)
        return Rows(self.words.to(device), auxiliary, self.classes)


class TextTable(nn.Module):
    """Embeddings of all texts that some settings need, and which of them each asks for.

    A query is (1 - alpha) * word + alpha * auxiliary, not renormalised (paper, equation 8): linear, so whatever is
    computed once a text can be mixed to any alpha afterwards.

    Attributes:
        embeddings: unit length, T x width.
    """

    def __init__(self, bank: TextBank, settings: Iterable[Settings], encoder: TextEncoder) -> None:
        super().__init__()
        row: dict[str, int] = {}
        self.kinds: dict[tuple, Rows] = {}
        self.placed: dict[tuple, object] = {}  # what was moved to a device, so that it moves once
        for one in settings:
            if self.kind(one) not in self.kinds:
                self.kinds[self.kind(one)] = place_rows(bank, *self.kind(one), row)
        self.word_rows = place_rows(bank, None, True, row)
        self.register_buffer('embeddings', encoder.encode(list(row)), persistent=False)

    @staticmethod
    def kind(settings: Settings) -> tuple[str | None, bool]:
        """What decides which texts are asked for."""
        return settings.auxiliary, settings.background_set

    def rows(self, settings: Settings) -> Rows:
        """The queries of these settings; rows on the embeddings' device."""
        return self.on_device(self.kind(settings), lambda device: self.kinds[self.kind(settings)].to(device))

    def together(self, settings: Sequence[Settings]) -> tuple[Tensor, list[Rows]]:
        """All rows that several settings need, sorted, and the queries of each as places among these."""
        kinds = tuple(self.kind(one) for one in settings)

        def place(device: torch.device) -> tuple[Tensor, list[Rows]]:
            rows = [self.kinds[kind] for kind in kinds]
            used = all_rows(rows)
            return used.to(device), [renumbered(one, used).to(device) for one in rows]

        return self.on_device(('together', *kinds), place)

    def on_device(self, key: tuple, place: Callable[[torch.device], Placed]) -> Placed:
        """What `place` puts on the embeddings' device, from its second call on by its key."""
        device = self.embeddings.device
        if (key, device) not in self.placed:
            self.placed[key, device] = place(device)
        return self.placed[key, device]

    @property
    def words(self) -> Tensor:
        """Embeddings of the bank's query words alone, whatever the settings, Q x width."""
        return self.embeddings[self.on_device(('words',), self.word_rows.to).words]

    def mixed(self, settings: Settings) -> Tensor:
        """The query embeddings of these settings, Q x width."""
        return mix_texts(self.embeddings, self.rows(settings), settings.text_coefficient)


def place_rows(bank: TextBank, auxiliary: str | None, background_set: bool, row: dict[str, int]) -> Rows:
    """Rows of a bank's words and auxiliary texts; texts that are new are added to `row`."""
    bank = bank if background_set else bank.without_background_set()
    words = [row.setdefault(word, len(row)) for word in bank.words]
    texts = None
    if auxiliary is not None:
        paired = zip(bank.words, bank.auxiliary_texts(auxiliary))
        texts = torch.tensor([row.setdefault(word if text is None else text, len(row)) for word, text in paired])
    return Rows(torch.tensor(words), texts, torch.tensor(bank.word_classes))


def all_rows(rows: Sequence[Rows]) -> Tensor:
    """All rows that some queries need, sorted."""
    parts = [part for one in rows for part in (one.words, one.auxiliary) if part is not None]
    return torch.cat(parts).unique()


def renumbered(rows: Rows, used: Tensor) -> Rows:
    """Rows as places in the sorted `used`."""
    auxiliary = None if rows.auxiliary is None else torch.searchsorted(used, rows.auxiliary)
    return Rows(torch.searchsorted(used, rows.words), auxiliary, rows.classes)


def mix_texts(values: Tensor, rows: Rows, text_coefficient: float, dim: int = 0) -> Tensor:
    """From values by text to values by query, along `dim`: (1 - alpha) * word + alpha * auxiliary."""
    words = values.index_select(dim, rows.words)
    if rows.auxiliary is None or text_coefficient == 0:
        return words
    return words.lerp_(values.index_select(dim, rows.auxiliary), text_coefficient)
