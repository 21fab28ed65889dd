"""Elapsed and remaining time of a run."""

import pytest

from linguistic_regions.runtime.work import Job, Work, duration

JOBS = {
    1: Job("score", 100.0, 0.5),
    2: Job("score", 100.0, 0.5),
    3: Job("evaluate", 300.0, 1.0),
    4: Job("tables", 0.0, 0.5),
}


def test_two_jobs_at_a_time_take_half_the_time_each():
    work = Work(JOBS, start=10.0)
    assert work.done(10.0) == 0.0
    assert work.remaining(10.0) == 400.0


def test_jobs_count_by_their_work_and_not_by_their_number():
    work = Work(JOBS, start=0.0)
    for number in (1, 2):
        work.begin(number, 0.0)
    assert work.done(50.0) == pytest.approx(0.125)
    assert work.remaining(50.0) == pytest.approx(350.0)
    assert [work.end(number, 100.0) for number in (1, 2)] == [100.0, 100.0]
    assert work.done(100.0) == pytest.approx(0.25)
    assert work.remaining(100.0) == pytest.approx(300.0)


def test_a_slow_machine_needs_longer_for_the_rest_too():
    work = Work(JOBS, start=0.0)
    for number in (1, 2):
        work.begin(number, 0.0)
    assert work.done(1000.0) == pytest.approx(0.25)  # a job counts for no more than all of its work
    for number in (1, 2):
        work.end(number, 1000.0)
    assert work.remaining(1000.0) == pytest.approx(300.0 * (1000.0 + 40.0) / (100.0 + 40.0))


def test_the_longest_job_is_waited_for():
    work = Work({1: Job("score", 100.0, 0.1), 2: Job("evaluate", 10.0, 0.1)}, start=0.0)
    assert work.remaining(0.0) == 100.0
    work.begin(1, 0.0)
    assert work.remaining(0.0) == 100.0


def test_work_that_failed_is_still_to_be_done():
    work = Work(JOBS, start=0.0)
    work.begin(3, 0.0)
    assert work.end(3, 30.0, done=False) == 30.0
    assert work.done(30.0) == 0.0


def test_a_run_of_jobs_that_take_no_time_and_jobs_that_were_not_planned():
    work = Work({4: JOBS[4]}, start=0.0)
    work.begin(5, 1.0)
    assert work.end(5, 2.0) == 1.0
    assert work.end(6, 2.0) == 0.0
    assert (work.done(2.0), work.remaining(2.0)) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (99.4, "99 s"), (99.6, "2 min"), (5969.0, "99 min"), (5971.0, "1.7 h")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text
