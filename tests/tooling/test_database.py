from pathlib import Path

from sqlalchemy import create_engine, make_url, text


def test_a_store_test_runs_on_both_databases_under_their_names(database_url, request):
    backend = make_url(database_url).get_backend_name()
    assert f"[{backend}]" in request.node.name
    assert database_url.startswith({"sqlite": "sqlite+pysqlite:///", "postgresql": "postgresql+asyncpg://"}[backend])


def test_the_sqlite_file_is_not_there_yet_and_can_be_made(empty_sqlite_url):
    file = Path(make_url(empty_sqlite_url).database or "")
    assert not file.exists()
    engine = create_engine(empty_sqlite_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE offers (id integer)"))
    engine.dispose()
    assert file.exists()
