"""The first schema.

Revision: 0001, after nothing.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite numbers rows by itself only in INTEGER


def upgrade() -> None:
    op.create_table(
        "blob",
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("codec", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("sha256"),
        sqlite_with_rowid=True,
    )
    op.create_table(
        "bounce",
        sa.Column("id", ID, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("permanent", sa.Boolean(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=True,
    )
    op.create_index("bounce_address", "bounce", ["address", "at"])

    op.create_table(
        "contact",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("known", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("address"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "decision",
        sa.Column("id", ID, nullable=False),
        sa.Column("intake_id", sa.BigInteger(), nullable=True),
        sa.Column("door", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("ticket", sa.BigInteger(), nullable=True),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("rulebook", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=True,
    )
    op.create_index("decision_intake", "decision", ["intake_id"])
    op.create_index("decision_ticket", "decision", ["ticket"])

    op.create_table(
        "desk_hold",
        sa.Column("id", ID, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=True,
    )
    op.create_table(
        "event",
        sa.Column("id", ID, nullable=False),
        sa.Column("ticket", sa.BigInteger(), nullable=False),
        sa.Column("intake_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=True,
    )
    op.create_index("event_ticket", "event", ["ticket"])

    op.create_table(
        "imap_folder",
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=False),
        sa.Column("highest", sa.BigInteger(), nullable=False),
        sa.Column("cutoff", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("mailbox", "folder"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "imap_ledger",
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("mark", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("mailbox", "folder", "uidvalidity", "uid"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "imap_proof",
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("on_server", sa.BigInteger(), nullable=False),
        sa.Column("known", sa.BigInteger(), nullable=False),
        sa.Column("missed", sa.BigInteger(), nullable=False),
        sa.Column("unmoved", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("mailbox", "folder"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rulebook",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
        sqlite_with_rowid=True,
    )
    op.create_index("rulebook_used_at", "rulebook", ["used_at"])

    op.create_table(
        "seen",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("door", sa.Text(), nullable=False),
        sa.Column("intake_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", "door"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "staged",
        sa.Column("intake_id", ID, autoincrement=False, nullable=False),
        sa.Column("ticket", sa.BigInteger(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("released", sa.Boolean(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("intake_id"),
        sqlite_with_rowid=True,
    )
    op.create_index("staged_ticket", "staged", ["ticket"])

    op.create_table(
        "tally",
        sa.Column("minute", ID, autoincrement=False, nullable=False),
        sa.Column("mails", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("minute"),
        sqlite_with_rowid=True,
    )
    op.create_table(
        "ticket",
        sa.Column("number", ID, autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("door", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("requester", sa.Text(), nullable=True),
        sa.Column("requester_name", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("assignee", sa.Text(), nullable=False),
        sa.Column("answered", sa.Boolean(), nullable=False),
        sa.Column("department_fixed", sa.Boolean(), nullable=False),
        sa.Column("survey", sa.Boolean(), nullable=False),
        sa.Column("survey_open", sa.Boolean(), nullable=False),
        sa.Column("flood", sa.Boolean(), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("first", sa.Text(), nullable=False),
        sa.Column("merged_into", sa.BigInteger(), nullable=True),
        sa.Column("related", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["merged_into"],
            ["ticket.number"],
        ),
        sa.PrimaryKeyConstraint("number"),
        sqlite_with_rowid=True,
    )
    op.create_index(
        "ticket_flood", "ticket", ["opened_by"], sqlite_where=sa.text("flood"), postgresql_where=sa.text("flood")
    )
    op.create_index("ticket_merged_into", "ticket", ["merged_into"])
    op.create_index("ticket_opened_by", "ticket", ["opened_by", "created_at"])
    op.create_index("ticket_status", "ticket", ["status", "number"])

    op.create_table(
        "node",
        sa.Column("id", ID, nullable=False),
        sa.Column("home", sa.Text(), nullable=False),
        sa.Column("batch", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=True,
    )
    op.create_table(
        "ticket_number",
        sa.Column("id", ID, nullable=False),
        sa.Column("next", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=True,
    )
    op.create_table(
        "entry",
        sa.Column("id", ID, nullable=False),
        sa.Column("ticket", sa.BigInteger(), nullable=False),
        sa.Column("intake_id", sa.BigInteger(), nullable=True),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=True),
        sa.Column("author_name", sa.Text(), nullable=False),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("unverified", sa.Boolean(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("door", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("attachments", sa.Text(), nullable=False),
        sa.Column("routed", sa.Text(), nullable=False),
        sa.Column("first", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ticket"],
            ["ticket.number"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=True,
    )
    op.create_index("entry_ticket", "entry", ["ticket", "at"])

    op.create_table(
        "intake",
        sa.Column("id", ID, nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("envelope", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("quiet", sa.Boolean(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("released", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("holder", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["sha256"],
            ["blob.sha256"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=True,
    )
    op.create_index("intake_key", "intake", ["key"], unique=True)
    op.create_index("intake_state", "intake", ["state", "id"])

    op.create_table(
        "outbox",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ticket", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("envelope_from", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("header", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        sa.Column("staff", sa.Boolean(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.Column("holder", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["body"],
            ["blob.sha256"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=True,
    )
    op.create_index("outbox_base", "outbox", ["base", "created_at"])
    op.create_index("outbox_due", "outbox", ["state", "next_at", "id"])
    op.create_index("outbox_once", "outbox", ["ticket", "kind", "cause", "recipient"], unique=True)
    op.create_index(
        "outbox_order",
        "outbox",
        ["ticket", "recipient", "id"],
        sqlite_where=sa.text("state = 'waiting' AND ticket > 0"),
        postgresql_where=sa.text("state = 'waiting' AND ticket > 0"),
    )
    op.create_index(
        "outbox_untold",
        "outbox",
        ["id"],
        sqlite_where=sa.text("state = 'failed' AND told = 0"),
        postgresql_where=sa.text("state = 'failed' AND NOT told"),
    )

    op.create_table(
        "participant",
        sa.Column("ticket", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ticket"],
            ["ticket.number"],
        ),
        sa.PrimaryKeyConstraint("ticket", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "survey",
        sa.Column("id", ID, nullable=False),
        sa.Column("ticket", sa.BigInteger(), nullable=False),
        sa.Column("worked", sa.Boolean(), nullable=True),
        sa.Column("more_needed", sa.Boolean(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ticket"],
            ["ticket.number"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=True,
    )
    op.create_index("survey_ticket", "survey", ["ticket"])

    op.create_table(
        "target",
        sa.Column("ticket", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("met_at", sa.BigInteger(), nullable=True),
        sa.Column("breached_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["ticket"],
            ["ticket.number"],
        ),
        sa.PrimaryKeyConstraint("ticket", "kind"),
        sqlite_with_rowid=True,
    )
    op.create_index(
        "target_due",
        "target",
        ["due"],
        sqlite_where=sa.text("met_at IS NULL AND breached_at IS NULL"),
        postgresql_where=sa.text("met_at IS NULL AND breached_at IS NULL"),
    )

    op.create_table(
        "thread_id",
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("ticket", sa.BigInteger(), nullable=False),
        sa.Column("own", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ticket"],
            ["ticket.number"],
        ),
        sa.PrimaryKeyConstraint("message_id", "ticket"),
        sqlite_with_rowid=False,
    )
    op.create_index("thread_id_ticket", "thread_id", ["ticket"])

    op.create_table(
        "thread_link",
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("ticket", sa.BigInteger(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ticket"],
            ["ticket.number"],
        ),
        sa.PrimaryKeyConstraint("ref", "ticket", "author"),
        sqlite_with_rowid=False,
    )
    op.create_index("thread_link_ticket", "thread_link", ["ticket"])
    op.execute("INSERT INTO ticket_number (id, next) VALUES (1, 1)")
