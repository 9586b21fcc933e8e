// The problems that the services answer with, and the only place that maps a broken rule to a
// status code. The responses (problems.cpp) and the OpenAPI documents are both made from these;
// what else the documents say of each is in openapi/problems.json.
#pragma once

#include "api/http/problem_types.hpp"

namespace jangbu::problems {

using namespace http::problems;
using http::ProblemType;

// Access control.
inline constexpr ProblemType unauthorized{401, "unauthorized", "Unauthorized"};
inline constexpr ProblemType forbidden{403, "forbidden", "Forbidden"};
inline constexpr ProblemType too_many_requests{429, "too-many-requests", "Too many requests"};
inline constexpr ProblemType provider_unavailable{503, "provider-unavailable",
                                                  "Identity provider unavailable"};

// Requests that cannot be carried out as they are.
inline constexpr ProblemType unsupported_media_type{415, "unsupported-media-type",
                                                    "Unsupported media type"};
inline constexpr ProblemType invalid_field{422, "invalid-field", "Invalid field"};
inline constexpr ProblemType unknown_parameter{422, "unknown-parameter", "Unknown parameter"};
inline constexpr ProblemType quote_invalid{422, "quote-invalid", "Quote invalid"};
inline constexpr ProblemType idempotency_key_reused{422, "idempotency-key-reused",
                                                    "Idempotency key reused"};
inline constexpr ProblemType idempotency_key_in_flight{409, "idempotency-key-in-flight",
                                                       "Idempotency key in flight"};
inline constexpr ProblemType row_too_long{422, "row-too-long", "Row too long"};
// The last row of an import that was given up.
inline constexpr ProblemType too_many_malformed_rows{422, "too-many-malformed-rows",
                                                     "Too many malformed rows"};
inline constexpr ProblemType results_unread{408, "results-unread", "Results unread"};
inline constexpr ProblemType import_too_slow{408, "import-too-slow", "Import too slow"};
inline constexpr ProblemType version_differs{412, "version-differs", "Version differs"};

// There is no such thing.
inline constexpr ProblemType account_not_found{404, "account-not-found", "Not found"};
inline constexpr ProblemType product_not_found{404, "product-not-found", "Not found"};
inline constexpr ProblemType purchase_not_found{404, "purchase-not-found", "Not found"};
inline constexpr ProblemType delivery_not_found{404, "delivery-not-found", "Not found"};

// A rule of the shop forbids it.
inline constexpr ProblemType account_name_taken{409, "account-name-taken", "Account name taken"};
inline constexpr ProblemType account_already_open{409, "account-already-open",
                                                  "Account already open"};
inline constexpr ProblemType account_closed{409, "account-closed", "Account closed"};
inline constexpr ProblemType product_name_taken{409, "product-name-taken", "Product name taken"};
inline constexpr ProblemType product_withdrawn{409, "product-withdrawn", "Product withdrawn"};
inline constexpr ProblemType insufficient_stock{409, "insufficient-stock", "Insufficient stock"};
inline constexpr ProblemType stock_too_large{409, "stock-too-large", "Stock too large"};
inline constexpr ProblemType price_changed{409, "price-changed", "Price changed"};
inline constexpr ProblemType address_changed{409, "address-changed", "Address changed"};
inline constexpr ProblemType mixed_currencies{409, "mixed-currencies", "Mixed currencies"};
inline constexpr ProblemType total_too_large{409, "total-too-large", "Total too large"};
inline constexpr ProblemType quote_expired{409, "quote-expired", "Quote expired"};
inline constexpr ProblemType already_shipped{409, "already-shipped", "Already shipped"};
inline constexpr ProblemType illegal_status_change{409, "illegal-status-change",
                                                   "Illegal status change"};
inline constexpr ProblemType too_many_scans{409, "too-many-scans", "Too many scans"};
inline constexpr ProblemType not_delivered{409, "not-delivered", "Not delivered"};
inline constexpr ProblemType purchase_closed{409, "purchase-closed", "Purchase closed"};

// Not now.
inline constexpr ProblemType not_ready{503, "not-ready", "Not ready"};
inline constexpr ProblemType overloaded{503, "overloaded", "Overloaded"};
inline constexpr ProblemType outcome_unknown{503, "outcome-unknown", "Outcome unknown"};
inline constexpr ProblemType idempotency_keys_full{503, "idempotency-keys-full",
                                                   "Idempotency keys full"};
inline constexpr ProblemType read_model_behind{503, "read-model-behind", "Read model behind"};
inline constexpr ProblemType read_model_unavailable{503, "read-model-unavailable",
                                                    "Read model unavailable"};
inline constexpr ProblemType entity_parked{503, "entity-parked", "Entity parked"};
inline constexpr ProblemType rebuild_running{409, "rebuild-running", "Rebuild running"};
inline constexpr ProblemType load_running{409, "load-running", "Load running"};
inline constexpr ProblemType load_not_allowed{403, "load-not-allowed", "Load not allowed"};
inline constexpr ProblemType not_handed_over{409, "not-handed-over", "Not handed over"};
inline constexpr ProblemType projection_not_found{404, "projection-not-found",
                                                  "Projection not found"};
inline constexpr ProblemType webhook_not_found{404, "webhook-not-found", "Webhook not found"};
inline constexpr ProblemType public_stream_away{503, "public-stream-away", "Public stream away"};

// All of them: each is explained at /problems/<code>.
inline constexpr ProblemType all[] = {
    malformed_request,
    malformed_target,
    foreign_origin,
    http::problems::not_found,
    method_not_allowed,
    request_timeout,
    length_required,
    body_too_large,
    target_too_long,
    unsupported_content_encoding,
    expectation_failed,
    misdirected_request,
    head_too_large,
    internal_error,
    method_not_implemented,
    transfer_coding_not_implemented,
    unavailable,
    too_many_connections,
    http_version_not_supported,
    unauthorized,
    forbidden,
    too_many_requests,
    provider_unavailable,
    unsupported_media_type,
    invalid_field,
    unknown_parameter,
    quote_invalid,
    idempotency_key_reused,
    idempotency_key_in_flight,
    row_too_long,
    too_many_malformed_rows,
    results_unread,
    import_too_slow,
    version_differs,
    account_not_found,
    product_not_found,
    purchase_not_found,
    delivery_not_found,
    account_name_taken,
    account_already_open,
    account_closed,
    product_name_taken,
    product_withdrawn,
    insufficient_stock,
    stock_too_large,
    price_changed,
    address_changed,
    mixed_currencies,
    total_too_large,
    quote_expired,
    already_shipped,
    illegal_status_change,
    too_many_scans,
    not_delivered,
    purchase_closed,
    not_ready,
    overloaded,
    outcome_unknown,
    idempotency_keys_full,
    read_model_behind,
    read_model_unavailable,
    entity_parked,
    rebuild_running,
    load_running,
    load_not_allowed,
    not_handed_over,
    projection_not_found,
    webhook_not_found,
    public_stream_away,
};

}  // namespace jangbu::problems
