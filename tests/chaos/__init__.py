"""Everything goes wrong at once around a real server, and what was sent is counted afterwards: `make chaos`."""
