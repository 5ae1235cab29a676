"""Which of the tests a run is for: `pytest --proto h2+tls` has the daemon speak HTTP/2 over TLS, and so on."""
NAMES = ("h1", "h1+tls", "h2+tls", "h2c")


def pytest_addoption(parser):
    parser.addoption("--proto", default="h1", choices=NAMES, help="what viewers and back ends speak to the daemon")


def pytest_collection_modifyitems(config, items):
    proto = config.getoption("--proto")
    left_out = {"h1": set(), "h1+tls": {"once"}}.get(proto, {"once", "h1_only"})
    gone = [item for item in items if any(item.get_closest_marker(name) for name in left_out)]
    config.hook.pytest_deselected(items=gone)
    items[:] = [item for item in items if item not in set(gone)]
