"""Short texts in three classes, and a tokenizer for them that is made here and read from a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

LENGTH = 8
_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
_TELLING = [["good", "bright"], ["bad", "dull"], ["long", "slow"]]
_OTHER = ["the", "film", "plot", "actor", "was", "very", "and", "not", "a"]
WORDS = [*_SPECIAL, *(word for words in _TELLING for word in words), *_OTHER]
LABELS = np.array(["ant", "bee", "cat"])


def texts(n: int = 48, seed: int = 0) -> tuple[list[str], NDArray]:
    """Return different texts of two to five words, of which one tells the label, and the labels."""
    rng = np.random.default_rng(seed)
    codes = rng.permutation(np.arange(n) % 3)
    rows: list[str] = []
    while len(rows) < n:
        words = [*rng.choice(_TELLING[codes[len(rows)]], 1), *rng.choice(_OTHER, rng.integers(1, 5))]
        text = " ".join(rng.permutation(words).tolist())
        if text not in rows:
            rows.append(text)
    return rows, LABELS[codes]


def save_tokenizer(folder: Path) -> str:
    """Save a tokenizer of whole words, and return its path."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    numbers = {word: number for number, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [("[CLS]", numbers["[CLS]"]), ("[SEP]", numbers["[SEP]"])]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    return str(folder)


def text_pipeline(path: str, **params: Any) -> Any:
    """Return a tokenizer in front of a small transformer; it takes texts."""
    from sklearn.pipeline import make_pipeline
    from skorch.hf import HuggingfacePretrainedTokenizer

    from sk_warmstart import WarmStartClassifier

    from ._networks import Text

    common: dict[str, Any] = {"max_epochs": 3, "batch_size": 16, "lr": 0.02, "random_state": 0}
    net = WarmStartClassifier(Text, module__vocabulary=len(WORDS), **(common | params))
    return make_pipeline(HuggingfacePretrainedTokenizer(path, max_length=LENGTH), net)
