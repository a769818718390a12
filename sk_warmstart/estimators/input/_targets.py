"""Targets of classifiers and regressors: checked, encoded, scored and decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_classifier
from sklearn.utils import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d
from torch import nn

from ...state import Donor
from ...state._schema import merge_labels
from .._protocol import WarmStartNet
from ._columns import naming

_BY_ENTRY = (nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss)
_BINARY = (nn.BCEWithLogitsLoss, nn.BCELoss)
Nonlinearity = Callable[[torch.Tensor], torch.Tensor]
_TAKE_IN = "schema='adapt' takes new ones in; or name all there will ever be from the first fit on (classes=...)"
_GIVE_OUTPUTS = "give the module as many outputs as classes (an argument n_outputs is filled in)"


class Targets:
    """Targets of a net: how they are checked, encoded, scored and given back.

    The methods take the net, whose fitted attributes hold what was learned of its targets.
    """

    rules: dict[str, Any] = {}
    are_labels = False
    absent = False

    def begin(self, net: WarmStartNet, donated: Any, given: Any) -> None:
        """Decide what is settled before the targets are seen: the donor's labels, or those given."""

    def check_donor(self, net: WarmStartNet, donor: Donor) -> None:
        """Refuse a donor whose outputs mean something else than this net's."""

    def check(self, net: WarmStartNet, y: NDArray, learn: bool = True, n_outputs: int | None = None) -> NDArray:
        """Return the targets as they are kept, or say what is wrong with them; learn their labels."""
        return y

    def encode(self, net: WarmStartNet, y: NDArray, starts_warm: bool = False) -> NDArray:
        """Return the targets as the criterion wants them."""
        return y

    def weigh(self, net: WarmStartNet, y: Any, weight: NDArray | None) -> NDArray | None:
        """Return the weights of the rows, those of their classes included."""
        return weight

    def weigh_classes(self, net: WarmStartNet, y: NDArray | None) -> NDArray | None:
        """Return a weight for each label, for rows that cannot have weights; ``y`` are the labels, if known."""
        return None

    def n_outputs(self, net: WarmStartNet, target: NDArray | None) -> int | None:
        """Return how many outputs the network needs, where that is settled."""
        raise NotImplementedError

    def nonlinearity(self, net: WarmStartNet, inferred: Nonlinearity) -> Nonlinearity:
        """Return what makes predictions of outputs, where skorch infers one from the criterion."""
        return inferred

    def watches(self, net: WarmStartNet) -> str:
        """Return what early stopping watches: "score", or "loss" where the score is no measure of the loss."""
        return "score"

    def score_rows(
        self, net: WarmStartNet, target: Any, output: torch.Tensor, losses: torch.Tensor
    ) -> torch.Tensor:
        """Score each row, for comparisons of the same rows; greater is better."""
        raise NotImplementedError

    def score(
        self, net: WarmStartNet, target: Any, output: torch.Tensor, weight: torch.Tensor | None
    ) -> float | None:
        """Score outputs as scikit-learn's ``score`` would; greater is better. None where it could not."""
        raise NotImplementedError

    def lacking(self, net: WarmStartNet, output: torch.Tensor) -> str | None:
        """Say what the output has too little of for the criterion; None if nothing is wrong."""
        return None

    def decode(self, net: WarmStartNet, output: NDArray) -> NDArray:
        """Return predictions in the user's terms."""
        return output

    def with_labels(self, net: WarmStartNet, batch: Any) -> Any:
        """Return a batch with targets in the user's terms, which callbacks compare predictions with."""
        return batch

    def check_partial_fit(self, net: WarmStartNet, classes: ArrayLike | None) -> None:
        """Check the arguments that only partial_fit has."""


