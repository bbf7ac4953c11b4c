"""Language models that answer: a server of the OpenAI kind, or a local model of the transformers library."""

import os
import re
from pathlib import Path
from typing import Protocol

import torch

from itaclip_mmseg.text.generation.prompts import Message
from itaclip_mmseg.utils.errors import UserError

INSTALL = "run pip install 'itaclip_mmseg[llm]'"
ADDRESS = re.compile(r'https?://([\w.-]+|\[[\da-fA-F:]+\])(:\d{1,5})?(/\S*)?')
MAX_NEW_TOKENS = 256  # of a local model; 50 words take about 80
ADVICE = {
    401: 'set the environment variable OPENAI_API_KEY to a valid key',
    403: 'set the environment variable OPENAI_API_KEY to a key that may use this model',
    404: 'check --model and --base-url (most addresses end in /v1)',
    429: 'lower --workers or run again later; finished answers are kept',
}


class UnreadableError(Exception):
    """A reply without a whole answer in it; asking again may help."""


class Backend(Protocol):
    """What `generate` asks.

    Attributes:
        model: its name, for the provenance.
        temperature: of sampling; 0 takes the likeliest token.
    """

    model: str
    temperature: float

    async def answer(self, messages: list[Message], seed: int) -> str:
        """The model's next message.

        Raises:
            UnreadableError: the reply is damaged or cut off.
            UserError: nothing can be had from this model.
        """

    async def close(self) -> None:
        """Called once, when all is asked."""


class Server:
    """An OpenAI-compatible server (vLLM, Ollama, llama.cpp, OpenAI), asked through the `openai` package.

    That package repeats what may pass (429, 5xx, lost connections, time-outs): exponential back-off with jitter, or as
    long as the server's Retry-After says. The key comes from the environment variable OPENAI_API_KEY alone.

    Args:
        base_url: 'http://localhost:8000/v1'
        timeout: seconds without a byte from the server until a request is repeated.
        retries: how often a request is repeated.

    Raises:
        UserError: the package is not installed, or `base_url` is no address.
    """

    def __init__(
        self, base_url: str, model: str, temperature: float = 0, timeout: float = 60, retries: int = 6
    ) -> None:
        try:
            import openai
        except ImportError as error:
            raise UserError(f'asking a server needs the openai package; {INSTALL}') from error
        self.model, self.temperature, self.timeout, self.base_url = model, temperature, timeout, base_url
        if not ADDRESS.fullmatch(base_url):
            raise UserError(f"{base_url}: no address of a server; write it as 'http://localhost:8000/v1'")
        key = os.environ.get('OPENAI_API_KEY') or 'no-key'  # local servers take any, but the client insists on one
        self.client = openai.AsyncOpenAI(base_url=base_url, api_key=key, timeout=timeout, max_retries=retries)

    async def answer(self, messages: list[Message], seed: int) -> str:
        """See `Backend.answer`."""
        import openai

        settings = dict(model=self.model, temperature=self.temperature, seed=seed)
        try:
            completion = await self.client.chat.completions.create(messages=messages, **settings)
            choice = completion.choices[0]
            text, reason = choice.message.content.strip(), choice.finish_reason
        except openai.APIError as error:
            raise UserError(f'{self.base_url}: {" ".join(self._describe(error).split())}') from error
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            raise UnreadableError('the reply holds no answer') from error
        if reason == 'length':
            raise UnreadableError('the answer is cut off')
        return text

    def _describe(self, error: Exception) -> str:
        """What is wrong and what to do."""
        import openai

        if isinstance(error, openai.APITimeoutError):
            return f'silent for {self.timeout:g} s, again and again; raise --timeout or lower --workers'
        status = getattr(error, 'status_code', None)
        if status is None:
            return f'no answer ({error.__cause__ or error}); check --base-url and that the server runs'
        words = str(error).replace(self.client.api_key, '...')[:300]  # some servers repeat the key
        return f'refused ({words}); {ADVICE.get(status, "see what the server says")}'

    async def close(self) -> None:
        """Close connections."""
        await self.client.close()


class LocalModel:
    """A chat model in a folder, in the format of the transformers library; nothing is fetched, no code of it is run.

    Args:
        folder: holds config.json, safetensors and a tokenizer with a chat template.

    Raises:
        UserError: no transformers library, or the folder holds no such model.
    """

    def __init__(self, folder: str | os.PathLike, temperature: float = 0) -> None:
        try:
            from transformers import AutoModelForCausalLM, AutoTokenizer
        except ImportError as error:
            raise UserError(f'a local model needs the transformers package; {INSTALL}') from error
        if not (Path(folder) / 'config.json').is_file():
            raise UserError(f'{folder}: no local model (no config.json in it); give the folder of one')
        self.model, self.temperature = Path(folder).resolve().name, temperature
        safe = dict(local_files_only=True, trust_remote_code=False)
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(folder, **safe)
            self.network = AutoModelForCausalLM.from_pretrained(folder, dtype='auto', use_safetensors=True, **safe)
        except Exception as error:  # these libraries raise of all kinds, down to a bare Exception
            reason = ' '.join(str(error).split())[:300]
            raise UserError(f'{folder}: not readable as a local model ({reason}); give a complete folder') from error
        if not self.tokenizer.chat_template:
            raise UserError(f'{folder}: the tokenizer has no chat template; take a model tuned to follow instructions')
        self.network.to('cuda' if torch.cuda.is_available() else 'cpu').eval()

    async def answer(self, messages: list[Message], seed: int) -> str:
        """See `Backend.answer`. It holds the event loop on purpose: one answer after the other."""
        inputs = self.tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors='pt', return_dict=True
        ).to(self.network.device)
        # The folder's own sampling settings are overridden: seed and temperature alone decide.
        sampling = dict(do_sample=True, temperature=self.temperature, top_p=1.0, top_k=0)
        greedy = dict(do_sample=False, temperature=None, top_p=None, top_k=None)
        with torch.inference_mode(), torch.random.fork_rng():  # the caller's random numbers stay as they are
            torch.manual_seed(seed)
            tokens = self.network.generate(
                **inputs,
                **(sampling if self.temperature else greedy),
                max_new_tokens=MAX_NEW_TOKENS,
                pad_token_id=self.tokenizer.eos_token_id,
            )[0, inputs['input_ids'].shape[1] :]
        if len(tokens) == MAX_NEW_TOKENS:
            raise UnreadableError(f'the answer does not end within {MAX_NEW_TOKENS} tokens')
        return self.tokenizer.decode(tokens, skip_special_tokens=True)

    async def close(self) -> None:
        """Nothing to close."""
