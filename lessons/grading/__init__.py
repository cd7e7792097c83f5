"""What `grade.py` is made of: reading notebooks, running what is in them, judging its answers.

`notebooks.py` takes the cells, `worker.py` runs them in a process of its own, `messages.py` carries
plain data between that process and `judge.py`, where the checks are. `kernels.py` says what a
kernel may be made of, which has to run beside its check.
"""
