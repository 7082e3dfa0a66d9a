#!/bin/sh
# PostgreSQL's first start in compose.yaml: one database and one user a node, neither of which may enter the other's.
set -eu

make_database() {
    psql --username postgres --set ON_ERROR_STOP=1 --set name="$1" --set password="$2" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name" ENCODING 'UTF8' TEMPLATE template0 LOCALE 'C.UTF-8';
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
}

make_database lanjiang "$LANJIANG_PASSWORD"
make_database qinghe "$QINGHE_PASSWORD"
