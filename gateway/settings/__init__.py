"""`gateway.yaml` and its secrets → frozen `Settings`, read once. What is wrong is told with its place, all at once.

Sections are the dataclasses of `gateway.options`, key = field name. Durations are seconds or `30s`, `5m`, `2h`, `1d`;
sizes are octets or `500KB`, `40MB`. Relative paths count from the folder of the file. A secret is written as text, as
`{file: path}`, `{env: NAME}` or `{credential: NAME}` (systemd's `$CREDENTIALS_DIRECTORY`).
"""

from gateway.keyring import SettingsError, add_key, borrowed_keys, hash_password, load_keys, verify_login
from gateway.settings.reading import Settings, read_settings, read_state_dir

__all__ = [
    "Settings",
    "SettingsError",
    "add_key",
    "borrowed_keys",
    "hash_password",
    "load_keys",
    "read_settings",
    "read_state_dir",
    "verify_login",
]
