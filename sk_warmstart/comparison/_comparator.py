"""The comparator: fit cold and warm, side by side, and say what warm was worth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, is_classifier
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.metrics import check_scoring
from sklearn.utils import Tags, get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._compat._sklearn import routing_enabled
from .._warning import warn_caller, warn_renamed
from ..estimators import WarmStartMixin, all_or_nothing
from ..statistics import DecisionRule
from ._inputs import check_settings, check_target, learn_columns, read_rows, route
from ._names import REFERENCE
from ._readable import ReadableMixin
from ._rows import count
from ._settings import Settings, describe
from .findings._dummy import choose_rope
from .findings._findings import Findings
from .findings._gain import is_shown_better
from .findings._make import make_findings
from .findings._versions import versions
from .findings.words._advice import advice_to_keep
from .findings.words._sentences import failures_by_arm
from .phases._data_incremental import DataIncremental
from .phases._plan import plan_phases
from .runs._estimators import last_step, predicts
from .runs._execute import complete_part, run_all
from .runs._outcome import Outcome, tables_of
from .runs._refit import try_refit
from .runs._seeds import draw_seeds
from .runs._task import Task
from .runs.arms._arm import make_arms
from .runs.arms._incumbent import resolve_incumbent
from .runs.arms._known_rows import warn_of_known_rows
from .runs.interruption._journal import Journal


def _best_has(name: str) -> Any:
    def check(self: WarmStartComparator) -> bool:
        best = self.__dict__.get("best_estimator_")
        return hasattr(self.estimator if best is None else best, name)

    return check


class WarmStartComparator(ReadableMixin, CallbackSupportMixin, MetaEstimatorMixin, BaseEstimator):
    """Fit cold and warm variants of an estimator as its data arrive, and measure the gain.

    In every replicate all arms share the splits, the base fit and the order of the data, and differ only in
    where their training starts.

    Parameters
    ----------
    estimator : estimator
        A :class:`WarmStartClassifier` or :class:`WarmStartRegressor`, alone or last in a Pipeline; with cold and
        warm arms also any other that can continue. Warm adds rounds or trees, trained on the phase's rows, to the
        old model of an ensemble: scikit-learn's with ``warm_start``, LightGBM, XGBoost, CatBoost. Others with
        ``warm_start`` (skorch's nets, ``MLPClassifier``) train on; those with ``partial_fit`` alone are given the
        new rows only. A Pipeline's other steps are fitted anew in each phase, on its rows.
    policies : iterable or mapping, default=("cold", "warm", "shrink_perturb")
        The arms: names or objects of policies, or a mapping from an arm's name to a policy or to a dict for the
        estimator's ``set_params``: ``{"init_policy": "warm", "optimizer_state": "keep"}``,
        ``{"init_policy": "shrink_perturb", "init_policy__shrink": 0.2, "optimizer__weight_decay": 0.1}``. An arm
        that is called like a policy starts by it, unless its dict has another ``init_policy``. In a Pipeline a
        name that the last step takes is the last step's, and ``scaler__with_mean`` that of an earlier step; the
        base fit, which all arms share, has the estimator's own. An arm with a ``warm_start_from`` starts from
        it in each phase. An estimator of another library starts
        ``"cold"``, ``"warm"`` or by a function (:class:`ContinueFit`), and its dict may hold ``add``, the rounds
        that warm adds (``{"warm": {"add": 20}}``): by default as many of cold's as the phase has new rows among
        its rows, at least one. ``"cold"`` must be among the arms: it is the reference. All arms share their draws
        and orders; one that sets a ``random_state`` has its own.
    phases : DataIncremental, ClassIncremental, RollingWindow, splitter or list of pairs, default=None
        How the data arrive; ``DataIncremental(5)`` by default. A list has a pair of training and test rows for
        each phase. A scikit-learn splitter that goes through time (``TimeSeriesSplit``) is a stream of phases;
        each split of another is a stream of two phases, half of its training rows and then all. A splitter that
        shuffles gets another seed in each replicate, whatever its ``random_state``: pass
        ``list(splitter.split(X, y))`` to have the same splits in all. All labels are given from the beginning.
    n_repeats : int, default=10
        Number of replicates.
    scoring : str, callable or None, default=None
        Scoring as scikit-learn takes it; the estimator's own score by default.
    target : float or None, default=None
        Validation score whose reaching is timed; a run that never gets there counts with all that it, or cold
        beside it, spent. By default that which an arm and cold both end with, less the ROPE where the score is the
        validation score.
    rope : "auto" or float, default="auto"
        Region of practical equivalence: gains within plus or minus this do not matter. ``"auto"`` is 0.01 for
        scores of at most 1 (accuracy, R2, AUC), and for others 1% of the distance between cold's score and that
        of a dummy, which knows no columns.
    confidence : float, default=0.95
        Content of the intervals. An arm is called better or worse where its interval lies beyond the ROPE, of
        several arms after Holm's adjustment, so that equal arms are called different at most as often as this
        leaves; equivalent where the ROPE holds at least this probability.
    refit : "best", str or None, default="best"
        Which arm's policy makes ``best_estimator_`` on all rows: ``best_arm_``, an arm by name, or none. Rows are
        held out from it, as in the phases, where the estimator has a ``train_split`` (in place of it), or fails
        with all rows and has callbacks.
    n_jobs : int or None, default=None
        Replicates run in parallel, as in scikit-learn; each job packs its own.
    packed : bool, default=True
        Whether the fits of a phase, all arms of all replicates, train as one tensor program. The results are
        those of one fit after the other, to rounding; ``seconds`` is then a fit's share, and ``memory`` NaN. A
        pack holds the rows of all its fits, of replicates as many as take 1 GB twice over; False holds one's.
    incumbent : fitted estimator, Checkpoint, str, Path or None, default=None
        The model in use, which takes the rows as the comparator gets them (a fitted Pipeline, say): an arm that
        is not trained. ``refit`` keeps it unless the best arm is shown to be better, on rows held out from the
        refit too. The rows should be none that it was trained on.
    tune : mapping of str to parameter grid or None, default=None
        For an arm, parameters to choose among
        (``{"shrink_perturb": {"init_policy__shrink": [0.2, 0.4, 0.8]}}``). In each phase all are fitted and the
        validation rows choose, so that the test rows stay untouched; the arm pays for all.
    resume : str, Path or None, default=None
        A folder in which finished fits are kept. A comparison that was interrupted continues from there with the
        same results; one that differs in data, parameters, versions, files named by path or the code of your own
        classes and functions is refused. Changes of what those read (files, the network, the environment) and of
        compiled code are not noticed. It is read with pickle: use folders that you trust.
    n_probes : int or None, default=None
        How often each arm is fitted anew in the first replicate's last phase, from the same start on the same
        rows, with other draws, and as often with noise of each size on the weights that it inherits: for the
        stages ``consistency`` and ``perturbation`` only. As many as ``n_repeats`` by default; none with 0.
    random_state : int, RandomState or None, default=None
        Seed of everything random.

    Attributes
    ----------
    gain_ : DataFrame
        One row an arm: ``score``, ``gain`` with ``gain_low`` and ``gain_high``, ``p_better``,
        ``p_equivalent``, ``p_worse``, ``speedup`` with ``speedup_low`` and ``speedup_high``, ``reached`` (share of
        the arm's runs that reached what cold ended with) and ``reached_by_cold`` (the other way round),
        ``seconds``, ``verdict`` (on the score), ``cost`` (cheaper, similar, costlier or undecided; none where the
        score is worse), ``p_adjusted`` (of a gain within the ROPE, by Holm) and ``worst_gain`` of a replicate.
        Further: ``p_value`` of Nadeau and Bengio's corrected t-test, ``p_holm`` adjusted for several arms and
        ``corrected_t_low``, ``corrected_t_high``; ``p_improvement`` (that one replicate gains) with its interval;
        ``bootstrap_low``, ``bootstrap_high`` from ten replicates on; ``p_phases`` (that phases gain alike).
    results_ : DataFrame
        One row for each repeat, phase and arm.
    curves_ : DataFrame
        One row for each epoch of these; epoch 0 is the start itself.
    stages_ : dict of str to DataFrame
        What the stages of the method found: ``baseline`` (cold, by phase), ``runs`` (by arm and phase, with
        partial budgets), ``trajectories``, ``consistency`` (spread over replicates), ``updates`` (what new data
        did to what had been learned: gains on old and on new rows, forgetting, flips), ``conditions`` (gains by
        phase, with the share and drift of its new rows), ``classes`` (recall of each class), ``cost``,
        ``perturbation`` (under noise on the weights) and ``verdict``; with an incumbent also ``incumbent``.
    summary_ : list of str
        The verdict in words, one sentence an arm.
    notes_ : list of str
        On what all verdicts rest, and how far they reach, where that needs saying.
    advice_ : str
        What to do next.
    interrupted_ : str or None
        What Ctrl-C left out.
    findings_ : Findings
        All that was found, as one value that can be kept as JSON and reported without the estimator.
    best_arm_ : str
        The arm to go on with: the best of those that are beneficial, else the cheapest of those that are neutral
        and cheaper, else cold. With an incumbent, where that one is not shown to be better than it, the best of
        those that are.
    best_estimator_ : estimator or None
        That arm, fitted on all rows from its state in the first replicate; or the incumbent. None without
        ``refit``, after Ctrl-C, and where the refit failed.
    refit_error_ : str or None
        Why the refit failed, which a FitFailedWarning says too.
    kept_incumbent_ : bool or None
        Whether it is the incumbent; None without one, and without ``best_estimator_``.
    held_out_scores_ : dict or None
        With an incumbent, the scores of both on the rows that the refit left out, if it came to that.
    reference_ : str
        The arm that the others are compared with.
    classes_ : ndarray
        Labels of ``best_estimator_``, where it is a classifier.

    See Also
    --------
    DataIncremental : Data that grow.

    References
    ----------
    Benavoli, Corani, Demsar and Zaffalon, "Time for a Change: a Tutorial for Comparing Multiple Classifiers
    Through Bayesian Analysis", JMLR 18, 2017.

    Cameron, Gelbach and Miller, "Robust Inference With Multiway Clustering", Journal of Business & Economic
    Statistics 29, 2011.

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
        rope: float | str = "auto",
        confidence: float = 0.95,
        refit: str | None = "best",
        n_jobs: int | None = None,
        packed: bool = True,
        incumbent: Any = None,
        tune: Mapping[str, Any] | None = None,
        resume: str | Path | None = None,
        n_probes: int | None = None,
        random_state: Any = None,
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
        self.incumbent = incumbent
        self.tune = tune
        self.resume = resume
        self.n_probes = n_probes
        self.random_state = random_state

    @with_callbacks
    def fit(self, X: Any, y: Any = None, groups: Any = None, **fit_params: Any) -> Self:
        """Run the comparison.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or what the estimator takes
            The rows: also texts, arrays in a dictionary or tuple, a torch Dataset.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets; a Dataset has its own, and a :class:`WarmStartTransformer` needs none.
        groups : array-like of shape (n_samples,), default=None
            Rows that belong together, for phases that go by groups (patients, months).
        **fit_params
            Passed on to the estimator's ``fit`` (``sample_weight``; of a Pipeline ``step__sample_weight``), cut
            to the rows of each phase. With scikit-learn's metadata routing they go to whoever asks for them, the
            scorer too.

        Returns
        -------
        self
            The fitted comparator. After Ctrl-C its tables hold what was complete, and nothing is refitted.

        Raises
        ------
        ValueError
            If a parameter, the target or the number of rows does not allow the comparison.
        """
        task = self._task(X, y, groups, fit_params)
        n_phases = self._n_phases(task)  # which says at once what cannot be split
        leaks = warn_of_known_rows(task)
        seeds = draw_seeds(task, self.n_repeats, self.random_state, self.scoring, versions())
        context = self._init_callback_context(
            max_subtasks=self.n_repeats, sequential_subtasks=False
        ).call_on_fit_task_begin(estimator=self, X=task.X, y=task.y)
        contexts = [
            context.subcontext(task_name="replicate", task_id=i, max_subtasks=n_phases)
            for i in range(self.n_repeats)
        ]
        begun = run_all(task, list(zip(range(self.n_repeats), seeds, contexts, strict=True)), self.n_jobs)
        outcomes, interrupted = complete_part(begun, self.n_repeats, [arm.name for arm in task.arms])
        if interrupted is not None:
            warn_caller(interrupted)
        with all_or_nothing(self):  # the tables of one fit and the estimator of another would not agree
            learn_columns(self, X)
            self.interrupted_ = interrupted
            self._summarise(task, outcomes, leaks)
            self.best_estimator_: Any = None
            self.refit_error_: str | None = None
            self.kept_incumbent_: bool | None = None
            self.held_out_scores_: dict[str, float] | None = None
            if self.refit is not None and interrupted is None:
                self._refit(task, outcomes[0])
        predicts = self.best_estimator_ is not None
        context.call_on_fit_task_end(
            estimator=self, X=task.X, y=task.y, reconstruction_attributes=dict if predicts else None
        )
        return self

    def _task(self, X: Any, y: Any, groups: Any, fit_params: Mapping[str, Any]) -> Task:
        """Check everything before hours are spent."""
        check_settings(self._settings())
        if X is not None and not predicts(self.estimator):
            y = np.zeros(count(X))  # nobody looks at them
        X, y, groups = read_rows(X, y, groups)
        routed = route(self.estimator, fit_params, self.get_metadata_routing() if routing_enabled() else None)
        arms = make_arms(self.policies, self.estimator, self.tune)
        if self.refit not in (None, "best") and self.refit not in [arm.name for arm in arms]:
            raise ValueError(f"refit must be 'best', None or the name of an arm, got {self.refit!r}")
        labels = check_target(y) if is_classifier(self.estimator) else check_target(y, classes=False)
        scorer = check_scoring(self.estimator, self.scoring)
        phases = DataIncremental() if self.phases is None else self.phases
        packed = bool(self.packed) and isinstance(last_step(self.estimator), WarmStartMixin)
        return Task(
            *(self.estimator, arms, phases, X, y, labels, scorer, packed, groups),
            *(routed.fit, routed.before, routed.score),
            incumbent=resolve_incumbent(self.incumbent, self.estimator),
            journal=None if self.resume is None else Journal(self.resume),
            n_repeats=self.n_repeats,
            n_probes=self.n_repeats if self.n_probes is None else self.n_probes,
        )

    def _settings(self) -> Settings:
        return Settings.of(self.get_params(deep=False))

    def _n_phases(self, task: Task) -> int:
        """Return how many phases a replicate has."""
        plan = plan_phases(task.phases, task.X, task.y, task.labels, np.random.default_rng(0), task.groups)
        return sum(map(len, plan.streams))

    def _summarise(self, task: Task, outcomes: list[Outcome], leaks: tuple[str, ...]) -> None:
        settings = self._settings()
        self.test_to_train_ = float(np.mean([outcome.test_to_train for outcome in outcomes]))
        self.fixed_splits_ = outcomes[0].fixed
        self.reference_ = REFERENCE
        self.scorer_name_ = settings.score_name
        results, curves, measured = tables_of(outcomes)
        rope, chosen = self._rope(settings, results, measured)
        self.settings_ = describe(settings, task, len(outcomes), self.test_to_train_, rope, chosen)
        self.findings_ = make_findings(
            *(results, curves, measured),
            rule=DecisionRule(rope, float(self.confidence)),
            chosen_rope=chosen if self.rope == "auto" and not settings.is_bounded else None,
            target=self.target,
            score=self.scorer_name_,
            validation_score=settings.validation_score,
            scored_as_validated=settings.scored_as_validated,
            test_to_train=self.test_to_train_,
            fixed_splits=self.fixed_splits_,
            folds=outcomes[0].folds,
            interrupted=self.interrupted_,
            n_repeats=len(outcomes),
            settings=self.settings_,
            row_scores=[row for outcome in outcomes for row in outcome.row_scores],
            clusters=task.clusters,
            leaks=leaks,
        )
        self._set_tables(self.findings_)

    def _rope(
        self, settings: Settings, results: pd.DataFrame, measured: Mapping[str, pd.DataFrame]
    ) -> tuple[float, str]:
        """Return the ROPE, and where it comes from."""
        if not isinstance(self.rope, str):
            return float(self.rope), "given"
        return choose_rope(results, measured.get("dummy", pd.DataFrame()), settings.is_bounded)

    def _set_tables(self, findings: Findings) -> None:
        """Set the parts of the findings as fitted attributes."""
        self.results_, self.curves_ = findings.results, findings.curves
        self.gain_, self.stages_ = findings.gain, dict(findings.stages)
        self.best_arm_ = findings.best_arm
        self.summary_ = [sentence.text for sentence in findings.sentences]
        self.notes_, self.advice_ = list(findings.notes), findings.advice

    def _refit(self, task: Task, outcome: Outcome) -> None:
        """Set ``best_estimator_``; a refit that fails or is interrupted leaves the comparison as it is."""
        name = str(self.best_arm_ if self.refit == "best" else self.refit)
        against = self.stages_.get("incumbent")
        wins = against is not None and is_shown_better(against, name)
        refitted = try_refit(task, outcome, name, wins, failures_by_arm(self.results_).get(name, ""))
        if refitted.error is not None:
            self.refit_error_ = f"the comparison is complete, but {name!r} cannot be refitted: {refitted.error}"
            self.interrupted_ = self.refit_error_ if refitted.interrupted else None
            warn_caller(f"{self.refit_error_}. best_estimator_ is None", FitFailedWarning)
            return
        self.best_estimator_ = refitted.estimator
        if task.incumbent is not None:
            self.kept_incumbent_, self.held_out_scores_ = refitted.kept, refitted.scores
            if refitted.kept and refitted.scores is not None:
                self.findings_ = replace(self.findings_, advice=advice_to_keep(name, refitted.scores))
                self._set_tables(self.findings_)

    def get_metadata_routing(self) -> MetadataRouter:
        """Tell who takes which further arguments of ``fit``; see scikit-learn's user guide on metadata routing.

        Returns
        -------
        MetadataRouter
            The estimator takes those of its ``fit``, the scorer those of its score.
        """
        one = MethodMapping().add(caller="fit", callee="fit")
        other = MethodMapping().add(caller="fit", callee="score")
        router = MetadataRouter(owner=self).add_self_request(self)
        router.add(estimator=self.estimator, method_mapping=one)
        return router.add(scorer=check_scoring(self.estimator, self.scoring), method_mapping=other)

    # ---------------------------------------------------------------- as an estimator

    @property
    def classes_(self) -> NDArray:
        """Labels of ``best_estimator_``, where it is a classifier."""
        return self._best().classes_

    @property
    def best_policy_(self) -> str | None:
        """Old name of ``best_arm_``."""
        warn_renamed("best_policy_", "best_arm_")
        return self.best_arm_

    @property
    def verdict_(self) -> list[str]:
        """Old name of ``summary_``."""
        warn_renamed("verdict_", "summary_")
        return self.summary_

    def _best(self) -> Any:
        """Return ``best_estimator_``, or raise scikit-learn's error where there is none."""
        check_is_fitted(self)
        if self.best_estimator_ is None:
            reason = self.refit_error_ or "fit with refit='best' or the name of an arm"
            raise NotFittedError(f"there is no best_estimator_: {reason}")
        return self.best_estimator_

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
        return self._best().predict(X)

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
        return self._best().predict_proba(X)

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
        best = self._best()
        return float(check_scoring(best, self.scoring)(best, X, y))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "gain_")

    def __sklearn_tags__(self) -> Tags:
        tags, sub = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.estimator_type = sub.estimator_type
        tags.classifier_tags, tags.regressor_tags = sub.classifier_tags, sub.regressor_tags
        tags.target_tags, tags.input_tags = sub.target_tags, sub.input_tags
        return tags