class Labels(Targets):
    """Classes of any kind, encoded by their place in ``classes_``."""

    are_labels = True

    def begin(self, net: WarmStartNet, donated: Any, given: Any) -> None:
        """Take the labels from the parameter ``classes``, the donor, or the call, in this order."""
        vars(net).pop("classes_inferred_", None)
        for source in (_given_classes(net), donated, given):
            if source is None:
                continue
            found = np.unique(np.asarray(source)) if source is given else np.asarray(source)
            labels = _labels(net)
            if labels is None:
                net.classes_inferred_ = found
            elif net.schema == "adapt" and _given_classes(net) is None:
                net.classes_inferred_ = merge_labels(labels, found)

    def check_donor(self, net: WarmStartNet, donor: Donor) -> None:
        """Ask for labels, which must be those of the parameter ``classes`` where it is set."""
        labels, given = donor.schema.classes, _given_classes(net)
        if labels is None and (given is None or not donor.description.get("classifies", True)):
            raise ValueError(
                f"the checkpoint holds no class labels, which a {type(net).__name__} needs: pass a regressor if "
                "it was saved from one, or set the parameter classes"
            )
        if labels is not None and given is not None and not np.array_equal(labels, np.asarray(given)):
            raise ValueError(
                f"classes={given!r} differ from those of the checkpoint, {labels}: leave classes at None"
            )

    def check(self, net: WarmStartNet, y: NDArray, learn: bool = True, n_outputs: int | None = None) -> NDArray:
        """Refuse what are no labels; learn the labels where there are none yet, or may be more."""
        y = column_or_1d(y, warn=True)
        if any(isinstance(label, bytes) for label in y[:1].tolist()):
            raise ValueError("y holds labels of bytes: decode them to text, for example by np.char.decode(y)")
        try:
            check_classification_targets(y)
        except TypeError as error:
            raise _mixed(y) from error
        labels = _labels(net)
        if labels is None:
            net.classes_inferred_ = np.unique(y)
        elif learn and net.schema == "adapt" and _given_classes(net) is None:
            net.classes_inferred_ = merge_labels(labels, y)
        return y

    def encode(self, net: WarmStartNet, y: NDArray, starts_warm: bool = False) -> NDArray:
        """Return the place of each label; a label that has none is an error."""
        labels = _labels(net)
        if labels is None:
            return y
        if not len(labels):
            return y
        if y.dtype == np.int64 and _places(y, len(labels)) and _are_codes(labels):
            return y
        order = np.argsort(labels, kind="stable")
        place = np.searchsorted(labels, y, sorter=order).clip(max=len(labels) - 1)
        codes = order[place]
        if not np.array_equal(labels[codes], y):
            if _given_classes(net) is not None and _places(y, len(labels)):
                return y  # skorch's way: the parameter names the outputs, y holds their places
            raise _unknown_labels(labels, np.unique(y), starts_warm)
        return codes.astype(np.int64)

    def weigh(self, net: WarmStartNet, y: Any, weight: NDArray | None) -> NDArray | None:
        """Multiply ``class_weight`` into the weights."""
        class_weight = getattr(net, "class_weight", None)
        if class_weight is None:
            return weight
        weights = compute_sample_weight(class_weight, y)
        if not weights.any():
            raise ValueError("class_weight is zero for every class that y has: nothing could be learned")
        return weights if weight is None else weights * weight

    def weigh_classes(self, net: WarmStartNet, y: NDArray | None) -> NDArray | None:
        """Return the weight of each label, of mean 1 over the rows as :func:`normalised` has it."""
        if getattr(net, "class_weight", None) is None:
            return None
        labels = _labels(net)
        if y is None or labels is None:
            raise ValueError(
                "class_weight needs labels that fit can see: pass y, or a dataset that holds them as its y, as "
                "skorch.dataset.Dataset does; or weigh the classes in the criterion (criterion__weight)"
            )
        weights = self.weigh(net, y, None)
        assert weights is not None
        of_label = np.ones(len(labels))
        of_label[self.encode(net, y)] = weights
        return of_label / weights.mean()

    def n_outputs(self, net: WarmStartNet, target: NDArray | None) -> int | None:
        """Return the number of labels."""
        labels = _labels(net)
        return None if labels is None else len(labels)

    def nonlinearity(self, net: WarmStartNet, inferred: Nonlinearity) -> Nonlinearity:
        """Take one logit as a column of one for what it is."""
        if not isinstance(_criterion_of(net), _BINARY):
            return inferred
        return lambda output: inferred(output.squeeze(-1) if output.ndim > 1 and output.shape[-1] == 1 else output)

    def score_rows(
        self, net: WarmStartNet, target: Any, output: torch.Tensor, losses: torch.Tensor
    ) -> torch.Tensor:
        """Return 1 for each hit and 0 for each miss."""
        return self._hits(net, target, output)

    def _hits(self, net: WarmStartNet, target: Any, output: torch.Tensor) -> torch.Tensor:
        if output.numel() == len(target) and self.n_outputs(net, None) == 2:
            limit = 0.5 if isinstance(_criterion_of(net), nn.BCELoss) else 0  # a probability, or one logit
            return ((output.reshape(-1) > limit).long() == target).double()
        return (output.argmax(-1) == target).double()

    def score(
        self, net: WarmStartNet, target: Any, output: torch.Tensor, weight: torch.Tensor | None
    ) -> float | None:
        """Return the accuracy."""
        target, weight = _on_device_of(output, target, weight)
        hit = self._hits(net, target, output)
        if weight is not None and bool(weight.sum() > 0):
            return float((hit * weight).sum() / weight.sum())
        return float(hit.mean())

    def lacking(self, net: WarmStartNet, output: torch.Tensor) -> str | None:
        """Compare the columns with the labels, where torch's criterion needs one for each."""
        criterion = getattr(net, "criterion_", None)
        if isinstance(criterion, _BY_ENTRY) and output.numel() != len(output):
            return (
                f"the criterion {type(criterion).__name__} compares numbers, and y holds classes: use "
                "torch.nn.CrossEntropyLoss"
            )
        labels, needs = _labels(net), isinstance(criterion, nn.CrossEntropyLoss | nn.NLLLoss)
        if labels is None or not needs or output.ndim != 2 or output.shape[1] >= len(labels):
            return None
        return f"the network has {output.shape[1]} outputs for {len(labels)} classes: {_GIVE_OUTPUTS}"

    def decode(self, net: WarmStartNet, output: NDArray) -> NDArray:
        """Return the labels in these places."""
        labels = getattr(net, "classes_", None)
        if labels is None or _are_codes(labels):
            return output
        if len(labels) <= output.max(initial=0):
            raise ValueError(
                f"the network predicts output {output.max()}, but there are {len(labels)} classes: {_GIVE_OUTPUTS}"
            )
        return labels[output]

    def with_labels(self, net: WarmStartNet, batch: Any) -> Any:
        """Return a batch with labels instead of their places."""
        X, codes = batch
        labels = _labels(net)
        if labels is None or codes is None or _are_codes(labels):
            return batch
        return X, labels[codes.cpu().numpy()]

    def check_partial_fit(self, net: WarmStartNet, classes: ArrayLike | None) -> None:
        """Ask for all labels before the first rows, and for the same ones ever after."""
        if net.schema == "adapt":
            labels = _labels(net)
            if classes is not None and _given_classes(net) is None and labels is not None and net._has_learned():
                net.classes_inferred_ = merge_labels(labels, np.asarray(classes))
        if getattr(net, "class_weight", None) == "balanced":
            raise ValueError(
                "class_weight='balanced' is not supported for partial_fit, whose rows need not show how "
                "frequent a class is: pass the weights as a dict"
            )
        if _given_classes(net) is not None and not len(_given_classes(net)):
            raise ValueError("The 'classes' parameter names no labels: name them all, or leave it None")
        if not net._has_learned():
            # A net that was initialised by hand is used skorch's way, which asks for no classes.
            sources = (classes, _given_classes(net), net.warm_start_from, True if net.schema == "adapt" else None)
            if all(source is None for source in sources) and not net.initialized_:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            return
        labels = np.asarray(net.classes_)
        if classes is None or net.schema == "adapt":
            return
        if not np.array_equal(np.unique(np.asarray(classes)), np.unique(labels)):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {labels!r}"
            )


