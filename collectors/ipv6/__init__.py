"""How ready a thing is for IPv6: sites as a visitor sees them over both versions.

Needs the extra ``poller`` (dnspython, h11). Nothing here knows the controller: targets come in as
``SiteTarget``, readings go out as JSON.
"""
