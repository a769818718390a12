"""The comparator as an estimator: refit, parameters, callbacks and displays."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from comparators import X, Y, comparator, net
from sklearn.base import clone, is_classifier
from sklearn.callback import FitCallback, ProgressBar
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import StratifiedKFold
from skorch.callbacks import Callback

from sk_warmstart import WarmStartComparator
from sk_warmstart.comparison import DataIncremental


def test_it_predicts_with_the_best_arm_on_all_rows(fitted: WarmStartComparator) -> None:
    assert fitted.best_arm_ in fitted.gain_.index
    best = fitted.best_estimator_
    assert best.classes_.tolist() == fitted.classes_.tolist() == [0, 1, 2]
    assert np.array_equal(fitted.predict(X), best.predict(X))
    assert np.array_equal(fitted.predict_proba(X), best.predict_proba(X))
    assert fitted.score(X, Y) == pytest.approx(np.mean(best.predict(X) == Y))
    assert is_classifier(fitted)
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).predict(X), fitted.predict(X))


@pytest.mark.parametrize(("arm", "policy", "donor"), [("cold", "Cold", None), ("warm", "Warm", "self")])
def test_refit_by_name(arm: str, policy: str, donor: str | None) -> None:
    result = comparator(net(random_state=7), refit=arm).fit(X, Y)
    start = result.best_estimator_.start_
    assert (start.policy, start.donor) == (policy, donor)
    assert result.best_estimator_.random_state == 7
    if arm == "cold":
        assert np.array_equal(result.predict_proba(X), net(random_state=7).fit(X, Y).predict_proba(X))


def test_without_refit_it_does_not_predict() -> None:
    result = comparator(refit="warm").fit(X, Y)
    result.set_params(refit=None).fit(X[:, :2], Y)  # nor with what an earlier fit left
    assert result.best_estimator_ is None
    assert not hasattr(result, "classes_")
    with pytest.raises(NotFittedError):
        result.predict(X)
    assert result.best_arm_ in ("cold", "warm")


class Watch(Callback):
    """Notes which rows, by their number in the first column, train and validate in each fit."""

    fits: list[tuple[set[float], set[float]]] = []

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        train, valid = net.run_.train, net.run_.valid
        self.fits.append((set(train.X[:, 0].tolist()), set() if valid is None else set(valid.X[:, 0].tolist())))


@pytest.mark.parametrize("phases", [DataIncremental(3), StratifiedKFold(3)], ids=["growing", "folds"])
def test_rows_that_trained_never_validate(phases: Any) -> None:
    numbered = np.c_[np.arange(len(X)), X].astype(float)
    Watch.fits = []
    # The last fit is the refit on all rows, from the state that the replicate ended with.
    comparator(
        net(callbacks=[Watch()], early_stopping=True, validation_fraction=0.2, n_iter_no_change=50, lr=1e-5),
        n_repeats=1,
        refit="warm",
        phases=phases,
    ).fit(numbered, Y)
    assert len(Watch.fits) == (5 + 1 if isinstance(phases, DataIncremental) else 3 * 3 + 1)
    trained = set.union(*(train for train, _ in Watch.fits))
    validated = set.union(*(valid for _, valid in Watch.fits))
    assert len(validated) > 10
    assert trained.isdisjoint(validated)
    assert trained | validated == set(map(float, range(len(X))))


def test_the_users_estimator_and_its_callbacks_are_left_alone() -> None:
    watch = Watch()
    estimator = net(callbacks=[watch], random_state=4)
    before = estimator.get_params(deep=False)
    result = comparator(estimator, refit="warm", n_repeats=1).fit(X, Y)
    assert result.estimator is estimator
    assert estimator.callbacks == [watch]
    assert estimator.get_params(deep=False) == before
    assert not hasattr(estimator, "module_")
    clone(estimator)
    assert len(result.best_estimator_.callbacks) == 1  # what records the curves is gone again


def test_disabled_callbacks_are_no_obstacle() -> None:
    result = comparator(net(callbacks="disable"), refit="warm", n_repeats=1).fit(X, Y)
    assert result.best_estimator_.callbacks == "disable"
    assert result.curves_["distance_from_start"].notna().all()


def test_parameters_and_clone() -> None:
    phases = DataIncremental(4)
    made = WarmStartComparator(net(), policies=["cold", "warm"], phases=phases, rope=0.02)
    params = made.get_params()
    assert params["phases"] is phases
    assert params["phases__n_phases"] == 4
    assert params["estimator__max_epochs"] == 3
    copy = clone(made)
    assert copy.rope == 0.02
    assert copy.estimator is not made.estimator
    assert copy.phases is not phases
    copy.set_params(phases__n_phases=2, estimator__max_epochs=1)
    assert (made.phases.n_phases, made.estimator.max_epochs) == (4, 3)
    assert not hasattr(clone(made.set_params(n_repeats=1).fit(X, Y)), "gain_")


class Count(FitCallback):
    """Counts what scikit-learn tells a callback."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, int]] = []
        self.ended: list[tuple[str, int]] = []

    def setup(self, estimator: Any, context: Any) -> None:
        self.begun.append(("setup", 0))

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        self.begun.append((context.task_name, context.task_id))

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        self.ended.append((context.task_name, context.task_id))

    def teardown(self, estimator: Any, context: Any) -> None:
        self.ended.append(("teardown", 0))


