"""The gateway whose log is brought into the database all the time, instead of every few hundred mails:

python -m tests.faults.small_log run -c gateway.yaml
"""

from gateway.cli import main
from gateway.store import sqlite

PAGES = 60

if __name__ == "__main__":
    sqlite.WAL_PAGES = PAGES  # read for each connection
    main()
