"""Worked answers to lesson 14 that the library has no function for."""

import numpy as np

from minifacenet.classification.clustering_scores import bcubed
from minifacenet.classification.verification import roc


def threshold_at_far(distances, same, far):
    reached, _, thresholds = roc(distances, same)  # rising; the library's verify() does it so, too
    return float(thresholds[reached <= far][-1])


def open_set_rates(answers, truth, enrolled):
    answers, truth = np.array(answers), np.array(truth)
    known, named = np.isin(truth, list(enrolled)), answers != "unknown"
    mine, right = answers[known], truth[known]
    return (
        float(np.mean(mine == right)),
        float(np.mean((mine != right) & named[known])),
        float(np.mean(~named[known])),
        float(np.mean(named[~known])),
    )


def precision_and_recall(groups, people):
    # The library counts the faces of each person in each group; see its docstring for the formula.
    precision, recall, _ = bcubed(groups, people)
    return precision, recall