def test_callbacks_of_scikit_learn_see_each_replicate() -> None:
    count = Count()
    watched = comparator(n_repeats=3)
    watched.set_callbacks(count)
    watched.fit(X, Y)
    for seen in (count.begun, count.ended):
        assert [task for task in seen if task[0] == "replicate"] == [("replicate", i) for i in range(3)]
    assert count.begun[0] == ("setup", 0)
    assert count.ended[-1] == ("teardown", 0)


def test_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    comparator().set_callbacks(ProgressBar()).fit(X, Y)
    assert "WarmStartComparator - fit" in capsys.readouterr().out


def test_report_and_notebook(fitted: WarmStartComparator, tmp_path: Any) -> None:
    path = fitted.report(tmp_path / "report.html")
    assert path == tmp_path / "report.html"
    page = path.read_text(encoding="utf-8")
    assert fitted.summary_[0].split(":")[0] in page
    assert "shrink_perturb" in fitted._repr_html_()
    assert "shrink_perturb" in comparator(policies=("cold", "shrink_perturb"))._repr_html_()
    assert "verdict" not in comparator()._repr_html_()
    with pytest.raises(NotFittedError):
        comparator().report(tmp_path / "none.html")
    assert not (tmp_path / "none.html").exists()


def test_old_names_warn(fitted: WarmStartComparator) -> None:
    with pytest.warns(FutureWarning, match="best_policy_ is called best_arm_ since version 0.2"):
        assert fitted.best_policy_ == fitted.best_arm_
    with pytest.warns(FutureWarning, match="verdict_ is called summary_ since version 0.2"):
        assert fitted.verdict_ == fitted.summary_


def test_attributes_are_there_whatever_was_asked_for(fitted: WarmStartComparator) -> None:
    assert fitted.kept_incumbent_ is fitted.held_out_scores_ is fitted.interrupted_ is None
    once = comparator(n_repeats=1).fit(X, Y)
    assert once.best_estimator_ is once.kept_incumbent_ is once.held_out_scores_ is None


def test_draws_are_random_unless_a_seed_is_given() -> None:
    assert WarmStartComparator(net()).random_state is None
    one, two = (comparator(random_state=None, n_repeats=1).fit(X, Y) for _ in range(2))
    assert not np.array_equal(one.curves_["train_loss"].dropna(), two.curves_["train_loss"].dropna())


def test_peak_memory_is_told_of_fits_that_train_alone_only() -> None:
    packed, alone = (comparator(packed=packed, n_repeats=1).fit(X, Y) for packed in (True, False))
    assert packed.results_["memory"].isna().all()
    assert "peak memory, MB" not in packed.stages_["cost"]
    if alone.results_["memory"].notna().all():  # the system tells it
        assert (alone.results_["memory"] >= 0).all()
        by_arm = alone.results_.groupby("arm")["memory"].mean()
        # An arm that fitted into what the process had already says nothing of what it needs.
        assert ("peak memory, MB" in alone.stages_["cost"]) == bool((by_arm > 0).all())


def test_number_and_names_of_the_columns_are_known() -> None:
    frame = pd.DataFrame(X, columns=list("abcd"))
    named = comparator(phases=DataIncremental(2)).fit(frame, Y)
    assert (named.n_features_in_, named.feature_names_in_.tolist()) == (4, list("abcd"))
    plain = named.fit(X, Y)
    assert plain.n_features_in_ == 4
    assert not hasattr(plain, "feature_names_in_")
