"""The comparator: fit cold and warm, side by side, and say what warm was worth."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from numbers import Integral
from pathlib import Path
from typing import Any, Self

import joblib
import numpy as np
import pandas as pd
import sklearn
import skorch
import torch
from joblib import effective_n_jobs
from joblib.parallel import get_active_backend
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.metrics import check_scoring
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags, check_random_state, get_tags, indexable
from sklearn.utils.metaestimators import available_if
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from ..estimators import WarmStartMixin, all_or_nothing
from ..training import PackedBackend
from ._arms import REFERENCE, last_step, make_arms
from ._gain import best_arm, gain_table, reach_targets, sentences, told_failures
from ._phases import DataIncremental, plan_phases
from ._pipeline import PreparedPipeline
from ._replicate import Outcome, Task, run_replicates
from ._stages import stage_tables


def _best_has(name: str) -> Any:
    def check(self: Any) -> bool:
        return hasattr(getattr(self, "best_estimator_", self.estimator), name)

    return check


class WarmStartComparator(CallbackSupportMixin, MetaEstimatorMixin, BaseEstimator):
    """Fit cold and warm variants of an estimator as its data arrive, and measure the gain.

    In every replicate all arms share the splits, the base fit and the order of the data, and differ only in
    where their training starts.

    Parameters
    ----------
    estimator : estimator
        A :class:`WarmStartClassifier` or :class:`WarmStartRegressor`, alone or last in a Pipeline; with the
        arms ``cold`` and ``warm`` also any scikit-learn estimator that has ``warm_start``. A Pipeline's other
        steps are fitted anew in each phase, on the rows known then.
    policies : iterable or mapping, default=("cold", "warm", "shrink_perturb")
        The arms: names or objects of policies, or a mapping from an arm's name to a policy or to parameters.
        ``"cold"`` must be among them: it is the reference.
    phases : DataIncremental, ClassIncremental, RollingWindow, splitter or list of pairs, default=None
        How the data arrive; ``DataIncremental(5)`` by default. A list has a pair of training and test rows for
        each phase. A scikit-learn splitter that goes through
        time (``TimeSeriesSplit``) is a stream of phases; each split of another is a stream of two phases,
        half of its training rows and then all. The labels of all rows are known from the beginning.
    n_repeats : int, default=10
        Number of replicates.
    scoring : str, callable or None, default=None
        scikit-learn's scoring; the estimator's own score by default.
    target : float or None, default=None
        Validation score whose reaching is timed; cold's final one, less the ROPE, by default.
    rope : float, default=0.01
        Region of practical equivalence: gains within plus or minus this do not matter.
    confidence : float, default=0.95
        Probability that a verdict needs, and that the intervals hold.
    refit : "best", str or None, default="best"
        Which arm's policy makes ``best_estimator_`` on all rows: the best one, an arm by name, or none.
    n_jobs : int or None, default=None
        Replicates run in parallel, as in scikit-learn; each job packs its own.
    packed : bool, default=True
        Whether the fits of a phase, all arms of all replicates, train as one tensor program. The results are
        those of one fit after the other, to rounding; ``seconds`` is then a fit's share.
    random_state : int, RandomState or None, default=0
        Seed of everything random.

    Attributes
    ----------
    gain_ : DataFrame
        One row an arm: ``score``, ``gain`` with ``gain_low`` and ``gain_high``, ``p_better``,
        ``p_equivalent``, ``p_worse``, ``speedup`` with ``speedup_low`` and ``speedup_high``, ``reached``,
        ``seconds``, ``verdict``. Beside the decision: ``p_value`` of Nadeau and Bengio's corrected t-test and
        ``p_holm`` adjusted for several arms, ``p_improvement`` (that one replicate gains) and ``bootstrap_low``,
        ``bootstrap_high``, each with its interval.
    results_ : DataFrame
        One row for each repeat, phase and arm.
    curves_ : DataFrame
        One row for each epoch of these; epoch 0 is the start itself.
    stages_ : dict of str to DataFrame
        What the stages of the method found: ``baseline`` (cold, by phase), ``runs`` (by arm and phase, with
        partial budgets), ``trajectories``, ``consistency`` (spread over replicates), ``updates`` (what new data
        did to what was known: forgetting, transfer, flips), ``cost``, ``perturbation`` (under noise on the
        weights) and ``verdict``.
    verdict_ : list of str
        One sentence an arm.
    best_policy_ : str
        The fastest arm among those whose score is practically the best.
    best_estimator_ : estimator
        That arm, fitted on all rows from its state in the first replicate.
    reference_ : str
        The arm that the others are compared with.
    classes_ : ndarray
        Labels, of a classifier that was refitted.

    See Also
    --------
    DataIncremental : Data that grow.

    References
    ----------
    Benavoli, Corani, Demsar and Zaffalon, "Time for a Change: a Tutorial for Comparing Multiple Classifiers
    Through Bayesian Analysis", JMLR 18, 2017.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_warmstart import WarmStartClassifier, WarmStartComparator
    >>> from sk_warmstart.comparison import DataIncremental
    >>> X, y = load_iris(return_X_y=True)
    >>> comparator = WarmStartComparator(
    ...     WarmStartClassifier(max_epochs=5), ("cold", "warm"), DataIncremental(3), n_repeats=2
    ... ).fit(X, y)
    >>> list(comparator.gain_.index)
    ['cold', 'warm']
    """

    def __init__(
        self,
        estimator: Any,
        policies: Iterable[Any] | Mapping[str, Any] = ("cold", "warm", "shrink_perturb"),
        phases: Any = None,
        n_repeats: int = 10,
        scoring: Any = None,
        target: float | None = None,
        rope: float = 0.01,
        confidence: float = 0.95,
        refit: str | None = "best",
        n_jobs: int | None = None,
        packed: bool = True,
        random_state: Any = 0,
    ):
        self.estimator = estimator
        self.policies = policies
        self.phases = phases
        self.n_repeats = n_repeats
        self.scoring = scoring
        self.target = target
        self.rope = rope
        self.confidence = confidence
        self.refit = refit
        self.n_jobs = n_jobs
        self.packed = packed
        self.random_state = random_state

    @with_callbacks
    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        """Run the comparison.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets.
        groups : array-like of shape (n_samples,), default=None
            Rows that belong together, for phases that go by groups (patients, months).

        Returns
        -------
        self
            The fitted comparator.

        Raises
        ------
        ValueError
            If a parameter, the target or the number of rows does not allow the comparison.
        """
        self._check()
        arms = make_arms(self.policies, self.estimator)
        if self.refit not in (None, "best") and self.refit not in [arm.name for arm in arms]:
            raise ValueError(f"refit must be 'best', None or the name of an arm, got {self.refit!r}")
        X, y, groups = indexable(X, y, groups)
        labels = check_target(y) if is_classifier(self.estimator) else check_target(y, classes=False)
        scorer = check_scoring(self.estimator, self.scoring)
        phases = DataIncremental() if self.phases is None else self.phases
        packed = bool(self.packed) and isinstance(last_step(self.estimator), WarmStartMixin)
        task = Task(self.estimator, arms, phases, X, y, labels, scorer, packed, groups)
        plan_phases(phases, X, y, labels, np.random.default_rng(0), groups)  # says at once what cannot be split
        outcomes = self._run(task)
        with all_or_nothing(self):  # the tables of one fit and the estimator of another would not agree
            self._summarise(task, outcomes)
            for name in ("best_estimator_", "classes_"):
                self.__dict__.pop(name, None)
            if self.refit is not None:
                self._refit(task, outcomes[0])
        return self

    def _check(self) -> None:
        if isinstance(self.n_repeats, bool) or not isinstance(self.n_repeats, Integral) or self.n_repeats < 1:
            raise ValueError(f"n_repeats must be an integer of at least 1, got {self.n_repeats!r}")
        if not self.rope >= 0:
            raise ValueError(f"rope must be at least 0, got {self.rope!r}")
        if not 0.5 < self.confidence < 1:
            raise ValueError(f"confidence must be in (0.5, 1), got {self.confidence!r}")

    def _run(self, task: Task) -> list[Outcome]:
        context = self._init_callback_context(
            max_subtasks=self.n_repeats, sequential_subtasks=False
        ).call_on_fit_task_begin(estimator=self, X=task.X, y=task.y)
        master = check_random_state(self.random_state)
        seeds = master.randint(np.iinfo(np.int32).max, size=self.n_repeats).tolist()
        contexts = [context.subcontext(task_name="replicate", task_id=i) for i in range(self.n_repeats)]
        replicates = list(zip(range(self.n_repeats), seeds, contexts, strict=True))
        size = self._at_a_time(task)
        groups = [replicates[first : first + size] for first in range(0, self.n_repeats, size)]
        jobs = 1 if _packs_already() else self.n_jobs
        outcomes = Parallel(n_jobs=jobs)(delayed(run_replicates)(task, group) for group in groups)
        context.call_on_fit_task_end(estimator=self, X=task.X, y=task.y)
        return [outcome for group in outcomes for outcome in group]

    def _at_a_time(self, task: Task) -> int:
        """How many replicates run in step: all, but each job has some, and their rows fit into memory."""
        if not task.packed:
            return 1
        jobs = 1 if _packs_already() else effective_n_jobs(self.n_jobs)
        affordable = _AT_A_TIME // max(1, 2 * _size(task.X))
        return max(1, min(-(-self.n_repeats // jobs), affordable))

    def _summarise(self, task: Task, outcomes: list[Outcome]) -> None:
        curves = [row for outcome in outcomes for row in outcome.curves]
        self.curves_ = pd.DataFrame(curves, columns=None if curves else _CURVE_COLUMNS)
        results = pd.DataFrame([row for outcome in outcomes for row in outcome.results])
        self.results_ = reach_targets(results, self.curves_, self.rope, self.target)
        self.test_to_train_ = float(np.mean([outcome.test_to_train for outcome in outcomes]))
        self.fixed_splits_ = outcomes[0].fixed
        self.reference_ = REFERENCE
        self.scorer_name_ = _scorer_name(self.scoring, self.estimator)
        self.gain_, pairs = gain_table(self.results_, self.test_to_train_, self.rope, self.confidence)
        self.verdict_ = sentences(
            self.gain_,
            pairs,
            self.n_repeats,
            self.rope,
            self.scorer_name_,
            self.fixed_splits_,
            self.target,
            told_failures(self.results_),
        )
        self.best_policy_ = best_arm(self.gain_, self.rope)
        measured = {
            name: pd.DataFrame([row for outcome in outcomes for row in getattr(outcome.measured, name)])
            for name in ("transfer", "flips", "noise", "checkpoints")
        }
        self.stages_ = stage_tables(self.results_, self.curves_, measured, self.gain_)
        self.settings_ = self._settings(task)

    def _refit(self, task: Task, outcome: Outcome) -> None:
        name = self.best_policy_ if self.refit == "best" else str(self.refit)
        if name not in outcome.final:
            raise ValueError(f"refit={name!r} cannot be refitted: it failed{told_failures(self.results_)[name]}")
        net = outcome.final[name]
        arm = next(arm for arm in task.arms if arm.name == name)
        user = last_step(self.estimator)
        if isinstance(net, WarmStartMixin):
            net.set_params(**arm.params, warm_start=True, random_state=user.random_state, callbacks=user.callbacks)
            if is_classifier(net):
                net.set_params(classes=user.get_params().get("classes"))
        elif arm.cold:
            net = clone(user)
        X, steps = task.X, list[tuple[str, Any]]()
        if isinstance(self.estimator, Pipeline):
            steps = clone(self.estimator[:-1]).steps if len(self.estimator) > 1 else []
            before = Pipeline([*steps, ("last", "passthrough")])
            X = before.fit_transform(X, task.y)
            steps = before.steps[:-1]
        # The first replicate told rows by their numbers: what trained in it must not validate now.
        known = {"sample_id": np.arange(len(task.y))} if isinstance(net, WarmStartMixin) else {}
        if steps:
            PreparedPipeline([*steps, ("last", net)]).fit_last(X, task.y, **known)
        else:
            net.fit(X, task.y, **known)
        self.best_estimator_ = (
            Pipeline([*steps, (self.estimator.steps[-1][0], net)]) if isinstance(self.estimator, Pipeline) else net
        )
        if is_classifier(net):
            self.classes_ = net.classes_

    def _settings(self, task: Task) -> dict[str, Any]:
        shape = np.shape(task.X)
        return {
            "estimator": " ".join(repr(self.estimator).split())[:300],
            "arms": ", ".join(arm.name for arm in task.arms),
            "phases": " ".join(repr(task.phases).split())[:300],
            "replicates": self.n_repeats,
            "rows": shape[0],
            "columns": shape[1] if len(shape) > 1 else 1,
            "score": self.scorer_name_,
            "ROPE": self.rope,
            "confidence": self.confidence,
            "test rows by training rows": round(self.test_to_train_, 4),
            "random_state": repr(self.random_state),
            "versions": (
                f"Python {platform.python_version()}, torch {torch.__version__}, scikit-learn "
                f"{sklearn.__version__}, skorch {skorch.__version__}, joblib {joblib.__version__}"
            ),
        }

    # ---------------------------------------------------------------- as an estimator

    @available_if(_best_has("predict"))
    def predict(self, X: Any) -> NDArray:
        """Predict with ``best_estimator_``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        ndarray
            Its predictions.
        """
        check_is_fitted(self, "best_estimator_")
        return self.best_estimator_.predict(X)

    @available_if(_best_has("predict_proba"))
    def predict_proba(self, X: Any) -> NDArray:
        """Return the class probabilities of ``best_estimator_``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Its probabilities.
        """
        check_is_fitted(self, "best_estimator_")
        return self.best_estimator_.predict_proba(X)

    def score(self, X: Any, y: Any) -> float:
        """Score ``best_estimator_``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.
        y : array-like of shape (n_samples,)
            The targets.

        Returns
        -------
        float
            By ``scoring``.
        """
        check_is_fitted(self, "best_estimator_")
        return float(check_scoring(self.best_estimator_, self.scoring)(self.best_estimator_, X, y))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "gain_")

    def __sklearn_tags__(self) -> Tags:
        tags, sub = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.estimator_type = sub.estimator_type
        tags.classifier_tags, tags.regressor_tags = sub.classifier_tags, sub.regressor_tags
        tags.target_tags, tags.input_tags = sub.target_tags, sub.input_tags
        return tags

    # ---------------------------------------------------------------- to be read

    def report(self, path: str | Path) -> Path:
        """Write the comparison as one self-contained HTML page.

        Parameters
        ----------
        path : str or Path
            Where to.

        Returns
        -------
        Path
            The file.
        """
        from ._report import write_report

        check_is_fitted(self)
        return write_report(self, path)

    def _html_repr(self) -> str:
        """What a notebook shows: the verdict, once there is one."""
        if not hasattr(self, "gain_"):
            return super()._html_repr()
        from ._report import short_html

        return short_html(self)


_AT_A_TIME = 2**30  # bytes of the rows of replicates that run in step


def _packs_already() -> bool:
    """Tell whether the user chose the packed backend, whose places are no processors."""
    return isinstance(get_active_backend()[0], PackedBackend)


def _size(X: Any) -> int:
    """Bytes of the rows, roughly."""
    own = getattr(X, "nbytes", None)
    if own is None and hasattr(X, "memory_usage"):
        own = X.memory_usage(index=False).sum()
    return int(own) if own is not None else 8 * int(np.prod(np.shape(X)))


_CURVE_COLUMNS = [
    *("repeat", "phase", "arm", "stream", "epoch", "samples", "train_loss", "valid_loss", "valid_score"),
    *("gradient_norm", "distance_from_start", "distance_from_init"),
]


def check_target(y: Any, classes: bool = True) -> NDArray | None:
    """Check a target before hours are spent on it.

    Parameters
    ----------
    y : array-like
        The target.
    classes : bool, default=True
        Whether it holds labels.

    Returns
    -------
    ndarray or None
        The labels, as codes.

    Raises
    ------
    ValueError
        If values are missing, or there is only one class.
    """
    frame = pd.DataFrame(np.asarray(y))
    missing = int(frame.isna().any(axis=1).sum())
    if missing:
        raise ValueError(
            f"the target has {missing} missing {'value' if missing == 1 else 'values'}: drop those rows, or "
            "fill them in"
        )
    if not classes:
        return None
    codes, labels = pd.factorize(frame[0], sort=False)
    if len(labels) < 2:
        only = f" ({labels[0]!r})" if len(labels) else ""
        raise ValueError(f"the target has one class only{only}: there is nothing to tell apart")
    return codes


def _scorer_name(scoring: Any, estimator: Any) -> str:
    if isinstance(scoring, str):
        return scoring
    if scoring is not None:
        return getattr(scoring, "__name__", "score")
    return "accuracy" if is_classifier(estimator) else "R2"