class Numbers(Targets):
    """Numbers, in one column or several."""

    rules = {"multi_output": True, "y_numeric": True}

    def check_donor(self, net: WarmStartNet, donor: Donor) -> None:
        """Refuse a classifier's network."""
        if donor.schema.classes is not None:
            raise ValueError(
                f"the checkpoint was saved from a classifier of {len(donor.schema.classes)} classes, and a "
                f"{type(net).__name__} predicts numbers: pass a classifier"
            )

    def check(self, net: WarmStartNet, y: NDArray, learn: bool = True, n_outputs: int | None = None) -> NDArray:
        """Refuse other numbers of columns than the network was built for, where that is settled."""
        if y.dtype.kind in "mM":
            raise ValueError(
                f"y holds dates, and a {type(net).__name__} predicts numbers: make numbers of them, such as days "
                "since a first one"
            )
        width = int(np.prod(y.shape[1:]))
        if n_outputs is not None and width != n_outputs:
            raise ValueError(
                f"y has {_columns(width)}, but the network was built for {_columns(n_outputs)}: pass as many "
                "targets as before, or call fit"
            )
        with naming("y"):
            return y if y.dtype.kind == "f" else y.astype(np.float64)

    def encode(self, net: WarmStartNet, y: NDArray, starts_warm: bool = False) -> NDArray:
        """Return a table, which is what networks put out."""
        return y.reshape(len(y), -1) if y.ndim == 1 else y

    def n_outputs(self, net: WarmStartNet, target: NDArray | None) -> int | None:
        """Return the number of columns."""
        return None if target is None else int(np.prod(target.shape[1:]))

    def nonlinearity(self, net: WarmStartNet, inferred: Nonlinearity) -> Nonlinearity:
        """Predict what the criterion compares with the targets: shares, where skorch makes two classes."""
        criterion = _criterion_of(net)
        if isinstance(criterion, nn.BCEWithLogitsLoss):
            return torch.sigmoid
        return (lambda output: output) if isinstance(criterion, nn.BCELoss) else inferred

    def watches(self, net: WarmStartNet) -> str:
        """Return "score" where the criterion is a distance of predictions from the targets, as R2 is."""
        return "score" if type(_criterion_of(net)) in _BY_ENTRY else "loss"

    def score_rows(
        self, net: WarmStartNet, target: Any, output: torch.Tensor, losses: torch.Tensor
    ) -> torch.Tensor:
        """Return the negative squared error of each row, averaged over the columns; or the negative loss."""
        predicted = _predicted(net, output)
        if self.watches(net) == "loss" or predicted.numel() != target.numel():
            return -losses.double()
        return -((predicted.reshape(target.shape) - target.double()) ** 2).flatten(1).mean(1)

    def score(
        self, net: WarmStartNet, target: Any, output: torch.Tensor, weight: torch.Tensor | None
    ) -> float | None:
        """Return R2 of the predictions, averaged over the columns; None if they are more or fewer numbers."""
        target, weight = _on_device_of(output, target, weight)
        predicted = _predicted(net, output)
        if predicted.numel() != target.numel():
            return None
        target = target.double()
        output = predicted.reshape(target.shape)
        if weight is None or not bool(weight.sum() > 0):
            weight = torch.ones(len(target), device=target.device)
        w = weight.double()[:, None]
        mean = (w * target).sum(0) / w.sum()
        residual, total = (w * (target - output) ** 2).sum(0), (w * (target - mean) ** 2).sum(0)
        r2 = 1 - residual / total.clamp(min=torch.finfo(torch.float64).tiny)
        # scikit-learn's convention where the target does not vary.
        return float(torch.where(total > 0, r2, (residual == 0).double()).mean())

    def lacking(self, net: WarmStartNet, output: torch.Tensor) -> str | None:
        """Compare the outputs with the columns, where torch's criterion would spread one over the others."""
        n_outputs = net._current.shape.get("n_outputs")
        needs = isinstance(getattr(net, "criterion_", None), _BY_ENTRY)
        if n_outputs is None or not needs or output.numel() == len(output) * n_outputs:
            return None
        return (
            f"the network puts out rows of shape {tuple(output.shape[1:])}, and y has {_columns(n_outputs)}: give "
            "the module as many outputs as y has columns (an argument n_outputs is filled in)"
        )

    def decode(self, net: WarmStartNet, output: NDArray) -> NDArray:
        """Return as many dimensions as ``y`` had."""
        return output.ravel() if net._current.target_ndim == 1 and output.size == len(output) else output


