"""The model against counting by hand, its bytes, and its pace."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from gateway.capabilities.recommendations import ItemModel, incidence, train

ITEMS = ["T-0", "T-1", "T-2", "service:music", "service:video"]
histories = st.lists(st.frozensets(st.sampled_from(ITEMS)), min_size=1, max_size=12)


def pairs(people):
    return [(number, item) for number, has in enumerate(people) for item in sorted(has)]


@given(histories.filter(any), st.floats(0.5, 50))
def test_lift_equals_counting_by_hand(people, shrinkage):
    people = [has for has in people if has]
    x, items = incidence(pairs(people))
    model = train(x, items, ["T-0", "T-1", "T-9"], shrinkage)
    assert model.subscribers == len(people)
    assert set(model.targets) == {"T-0", "T-1"} & set(items)
    for column, target in enumerate(model.targets):
        popularity = (sum(target in has for has in people) + 1) / (len(people) + 2)
        assert model.popularity[column] == pytest.approx(popularity)
        for row, item in enumerate(model.items):
            support = sum(item in has for has in people)
            together = sum(item in has and target in has for has in people)
            lift = (together + shrinkage * popularity) / (support + shrinkage) / popularity
            assert model.support[row] == support
            assert model.together[row, column] == together
            expected = 0 if item == target else np.log(max(lift, 1e-3))
            assert model.similarity[row, column] == pytest.approx(expected, abs=1e-5)


def test_a_pair_seen_twice_counts_once():
    x, items = incidence([(7, "b"), (7, "a"), (7, "b"), (3, "a")])
    assert items == ("a", "b")
    assert x.toarray().tolist() == [[1, 1], [1, 0]]


def test_weights_count_as_having():
    weighted = sparse.csr_array(np.array([[0.2, 5.0], [0.0, 1.0]]))
    assert train(weighted, ["a", "b"], ["b"]).support.tolist() == [1, 2]


def test_columns_and_names_must_agree():
    with pytest.raises(ValueError, match="2 columns but 1 items"):
        train(sparse.csr_array(np.eye(2)), ["a"], ["a"])


def test_nobody_to_learn_from_gives_an_empty_model():
    x, items = incidence([])
    model = train(x, items, ["T-1"])
    assert (model.items, model.targets, model.similarity.shape) == ((), (), (0, 0))
    assert ItemModel.loads(model.dumps()).items == ()


def test_a_model_comes_back_from_its_bytes():
    x, items = incidence(pairs([{"T-0", "服务:音乐"}, {"T-0"}, {"T-1", "服务:音乐"}]))
    model = train(x, items, ["T-0", "T-1"])
    again = ItemModel.loads(model.dumps())
    assert (again.items, again.targets, again.version) == (model.items, model.targets, model.version)
    assert again.subscribers == model.subscribers
    for name in ("similarity", "together", "support", "popularity"):
        written, read = getattr(model, name), getattr(again, name)
        assert read.dtype == written.dtype
        assert np.array_equal(read, written)
    assert model.dumps() == again.dumps()


def test_the_version_tells_models_apart():
    first, items = incidence([(1, "a"), (1, "b"), (2, "a")])
    second, _ = incidence([(1, "a"), (1, "b"), (2, "a"), (2, "b")])
    versions = [train(x, items, ["b"]).version for x in (first, second, first)]
    assert versions[0] == versions[2] != versions[1]


@pytest.mark.parametrize("damaged", [b"", b"not an archive", b"PK\x03\x04 cut off"])
def test_other_bytes_are_no_model(damaged):
    with pytest.raises(ValueError, match="not an item model"):
        ItemModel.loads(damaged)


def test_cut_off_bytes_are_no_model():
    x, items = incidence([(1, "a"), (2, "b")])
    data = train(x, items, ["a"]).dumps()
    with pytest.raises(ValueError, match="not an item model"):
        ItemModel.loads(data[: len(data) // 2])


@pytest.mark.parametrize(("n_subscribers", "n_items", "n_events"), [(1_000, 1_682, 100_000), (20_000, 50, 100_000)])
def test_training_takes_less_than_a_second(n_subscribers, n_items, n_events):
    rng = np.random.default_rng(1)
    where = (rng.integers(n_subscribers, size=n_events), rng.integers(n_items, size=n_events))
    x = sparse.csr_array((np.ones(n_events), where), shape=(n_subscribers, n_items))
    names = [f"T-{number}" for number in range(n_items)]
    begun = time.process_time()
    train(x, names, names)
    assert time.process_time() - begun < 1
