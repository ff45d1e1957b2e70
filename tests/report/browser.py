"""Open a page in headless Chromium."""

import shutil
from contextlib import contextmanager

from tests.conftest import missing


@contextmanager
def chromium(width: int, height: int, *, dark: bool = False):
    """Yield a browser window whose console is kept; no network."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not browser or not driver:
        missing("Debian's chromium and chromium-driver")
    try:
        from selenium import webdriver
    except ImportError:
        missing("selenium")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ):
        options.add_argument(argument)
    options.add_experimental_option(
        "mobileEmulation", {"deviceMetrics": {"width": width, "height": height, "pixelRatio": 1.0}}
    )
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    window = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    window.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
    try:
        yield window
    finally:
        window.quit()


def open_page(window, path) -> list[dict]:
    """Open a file, and return what the console says at the level of an error or a warning."""
    window.get(path.resolve().as_uri())
    return [entry for entry in window.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
