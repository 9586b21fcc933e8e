-- One row per delivery, which has its purchase's id. It is closed when the receipt is confirmed,
-- the purchase is cancelled or the parcel went back. `items` is an array of {productId, name,
-- quantity}, `scans` one of {carrier, trackingNumber, status, location, code, occurredAt}, in the
-- order in which they came; occurredAt is in milliseconds since 1970.
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
  opened_at timestamptz NOT NULL,
  closed_at timestamptz,
  version_position bigint NOT NULL,
  version_index integer NOT NULL
);
CREATE INDEX open_deliveries ON deliveries (id) WHERE closed_at IS NULL;
CREATE INDEX deliveries_by_buyer ON deliveries (buyer_id, id);
CREATE INDEX deliveries_by_status ON deliveries (status, id);