class NoTargets(Targets):
    """None: the network computes its own loss, which is the score. A zero a row stands where targets would."""

    absent = True

    def check_donor(self, net: WarmStartNet, donor: Donor) -> None:
        """Refuse a network that predicts."""
        if donor.schema.classes is not None or donor.description.get("classifies") is not None:
            raise ValueError(
                f"the checkpoint was saved from an estimator that predicts, and a {type(net).__name__} learns "
                "without targets: pass a classifier or a regressor"
            )

    def n_outputs(self, net: WarmStartNet, target: NDArray | None) -> int | None:
        """Return None: nothing outside of the network says how many there are."""
        return None

    def watches(self, net: WarmStartNet) -> str:
        """Return "loss"."""
        return "loss"


_LABELS, _NUMBERS = Labels(), Numbers()


def targets_of(net: WarmStartNet) -> Targets:
    """Return how a net deals with its targets.

    Parameters
    ----------
    net : skorch.NeuralNet
        The net.

    Returns
    -------
    Targets
        Those of its class, where it has any; else labels for a classifier, numbers for anything else.
    """
    own = getattr(net, "_targets", None)
    if isinstance(own, Targets):
        return own
    return _LABELS if is_classifier(net) else _NUMBERS


def _criterion_of(net: WarmStartNet) -> Any:
    criterion = getattr(net, "criterion_", None)
    return getattr(criterion, "_orig_mod", criterion)  # what torch.compile wrapped


