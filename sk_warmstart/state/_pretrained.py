"""Weights of another module as a donor: a module, a state dict, or a file of another library."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from torch import Tensor, nn

from ._donor import Donor, Lineage
from ._names import NameRule
from ._net_state import NetState
from ._sources import donor_of
from .files._checkpoint import Checkpoint
from .files._container import CheckpointError
from .files._weights import is_of_another_library, read_weights, tensors_in, weights_file

Stamp = tuple[int, int, int]  # size, time of change and number of a file


class Pretrained:
    """Weights of another module as a donor: matched by name and shape, the rest stays fresh.

    It goes wherever a donor goes: ``warm_start_from=``, ``BestOf(sources=)``, :func:`interpolate`, :func:`soup`.
    Each tensor of the source whose name (after ``rename`` and ``prefix``) and shape the network has is the
    donor's; what the network has beyond that, such as a head of another size, stays fresh. Buffers are loaded
    too, such as the running statistics of BatchNorm; tied weights stay tied; numbers are cast to the network's
    dtype. ``start_.loaded``, ``start_.missing`` and ``start_.left_over`` tell what became of which tensor. If
    less than half of the network's numbers find theirs, fitting is an error that shows the names of both sides
    and proposes a rule.

    It is immutable: ``clone`` and ``deepcopy`` return the same object. A module or a state dict is copied, and
    joblib hands it to workers by memory map. Of a file the path is kept, each process maps it, and one that has
    changed since is an error. No code in a file is run: safetensors files hold none, and of torch's files only
    tensors and plain values are read (``weights_only=True``).

    Parameters
    ----------
    source : nn.Module, mapping of str to Tensor, path, Checkpoint or fitted estimator
        Where the weights are. A path is that of a ``.safetensors`` file, of a ``.pt``, ``.pth`` or ``.bin`` file
        of ``torch.save`` (also with the state dict under a key such as ``"state_dict"`` or ``"model"``), or of a
        folder with one ``.safetensors`` file, as Hugging Face's libraries write it. Of a checkpoint or an
        estimator the memory of the rows that trained it and the columns are taken along; labels and optimiser are
        not.
    prefix : str, default=None
        Where in the network the tensors belong: with ``"body."`` the source's ``layer.0.weight`` is the network's
        ``body.layer.0.weight``.
    rename : dict, default=None
        Leading parts of the source's names (or whole names) and what they become, before the prefix is put before
        them: ``{"module.": ""}`` drops a part, ``{"bert.": "body."}`` replaces one, ``{"classifier.": None}``
        leaves tensors out. The longest one that fits a name counts. Each must fit at least one name.

    Attributes
    ----------
    id : str
        16 hexadecimal digits of the tensors, their names, prefix and rename; equal for a file and for the module
        that it was saved from. Equal ids make equal objects.
    path : Path or None
        The file; None of what lies in memory.

    Raises
    ------
    CheckpointError
        If a file cannot be opened, is cut off, holds more than tensors, or changed since it was first read.
    TypeError
        If the source is something else.
    ValueError
        If prefix and rename do not suit the names.

    See Also
    --------
    Checkpoint : All that a fitted estimator knows, for the same module.

    Notes
    -----
    What the policies then mean: ``"warm"`` starts from the pretrained body and a fresh head.
    ``"shrink_perturb"``, ``"dash"`` and ``"reset_layers"`` move towards, or reset to, the fresh draw of the
    network, which is random where the module's constructor draws random weights. ``"cold"`` begins without the
    donor. ``"linear_probe"`` with it is LP-FT [1]_.

    To reload a pretrained body in every fit, and call that cold, let the module load it when it is built (see the
    second example), or pass an instance that has the weights as ``module``, a template. With a module that loads
    its weights the fresh draw is the pretrained network: ``"cold"`` reloads it, ``"shrink_perturb"`` shrinks
    towards it, ``"reset_layers"`` sets layers back to it, and ``Anchor(to="fresh")`` is L2-SP [2]_. A template is
    copied for a cold start; the fresh draw of a *warm* one draws its layers anew (by ``reset_parameters``), so
    that there ``"fresh"`` is random.

    What it was trained on is not known: no ``LeakageWarning`` comes of it, and labels and columns are those of the
    fit. There is no optimiser in it: with ``optimizer_state="keep"`` moments begin at zero.

    References
    ----------
    .. [1] Kumar et al., Fine-tuning can distort pretrained features and underperform out-of-distribution, ICLR
       2022.
    .. [2] Li, Grandvalet and Davoine, Explicit inductive bias for transfer learning with convolutional networks,
       ICML 2018.

    Examples
    --------
    >>> import torch
    >>> from sklearn.datasets import load_iris
    >>> from torch import nn
    >>> from sk_warmstart import Pretrained, WarmStartClassifier
    >>> class Net(nn.Module):
    ...     def __init__(self, n_outputs, body=None):
    ...         super().__init__()
    ...         self.body, self.head = nn.Sequential(nn.Linear(4, 16), nn.ReLU()), nn.Linear(16, n_outputs)
    ...         if body is not None:
    ...             self.body.load_state_dict(body)
    ...
    ...     def forward(self, X):
    ...         return self.head(self.body(X))
    >>> X, y = load_iris(return_X_y=True)
    >>> weights = {"0.weight": torch.ones(16, 4), "0.bias": torch.zeros(16)}  # or "model.safetensors"
    >>> pretrained = Pretrained(weights, prefix="body.")
    >>> net = WarmStartClassifier(Net, warm_start_from=pretrained, max_epochs=1, dtype="float32").fit(X, y)
    >>> list(net.start_.loaded), list(net.start_.missing), list(net.start_.left_over)
    (['body.0.weight', 'body.0.bias'], ['head.weight', 'head.bias'], [])

    A module that loads its body is reloaded by each cold fit:

    >>> cold = WarmStartClassifier(Net, module__body=weights, max_epochs=0, init_policy="cold", warm_start=True)
    >>> bool((cold.fit(X, y).fit(X, y).module_.body[0].weight == 1).all())
    True
    """

    def __init__(self, source: Any, *, prefix: str | None = None, rename: Mapping[str, str | None] | None = None):
        self._rule = NameRule(prefix, rename)
        self._held: Checkpoint | None = None
        self._path: Path | None = None
        self._given: str | None = None
        self._seen: list[Stamp] = []  # stamps of the file as it was when its content was last compared
        if isinstance(source, str | os.PathLike):
            self._open(source)
        else:
            self._held = _held(source)
        tensors, content = self._read() if self._held is None else _read(self._held)
        self._rule.targets(tensors)
        self._n_tensors = len(tensors)
        self._content = content  # nothing can be set after it

    @property
    def id(self) -> str:
        rule = json.dumps([self._rule.prefix, sorted(self._rule.parts.items())])
        return hashlib.blake2b(f"{self._content}{rule}".encode(), digest_size=8).hexdigest()

    @property
    def path(self) -> Path | None:
        return self._path

    @property
    def prefix(self) -> str | None:
        """Where in the network the tensors belong."""
        return self._rule.prefix

    @property
    def rename(self) -> dict[str, str | None]:
        """What leading parts of the names become."""
        return self._rule.parts

    @property
    def state(self) -> NetState:
        """Its tensors under the names that they have after rename and prefix."""
        targets = self._rule.targets(tensors := self._tensors())
        new = {target: tensors[name] for name, target in targets.items() if target is not None}
        return NetState(new, _parameters(new))

    def donor(self) -> Donor:
        """Return it as a donor, under its own names.

        Returns
        -------
        Donor
            What a network of another module can start from.
        """
        if self._held is not None and not _is_bare(self._held):
            return replace(self._held.donor().as_body(self._rule), saved_id=self.id)
        tensors = self._tensors()
        state = NetState(tensors, _parameters(tensors))
        return Donor(state, lineage=Lineage(policy="Pretrained"), saved_id=self.id, by_name=self._rule)

    def _open(self, source: Any) -> None:
        self._given = os.fsdecode(source)
        path = weights_file(source)
        if is_of_another_library(path) is False:
            self._held = Checkpoint.load(path)
            return
        self._path = path

    def _tensors(self) -> dict[str, Tensor]:
        if self._held is not None:
            return dict(self._held.state)
        if self._path is not None and _stamp(self._path) in self._seen:
            return read_weights(self._path)
        tensors, content = self._read()
        if content != self._content:
            self._seen.clear()
            raise CheckpointError(
                f"{self._path} has changed since Pretrained({self._given!r}) was made: make it anew, or put "
                "the file back"
            )
        return tensors

    def _read(self) -> tuple[dict[str, Tensor], str]:
        assert self._path is not None
        before = _stamp(self._path)
        tensors = read_weights(self._path)
        content = _content(tensors)
        self._seen[:] = [before]
        return tensors, content

    def __sklearn_clone__(self) -> Self:
        return self

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_seen": []}  # another process looks for itself

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    def __setattr__(self, name: str, value: Any) -> None:
        if "_content" in vars(self) or not name.startswith("_"):
            raise AttributeError("a Pretrained is immutable: make a new one")
        super().__setattr__(name, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pretrained) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        source = repr(self._given) if self._given is not None else f"<{self._n_tensors} tensors>"
        return f"Pretrained({', '.join([source, *self._rule.arguments()])})"


def _held(source: Any) -> Checkpoint:
    """Return a copy of what lies in memory."""
    if isinstance(source, Checkpoint):
        return source
    if isinstance(source, nn.Module):
        tensors_in(source.state_dict(), f"the module {type(source).__name__}")
        return Checkpoint.from_donor(Donor(NetState.from_module(source)))
    if isinstance(source, Mapping):
        tensors = tensors_in(source, "the dict")
        return Checkpoint.from_donor(Donor(NetState(tensors, _parameters(tensors))))
    if isinstance(source, type) or not hasattr(source, "get_params"):
        raise TypeError(
            "source must be a torch module, its state dict, the path of a .safetensors, .pt, .pth or .bin file, a "
            f"Checkpoint or a fitted estimator, got {type(source).__name__}: {source!r:.200}"
        )
    return Checkpoint.from_donor(donor_of(source))


def _read(held: Checkpoint) -> tuple[dict[str, Tensor], str]:
    """Return the tensors of what lies in memory, and a name of its content."""
    tensors = dict(held.state)
    return tensors, _content(tensors) if _is_bare(held) else held.id


def _is_bare(held: Checkpoint) -> bool:
    """Whether a checkpoint holds tensors and nothing of an estimator."""
    return not held.module


def _content(tensors: Mapping[str, Tensor]) -> str:
    return NetState({name: tensors[name] for name in sorted(tensors)}, set()).digest()


def _parameters(tensors: Mapping[str, Tensor]) -> set[str]:
    """Which of a file's tensors may be parameters: it does not say."""
    return {name for name, tensor in tensors.items() if tensor.is_floating_point() or tensor.is_complex()}


def _stamp(path: Path) -> Stamp:
    try:
        about = path.stat()
    except OSError as error:
        raise CheckpointError(f"cannot open {path}: {error.strerror}") from None
    return about.st_size, about.st_mtime_ns, about.st_ino
