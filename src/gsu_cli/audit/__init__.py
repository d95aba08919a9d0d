"""Did it forget? Probes that compare the original, the unlearned and the retrained model, in both directions.

A probe is one file here and one yaml in ``conf/audit/``: a callable ``(case) -> Result``. It says where a model still
knows what it should have forgotten (under-forgetting) and where it knows less than retraining would (over-forgetting).
"""