def _predicted(net: WarmStartNet, output: torch.Tensor) -> torch.Tensor:
    """Outputs as ``predict`` returns them, in double precision."""
    predicted = net._get_predict_nonlinearity()(output)
    return torch.as_tensor(predicted, device=output.device).double()


def _on_device_of(output: torch.Tensor, target: torch.Tensor, weight: Any) -> tuple[torch.Tensor, Any]:
    """Rows that do not fit on the device have their targets elsewhere."""
    return target.to(output.device), None if weight is None else weight.to(output.device)


def _given_classes(net: WarmStartNet) -> Any:
    return getattr(net, "classes", None)  # skorch's net of one logit has no such parameter


def _labels(net: WarmStartNet) -> NDArray | None:
    return vars(net).get("classes_inferred_")


def _unknown_labels(labels: NDArray, found: NDArray, starts_warm: bool) -> ValueError:
    if starts_warm:
        return ValueError(
            "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
            f"Previously got {labels}, `y` has {found}. {_TAKE_IN}"
        )
    return ValueError(
        f"`y` has classes not in `self.classes_`. `self.classes_` has {labels}. 'y' has {found}. {_TAKE_IN}"
    )


def _mixed(y: Any) -> ValueError:
    kinds = sorted({type(label).__name__ for label in np.asarray(y).tolist()})
    return ValueError(f"y has labels that cannot be put in order, of the types {', '.join(kinds)}: use one type")


def _columns(n: int) -> str:
    return "one column" if n == 1 else f"{n} columns"


def _places(y: NDArray, n: int) -> bool:
    return y.dtype.kind in "iu" and bool((y.min(initial=0) >= 0) and (y.max(initial=0) < n))


def _are_codes(labels: NDArray) -> bool:
    return labels.dtype.kind in "iu" and np.array_equal(labels, np.arange(len(labels)))
