"""Owners, keys, repos, exports, buckets, audit."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    counter = op.create_table(
        "counter",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_counter"),
    )
    op.bulk_insert(counter, [{"name": name, "value": 0} for name in ("generation", "incarnation", "flow")])
    op.create_table(
        "owner",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_owner"),
    )
    op.create_table(
        "owner_grant",
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("grantee", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("created_at_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("owner", "grantee", name="pk_owner_grant"),
        sa.ForeignKeyConstraint(["owner"], ["owner.id"], name="fk_owner_grant_owner"),
        sa.ForeignKeyConstraint(["grantee"], ["owner.id"], name="fk_owner_grant_grantee"),
    )
    op.create_table(
        "access_key",
        sa.Column("access_key", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("created_at_us", sa.BigInteger, nullable=False),
        sa.Column("revoked_at_us", sa.BigInteger),
        sa.PrimaryKeyConstraint("access_key", name="pk_access_key"),
        sa.ForeignKeyConstraint(["owner"], ["owner.id"], name="fk_access_key_owner"),
    )
    op.create_index("ix_access_key_owner", "access_key", ["owner"])
    op.create_table(
        "repo",
        sa.Column("incarnation", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("definition", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("incarnation", name="pk_repo"),
        sa.UniqueConstraint("owner", "name", name="uq_repo_owner_name"),
    )
    op.create_table(
        "dropped_queue",
        sa.Column("incarnation", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("repo", sa.Text, nullable=False),
        sa.Column("dropped_at_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("incarnation", name="pk_dropped_queue"),
    )
    op.create_table(
        "export",
        sa.Column("id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("incarnation", sa.BigInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("definition", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_export"),
        sa.ForeignKeyConstraint(["incarnation"], ["repo.incarnation"], name="fk_export_incarnation"),
        sa.UniqueConstraint("incarnation", "name", name="uq_export_incarnation_name"),
    )
    op.create_table(
        "dropped_flow",
        sa.Column("id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("dropped_at_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_dropped_flow"),
    )
    op.create_table(
        "bucket",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("created_at_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_bucket"),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("principal", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("object", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_owner_id", "audit", ["owner", "id"])
