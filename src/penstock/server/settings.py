"""Every setting there is: each room's own settings, one section each.

Sources, later ones winning: the defaults here, `penstock.toml`, `PENSTOCK_<SECTION>_<NAME>`, the command line
(settings_sources.py reads them; settings_reference.py describes them).
"""

from __future__ import annotations

import msgspec

from penstock.api.settings import ApiSettings
from penstock.connect.settings import BucketSettings
from penstock.log.settings import LogSettings
from penstock.model.limits import Limits
from penstock.server.server_settings import ServerSettings
from penstock.stream.settings import FlowSettings


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole tree."""

    server: ServerSettings = ServerSettings()
    api: ApiSettings = ApiSettings()
    limits: Limits = Limits()
    log: LogSettings = LogSettings()
    flows: FlowSettings = FlowSettings()
    buckets: BucketSettings = BucketSettings()
