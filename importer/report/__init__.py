"""Reports: what people get to read of a run, made from its ledger and nothing else."""
