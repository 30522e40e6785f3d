"""Measurements of the service: CPU per call, latency, start, memory. `python -m bench --help`; results in `bench/results`.

Figures of different runs are not compared: machines are noisy. Every run measures a constant card on the same server too, and the report
gives ratios to it.
"""
