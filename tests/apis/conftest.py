"""The page in a browser."""

import pytest
from browsing import CHROMIUM, OPTION, served


@pytest.fixture(scope='session')
def temporary(tmp_path_factory):
    return tmp_path_factory.mktemp('page')


@pytest.fixture(scope='session')
def address(temporary):
    """Of one server: it takes as long to start as several visits."""
    with served(temporary, '--cfg-options', OPTION) as address:
        yield address


@pytest.fixture(scope='module')
def browser():
    pytest.importorskip('gradio', reason='the page needs gradio')
    playwright = pytest.importorskip('playwright.sync_api', reason='the browser test needs playwright')
    if CHROMIUM is None:
        pytest.skip('the browser test needs Chromium')
    with playwright.sync_playwright() as run:
        browser = run.chromium.launch(executable_path=CHROMIUM, args=['--no-sandbox'])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, address):
    """Opens the page as a new visitor; at the end, nothing was asked of any other server."""
    asked, pages = [], []

    def visit(**look):
        page = browser.new_context(accept_downloads=True, **look).new_page()
        page.set_default_timeout(60_000)
        page.on('request', lambda request: asked.append(request.url))
        page.goto(address)
        page.locator('#shell button').first.click()  # the command tells when an answer is there
        page.locator('#command textarea').wait_for()
        pages.append(page)
        return page

    yield visit
    for page in pages:
        page.context.close()
    assert asked and all(url.startswith((address, 'data:', 'blob:')) for url in asked)
