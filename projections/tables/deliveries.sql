-- One row per delivery, which has its purchase's id. It is closed when the receipt is confirmed,
-- the purchase is cancelled or the parcel went back. `items` is an array of {productId, name,
-- quantity}, `scans` one of {carrier, trackingNumber, status, location, code, occurredAt}, in the
-- order in which they came; occurredAt is in milliseconds since 1970. Lists read the last of them
-- and their number, and never all; `items_bytes` bounds their pages.
CREATE TABLE deliveries (
  id uuid PRIMARY KEY,
  buyer_id uuid NOT NULL,
  recipient text NOT NULL,
  address_line text NOT NULL,
  zip_code text NOT NULL,
  items json NOT NULL,
  status text NOT NULL,
  carrier text NOT NULL,
  tracking_number text NOT NULL,
  scans jsonb NOT NULL,
  scan_count integer NOT NULL,
  last_scan jsonb,
  opened_at timestamptz NOT NULL,
  closed_at timestamptz,
  version_position bigint NOT NULL,
  version_index integer NOT NULL,
  items_bytes integer NOT NULL GENERATED ALWAYS AS (octet_length(items::text)) STORED
);
-- Lists of several statuses, of the open ones above all, are merged from those of each
-- (newest_of_statuses).
CREATE INDEX deliveries_by_buyer ON deliveries (buyer_id, status, id);
CREATE INDEX deliveries_by_status ON deliveries (status, id);
