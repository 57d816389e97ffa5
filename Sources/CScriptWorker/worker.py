# The worker that runs score.py; embedded into the runtime at build time.
