"""`gateway demo`: the real daemon on an example desk, real mail in and out, and a story to watch."""
