"""The benchmarks against the peers: `make bench`, or `python -m bench NAME …` for some of them."""
