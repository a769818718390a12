"""All stages, in the order of the report."""

from __future__ import annotations

import pandas as pd

from ..._names import INCUMBENT
from ._baseline import baseline_table
from ._budgets import budget_table, read_budgets
from ._classes import class_table, read_classes
from ._conditions import conditions_table, read_conditions
from ._consistency import consistency_table, read_consistency
from ._cost import cost_table
from ._incumbent import incumbent_table
from ._perturbation import perturbation_table, read_perturbation
from ._stage import Runs, Stage
from ._trajectories import read_trajectories, trajectory_table
from ._updates import read_updates, update_table

# In the order of the report.
STAGES = (
    Stage(
        "baseline",
        "Cold, phase by phase",
        "What a fresh draw reaches: the reference of what follows.",
        baseline_table,
    ),
    Stage(
        "runs",
        "Every arm, phase by phase",
        "Test scores at the end, scores before the first step, and test scores after a part of the epochs that "
        "cold took: of the last epoch by then whose weights were kept (0, 1, 2, 4, 8, ... and the last), which an "
        "arm need not return, on 2,000 of the test rows where there are more. A gain is over cold with the same "
        "budget, ± half its interval over replicates.",
        budget_table,
        conclusion=read_budgets,
    ),
    Stage(
        "trajectories",
        "The way through the weights",
        "Means over runs. The gradient norm is that of an epoch's last batch, which in one run has the same rows "
        "for all arms but may be small: it compares arms, not phases. Distances are Euclidean, over all "
        "parameters: from the start of the fit, and from the weights that the lineage first began with. Against "
        "cold, run by run: the loss after the first epoch, the validation score over the first quarter of cold's "
        "epochs, and both distances as a ratio; intervals over replicates.",
        trajectory_table,
        by_arm=True,
        conclusion=read_trajectories,
    ),
    Stage(
        "consistency",
        "Runs from one start",
        "The last phase of the first replicate, fitted again and again from the same start on the same rows, with "
        "other draws: standard deviation of the scores, mean share of test rows that two runs predict differently "
        "(of numbers the root mean square difference, by the target's standard deviation), and mean distance of "
        "their weights by their length; each by cold's, with an interval (Pitman and Morgan's for scores, of runs "
        "of equal seeds; a jackknife over runs for the others). Over-concentrated says in what an arm differs "
        "less than cold, scores or predictions, by those tests after Holm's adjustment: starts that all end in "
        "one place may have stopped exploring. Weights are left out of that, as runs from one start share it. It "
        "holds for this split; beside it stands the spread over replicates, which differ in their splits too.",
        consistency_table,
        by_arm=True,
        conclusion=read_consistency,
    ),
    Stage(
        "updates",
        "What new data did to what was known",
        "Old rows tested an earlier phase (those of old classes and old windows), new rows test for the first "
        "time; some old rows may have trained since, and are held out no more. Forgetting (how far the score on "
        "the test rows of an earlier phase fell below its best) and backward transfer (how later phases changed "
        "it) are there only where each phase brings test rows of its own: on rows that all phases share, as in "
        "DataIncremental, a change is growth. The newest training rows against the older ones of the same phase "
        "show who fits what came last. A negative flip is a test row of the phase before, of all of them, that "
        "was right then and is wrong now.",
        update_table,
        by_arm=True,
        conclusion=read_updates,
    ),
    Stage(
        "conditions",
        "When it pays",
        "Each phase by itself: the share of its training rows that are new, how far the new rows have drifted "
        "from those of the phase before (mean population stability index of the numeric columns, less what it is "
        "without drift: about 0 without, 0.1 is little, 0.25 much), and each arm's gain over cold and speed-up "
        "with intervals. Verdicts are adjusted for the number of phases; p_phases is that of no difference "
        "between phases.",
        conditions_table,
        conclusion=read_conditions,
    ),
    Stage(
        "classes",
        "Class by class",
        "Recall of each class in the last phase, and its change against cold in the same replicate: a gain in "
        "the mean may hide a class that is lost. sd: standard deviation over replicates; intervals are over "
        "replicates too, and a class differs where that is shown after Holm's adjustment for the number of "
        "classes.",
        class_table,
        conclusion=read_classes,
    ),
    Stage(
        "incumbent",
        "Against the incumbent",
        "Each way to retrain against keeping the old model as it is, in the same replicate, judged as the gain "
        "over cold is. Negative flips: share of the test rows that the incumbent has right and the arm wrong; "
        "positive flips: the other way round.",
        incumbent_table,
    ),
    Stage(
        "cost",
        "Cost",
        "Means a fit; samples include those that making the start took. In a pack, seconds are a fit's share, and "
        "processors are as busy as in the pack. Epochs and samples to the target are of the runs that reached it. "
        "Processors busy: processor time over seconds. Seconds saved: what the speed-up takes off cold's seconds "
        "at a retraining; checkpoint by saved: the time to save and load a state, as a share of them.",
        cost_table,
        by_arm=True,
    ),
    Stage(
        "perturbation",
        "Under noise on the weights",
        "Noise of this size, relative to each tensor's root mean square. On the weights that a fit inherits, "
        "before its policy acts, and then trained as usual (the last phase of the first replicate): score, its "
        "standard deviation, how far predictions differ from those of the run of the same seed without noise, and "
        "the change of the score against that run with its interval over draws. On the final weights, without "
        "training: how much the score falls, with an interval over replicates; flat minima lose little.",
        perturbation_table,
        conclusion=read_perturbation,
    ),
)


def stage_tables(runs: Runs) -> dict[str, pd.DataFrame]:
    """Summarise the runs stage by stage; the last table holds the verdicts."""
    arms = list(runs.gain.index)
    tables = {}
    for stage in STAGES:
        if stage.name == "incumbent" and not runs.results["arm"].eq(INCUMBENT).any():
            continue
        table = stage.table(runs)
        tables[stage.name] = table.reindex(arms).dropna(how="all") if stage.by_arm else table
    return {**tables, "verdict": runs.gain}
