// Tables for people, on stdout.
//
// Threads: one at a time.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace jangbu::cli {

// A field as a text; empty when there is none.
std::string field_text(const nlohmann::ordered_json& json, const char* field);

using Row = std::vector<std::string>;

// Prints in columns, two spaces apart, without trailing spaces. Control characters are made
// visible, because the texts come from whatever answers on the shop's ports.
void print_rows(std::vector<Row> rows);

}  // namespace jangbu::cli
