from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.catalog.audit import AuditEntry
from penstock.catalog.database import Catalog
from penstock.connect.buckets import Buckets, is_bucket, is_vendor_name
from penstock.connect.local_bucket import LocalBucket
from penstock.connect.settings import BucketMapping, BucketSettings
from penstock.model.datadir import DataDir
from penstock.model.errors import Kind, Problem


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data")


@pytest.fixture
def catalog(data: DataDir) -> Iterator[Catalog]:
    with Catalog.open(data, migrate=True) as opened:
        yield opened


def claim(catalog: Catalog, buckets: Buckets, owner: str, name: str) -> None:
    entry = AuditEntry(owner=owner, principal="p", action="a", object="o")
    catalog.change(entry, lambda conn: buckets.claim(conn, owner, name)).result(30)


def put(bucket: object, key: str, content: bytes = b"x") -> None:
    assert isinstance(bucket, LocalBucket)
    upload = bucket.create(key)
    upload.file.write(content)
    upload.publish()


def test_a_name_belongs_to_its_first_owner(catalog: Catalog, data: DataDir) -> None:
    buckets = Buckets(data, BucketSettings())
    claim(catalog, buckets, "alice", "logs")
    claim(catalog, buckets, "alice", "logs")
    with pytest.raises(Problem, match="not yours") as caught:
        claim(catalog, buckets, "bob", "logs")
    assert caught.value.kind is Kind.BUCKET_MISSING
    claim(catalog, buckets, "bob", "other")


def test_strict_refuses_names_that_are_not_configured(catalog: Catalog, data: DataDir) -> None:
    buckets = Buckets(data, BucketSettings(strict=True, map={"logs": BucketMapping(path="/x")}))
    claim(catalog, buckets, "alice", "logs")
    claim(catalog, buckets, "bob", "logs")
    for attempt in (lambda: claim(catalog, buckets, "alice", "other"), lambda: buckets.open("alice", "other")):
        with pytest.raises(Problem) as caught:
            attempt()
        assert caught.value.kind is Kind.BUCKET_MISSING


def test_one_name_may_be_mapped_per_owner(data: DataDir, tmp_path: Path) -> None:
    places = {name: BucketMapping(path=str(tmp_path / name.replace("/", "-"))) for name in ("logs", "bob/logs")}
    buckets = Buckets(data, BucketSettings(map=places))
    put(buckets.open("alice", "logs"), "k")
    put(buckets.open("bob", "logs"), "k")
    assert {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("k")} == {"logs/k", "bob-logs/k"}


def test_a_relative_path_starts_at_the_data_directory(data: DataDir) -> None:
    put(Buckets(data, BucketSettings(map={"logs": BucketMapping(path="far/away")})).open("o", "logs"), "k")
    assert (data.root / "far" / "away" / "k").read_bytes() == b"x"


@pytest.mark.parametrize("name", ["", ".", "..", ".b", "a/b", "a\\b", "a\0b", "a\nb", "x" * 256, "日" * 86, "\ud800"])
def test_names_that_could_leave_the_folder_are_no_buckets(name: str, data: DataDir) -> None:
    assert not is_bucket(name)
    with pytest.raises(Problem):
        Buckets(data, BucketSettings()).open("o", name)


def test_other_names_work_though_the_vendor_would_refuse_them() -> None:
    names = ["bkt", "my_bucket", "my-bucket", "A", "日志", "a.b", "x" * 255]
    assert all(is_bucket(name) for name in names)
    assert [is_vendor_name(name) for name in names] == [False, True, True, False, False, False, False]


@pytest.mark.parametrize("key", ["", "/etc/x", "../x", "a/../x", "a//b", "a/", ".penstock-temp/x", "a/.x", "a\0b"])
def test_keys_that_could_leave_the_bucket_are_refused(key: str, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="cannot be a path"):
        LocalBucket(tmp_path / "b").create(key)


def test_a_symbolic_link_does_not_lead_out(tmp_path: Path) -> None:
    bucket = LocalBucket(tmp_path / "b")
    put(bucket, "in/k")
    (tmp_path / "out").mkdir()
    (tmp_path / "b" / "link").symlink_to(tmp_path / "out")
    (tmp_path / "b" / "inner").symlink_to(tmp_path / "b" / "in")
    for attempt in (bucket.create, bucket.delete, bucket.exists):
        with pytest.raises(OSError, match="symbolic link"):
            attempt("link/k")
        with pytest.raises(OSError, match="symbolic link"):
            attempt("link/deeper/k")
    put(bucket, "inner/k2")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_link_in_the_place_of_the_file_is_replaced_not_followed(tmp_path: Path) -> None:
    bucket = LocalBucket(tmp_path / "b")
    put(bucket, "k0")
    (tmp_path / "victim").write_bytes(b"precious")
    (tmp_path / "b" / "k").symlink_to(tmp_path / "victim")
    put(bucket, "k", b"new")
    assert (tmp_path / "victim").read_bytes() == b"precious"
    assert (tmp_path / "b" / "k").read_bytes() == b"new"


@pytest.mark.parametrize(
    "mapping",
    [
        {},
        {"path": "/x", "bucket": "b"},
        {"bucket": "b", "access_key": "a"},
        {"bucket": "b", "secret_key": "a"},
        {"bucket": "b", "endpoint": "http://h"},
    ],
)
def test_half_a_mapping_is_refused(mapping: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"path|access_key|TLS"):
        BucketMapping(**mapping)  # type: ignore[arg-type]
