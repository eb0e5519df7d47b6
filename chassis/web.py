"""Calls by HTTP to addresses that the settings name, and to no others."""

import urllib.request


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Leaves a redirect to be an error: it could lead from https to anywhere."""

    def redirect_request(self, *_: object) -> None:
        return None


def direct_opener() -> urllib.request.OpenerDirector:
    """Opens URLs without redirects, and without the proxies that the environment names."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)
