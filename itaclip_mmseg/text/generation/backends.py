"""Language models: an OpenAI-compatible server, or a local model of the transformers library."""

import os
import re
from pathlib import Path
from typing import Protocol

import torch

from itaclip_mmseg.text.generation.prompts import Message
from itaclip_mmseg.utils.errors import UserError

INSTALL = "run pip install 'itaclip_mmseg[llm]'"
ADDRESS = re.compile(r'https?://([\w.-]+|\[[\da-fA-F:]+\])(:\d{1,5})?(/\S*)?')
MAX_NEW_TOKENS = 256  # limit for a local model; 50 words are about 80 tokens
ADVICE = {
    401: 'set the environment variable OPENAI_API_KEY to a valid key',
    403: 'set the environment variable OPENAI_API_KEY to a key that may use this model',
    404: 'check --model and --base-url (most addresses end in /v1)',
    429: 'lower --workers or run again later; finished answers are kept',
}


class UnreadableError(Exception):
    """A reply without a complete answer; asking again may help."""


class Backend(Protocol):
    """The interface of language models for `generate_bank`.

    Attributes:
        model: name of the model, for the provenance.
        temperature: sampling temperature; 0 chooses the likeliest token.
    """

    model: str
    temperature: float

    async def answer(self, messages: list[Message], seed: int) -> str:
        """Return the model's next message.

        Raises:
            UnreadableError: the reply is damaged or truncated.
            UserError: the model cannot be used.
        """

    async def close(self) -> None:
        """Called once, after the last question."""


class Server:
    """An OpenAI-compatible server (vLLM, Ollama, llama.cpp, OpenAI), used through the `openai` package.

    That package retries temporary errors (429, 5xx, lost connections, time-outs) with exponential back-off, or after
    the server's Retry-After. The key is read from the environment variable OPENAI_API_KEY.

    Args:
        base_url: address such as 'http://localhost:8000/v1'.
        timeout: seconds without data from the server until a request is retried.
        retries: number of retries per request.

    Raises:
        UserError: the package is not installed, or `base_url` is not an address.
    """

    def __init__(
        self, base_url: str, model: str, temperature: float = 0, timeout: float = 60, retries: int = 6
    ) -> None:
        try:
            import openai
        except ImportError as error:
            raise UserError(f'--base-url: needs the openai package; {INSTALL}') from error
        self.model, self.temperature, self.timeout, self.base_url = model, temperature, timeout, base_url
        if not ADDRESS.fullmatch(base_url):
            raise UserError(f"{base_url}: not an address of a server; write it like 'http://localhost:8000/v1'")
        key = os.environ.get('OPENAI_API_KEY') or 'no-key'  # local servers accept any key, but the client requires one
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
            raise UnreadableError('the reply has no answer') from error
        if reason == 'length':
            raise UnreadableError('the answer is truncated')
        return text

    def _describe(self, error: Exception) -> str:
        """What is wrong and what to do, for an error message."""
        import openai

        if isinstance(error, openai.APITimeoutError):
            return f'no data for {self.timeout:g} s, repeatedly; raise --timeout or lower --workers'
        status = getattr(error, 'status_code', None)
        if status is None:
            return f'no answer ({error.__cause__ or error}); check --base-url and whether the server is running'
        words = str(error).replace(self.client.api_key, '...')[:300]  # some servers repeat the key
        return f'refused ({words}); {ADVICE.get(status, "check the server log")}'

    async def close(self) -> None:
        """Close connections."""
        await self.client.close()


class LocalModel:
    """A chat model in a folder, in the format of transformers; nothing is downloaded, and no code from it is run.

    Args:
        folder: folder with config.json, safetensors and a tokenizer with a chat template.

    Raises:
        UserError: transformers is not installed, or the folder has no such model.
    """

    def __init__(self, folder: str | os.PathLike, temperature: float = 0) -> None:
        try:
            from transformers import AutoModelForCausalLM, AutoTokenizer
        except ImportError as error:
            raise UserError(f'--local: needs the transformers package; {INSTALL}') from error
        if not (Path(folder) / 'config.json').is_file():
            raise UserError(f'{folder}: not a local model (no config.json in it); give the folder of one')
        self.model, self.temperature = Path(folder).resolve().name, temperature
        safe = dict(local_files_only=True, trust_remote_code=False)
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(folder, **safe)
            self.network = AutoModelForCausalLM.from_pretrained(folder, dtype='auto', use_safetensors=True, **safe)
        except Exception as error:  # these libraries raise errors of any type
            reason = ' '.join(str(error).split())[:300]
            raise UserError(f'{folder}: not readable as a local model ({reason}); give a complete folder') from error
        if not self.tokenizer.chat_template:
            raise UserError(f'{folder}: the tokenizer has no chat template; use an instruction-tuned model')
        self.network.to('cuda' if torch.cuda.is_available() else 'cpu').eval()

    async def answer(self, messages: list[Message], seed: int) -> str:
        """See `Backend.answer`. It blocks the event loop on purpose, to give one answer after the other."""
        inputs = self.tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors='pt', return_dict=True
        ).to(self.network.device)
        # Override the folder's sampling settings: only seed and temperature count.
        sampling = dict(do_sample=True, temperature=self.temperature, top_p=1.0, top_k=0)
        greedy = dict(do_sample=False, temperature=None, top_p=None, top_k=None)
        with torch.inference_mode(), torch.random.fork_rng():  # keep the caller's random state
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
        """Do nothing."""
