-- One row per product, withdrawn ones included. Purchases change `stock` only, and often: the free
-- space keeps such an update on its page and out of the indexes.
CREATE TABLE products (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  unit_price bigint NOT NULL,
  currency text NOT NULL,
  stock bigint NOT NULL,
  description text NOT NULL,
  listed_at timestamptz NOT NULL,
  withdrawn_at timestamptz,
  seller uuid,
  version_position bigint NOT NULL,
  version_index integer NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX listed_products_by_name ON products (name) WHERE withdrawn_at IS NULL;
-- For names by their beginning: name_range.hpp.
CREATE INDEX listed_products_by_beginning ON products (lower(name COLLATE "C"), id)
  WHERE withdrawn_at IS NULL;
