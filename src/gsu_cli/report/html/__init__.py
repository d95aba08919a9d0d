"""One self-contained HTML page of many runs: no network, no dependency beyond a browser."""
