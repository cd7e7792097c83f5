"""Typical wrong answers to lesson 23, with words that the check should say."""

import numpy as np
from scipy.stats import beta


def what_was_counted(errors, trials):
    return errors / trials


def two_sided(errors, trials):
    return beta.ppf(0.975, errors + 1, trials - errors)


def rule_of_three(errors, trials):
    return (errors + 3) / trials


def one_standard_error(errors, trials):
    rate = (errors + 0.5) / (trials + 1)
    return rate + np.sqrt(rate * (1 - rate) / trials)


def one_comparison(visitors, wanted, listed, val, far):
    true, false = wanted * val, (visitors - wanted) * far
    return true, false, false / (true + false)


def counts_matches(visitors, wanted, listed, val, far):
    true, false = wanted * val, (visitors - wanted) * far * listed
    return true, false, false / (true + false)


def everybody_is_a_stranger(visitors, wanted, listed, val, far):
    true, false = wanted * val, visitors * (1 - (1 - far) ** listed)
    return true, false, false / (true + false)


def share_of_the_strangers(visitors, wanted, listed, val, far):
    wrong = 1 - (1 - far) ** listed
    return wanted * val, (visitors - wanted) * wrong, wrong


def share_that_is_true(visitors, wanted, listed, val, far):
    true, false = wanted * val, (visitors - wanted) * (1 - (1 - far) ** listed)
    return true, false, true / (true + false)


def _far(distances, people, threshold, columns=(0, 1)):
    different = people[:, 0] != people[:, 1]
    rates = []
    for p in np.unique(people):
        own = (people[:, columns] == p).any(axis=1) & different
        rates.append((distances[own] <= threshold).mean() if own.any() else 0)
    return np.array(rates)


def _threshold(distances, people, floor):
    own = [distances[(people == p).all(axis=1)] for p in np.unique(people)]
    return max(np.sort(d)[int(np.ceil(floor * len(d) - 1e-9)) - 1] for d in own)


def all_together(distances, people, floor):
    same = np.sort(distances[people[:, 0] == people[:, 1]])
    threshold = same[int(np.ceil(floor * len(same) - 1e-9)) - 1]
    return threshold, _far(distances, people, threshold)


def the_widest_of_all(distances, people, floor):
    threshold = distances[people[:, 0] == people[:, 1]].max()
    return threshold, _far(distances, people, threshold)


def only_as_the_first(distances, people, floor):
    threshold = _threshold(distances, people, floor)
    return threshold, _far(distances, people, threshold, (0,))


def only_the_threshold(distances, people, floor):
    return _threshold(distances, people, floor)


def below_the_door(distances, people, floor):
    threshold = _threshold(distances, people, floor)
    return threshold, _far(np.nextafter(distances, np.inf), people, threshold)


MISTAKES = {
    "23.1": {
        what_was_counted: "what was counted",
        two_sided: "only one side",
        rule_of_three: "rule of thumb",
        one_standard_error: "A larger rate is still possible",
    },
    "23.3": {
        one_comparison: "everybody on the list",
        counts_matches: "one alarm",
        everybody_is_a_stranger: "take the strangers alone",
        share_of_the_strangers: "the share of the alarms",
        share_that_is_true: "asked for are the false ones",
    },
    "23.2": {
        all_together: "all together",
        the_widest_of_all: "wider than it need be",
        only_as_the_first: "second of a pair",
        only_the_threshold: "return two things",
        below_the_door: "at exactly the threshold",
    },
}
