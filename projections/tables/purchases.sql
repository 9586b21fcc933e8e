-- One row per purchase. `lines` is an array of {productId, name, unitPrice, currency, quantity,
-- total}; amounts are minor units. `lines_bytes` bounds pages without reading them.
CREATE TABLE purchases (
  id uuid PRIMARY KEY,
  buyer_id uuid NOT NULL,
  buyer_name text NOT NULL,
  address_line text NOT NULL,
  zip_code text NOT NULL,
  lines json NOT NULL,
  total bigint NOT NULL,
  currency text NOT NULL,
  status text NOT NULL,
  purchased_at timestamptz NOT NULL,
  cancelled_at timestamptz,
  version_position bigint NOT NULL,
  version_index integer NOT NULL,
  lines_bytes integer NOT NULL GENERATED ALWAYS AS (octet_length(lines::text)) STORED
);
-- A buyer's list of all statuses is merged from those of each (newest_of_statuses).
CREATE INDEX purchases_by_buyer ON purchases (buyer_id, status, id);
CREATE INDEX purchases_by_status ON purchases (status, id);
