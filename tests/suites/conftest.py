"""The plugins run in the processes of the foreign suites (.ci/suites), not with the project's own tests."""

collect_ignore_glob = [
    "*_plugin.py",
    "cuda_files.py",
    "expected_failures.py",
    "mlp_adapter.py",
    "skorch_defaults.py",
]
